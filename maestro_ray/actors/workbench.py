"""A worker's workbench: its worktree, its scratch directory, and what a turn left there."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from maestro_ray import room
from maestro_ray.actors.briefing import brief
from maestro_ray.actors.confinement import bench_of, boxed, confined
from maestro_ray.actors.messages import BeWorker
from maestro_ray.actors.outcome import Outcome
from maestro_ray.actors.run_servers import RunServers
from maestro_ray.actors.threads import in_thread
from maestro_ray.actors.turn import Ended
from maestro_ray.agent.confined import Confined
from maestro_ray.agent.prompt import build_prompt
from maestro_ray.model import evidence
from maestro_ray.model.agent import Failed, Finished
from maestro_ray.model.run import Purpose
from maestro_ray.model.verdict import read_verdict
from maestro_ray.ports import Job
from maestro_ray.redaction import Secrets, redact, redact_all
from maestro_ray.small_file import put_small, read_small
from maestro_ray.workspace.conflict import begin_merge, unresolved
from maestro_ray.workspace.git import presentable
from maestro_ray.workspace.leftover import Owner
from maestro_ray.workspace.message import CommitMessage, Identity
from maestro_ray.workspace.repo import UNTRACKED, Repo, status
from maestro_ray.workspace.tree import remove_tree
from maestro_ray.workspace.worktree import Worktrees

Assignment = Mapping[str, Any]

LONGEST_OUTPUT = 60_000


class Workbench:
    """One worker's place. Git runs in threads; nothing here is shared between runs but the worktree itself."""

    def __init__(self, part: BeWorker) -> None:
        self._part = part
        self._scratch = Path(part.team.scratch)
        self._identity = Identity(part.name, f"{part.name}@maestro.invalid")
        self._conflicts: tuple[str, ...] = ()
        self._start = ""
        self._boxed = False
        self._worktrees: Worktrees | None = None
        self._secrets = Secrets.of(part.team.env)
        self._readable: tuple[Path, ...] = ()
        # set for each run
        self.given = RunServers()

    def refusal(self, assignment: Assignment) -> str:
        """Why such a run is not done here, or an empty string."""
        if assignment["task"] is None:
            return f"the workers of this team do tasks, and no {assignment['purpose']}"
        return ""

    async def prepare(self, assignment: Assignment) -> None:
        """A clean worktree at the run's commit, and what the agent may read beside it."""
        await in_thread(self._prepare, assignment)

    async def finish(self, assignment: Assignment) -> None:
        """The run has an outcome: its scratch directory goes; the worktree waits for the next."""
        await in_thread(lambda: shutil.rmtree(self._run_scratch(assignment), ignore_errors=True))

    async def clear(self) -> None:
        """Remove the worktree."""
        await in_thread(lambda: self._open().remove(self._path()))

    def job(self, assignment: Assignment, directives: Sequence[str]) -> Job:
        """The turn as its provider sees it."""
        task, plan, scratch = assignment["task"], assignment["plan"], self._run_scratch(assignment)
        resume = self.session(assignment)
        found = redact_all(assignment["evidence"], self._secrets)
        comments = [
            redact(_said(each["author"], each["body"]), self._secrets) for each in assignment["comments"]
        ]
        if self._conflicts:
            comments.append(f"maestro: conflict markers are in {', '.join(self._conflicts)}; resolve them")
        outfit = self._part.team.equipment.outfit(self._part.name, self._part.role)
        briefing = brief(outfit, Path(self._part.team.repo), self._path(), assignment["purpose"])
        self._readable = (*briefing.readable, *self.given.readable)
        test = task["test"] or plan["test"]
        prompt = build_prompt(
            assignment["purpose"],
            plan_title=plan["title"],
            task_title=task["title"],
            description=task["description"],
            role=self._part.role,
            branch=task["branch_name"],
            base=assignment["base"],
            commit=assignment["commit"],
            test=test,
            comments=comments,
            evidence=json.dumps(found, indent=2, ensure_ascii=False) if found else "",
            knowledge=redact_all(assignment.get("knowledge", ()), self._secrets),
            directives=directives,
            revision=task["revision_count"],
            resumed=bool(resume),
            instructions=briefing.instructions,
            skills=briefing.skills,
        )
        return Job(
            run=assignment["id"],
            purpose=assignment["purpose"],
            task=task["id"],
            key=task["key"],
            title=task["title"],
            prompt=prompt,
            worktree=self._path(),
            scratch=scratch,
            base=assignment["base"],
            commit=assignment["commit"],
            branch=task["branch_name"],
            test=test,
            revision=task["revision_count"],
            attempt=assignment["attempt"],
            resume=resume,
            evidence=scratch / "evidence.json" if found else None,
            mcp=self.given.servers,
            tools=outfit.tools,
            denied_tools=outfit.denied_tools,
            boxed=self._boxed,
        )

    def scratch(self, assignment: Assignment) -> Path:
        """The directory of this run's own."""
        return self._run_scratch(assignment)

    def session(self, assignment: Assignment) -> str:
        """The agent's session that this run can go on with; empty when there is none, or another kind of agent."""
        try:
            found = json.loads(read_small(self._session_file(assignment["id"])))
            return str(found["session"]) if found["kind"] == self._part.provider.kind else ""
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            return ""

    def name_session(self, run: str, session: str) -> None:
        """Written at once: whoever takes the run up after a cut, on this machine, finds it."""
        text = json.dumps({"kind": self._part.provider.kind, "session": session})
        with contextlib.suppress(OSError):  # without it the run begins anew
            put_small(self._session_file(run), text.encode())

    async def confine(
        self, job: Job, argv: Sequence[str], env: Mapping[str, str], writable: Sequence[Path]
    ) -> Confined:
        """The turn's program in its box. Raises `NoSandbox`."""
        return await in_thread(self._confine, job, argv, env, writable)

    async def outcome(self, assignment: Assignment, ended: Ended) -> Outcome:
        """What the turn amounts to for this purpose."""
        if isinstance(ended.event, Failed):
            if ended.limited:
                return Outcome.limited(ended.limited.retry_after, ended.limited.reason or ended.event.reason)
            if ended.event.signed_out:
                return Outcome.signed_out(ended.event.reason)
            return Outcome.failed(ended.event.reason, retryable=ended.event.retryable)
        # before anything is cut off it: of half a secret nobody knows that it is one
        event = replace(ended.event, text=redact(ended.event.text, self._secrets))
        if assignment["purpose"] == "test":
            return _tested(assignment, event)
        if assignment["purpose"] == "review":
            return await in_thread(self._reviewed, assignment, event)
        return await in_thread(self._commit, assignment, event)

    def no_room(self) -> str:
        """Why nothing can be written here now, or an empty string."""
        return room.missing_at(self._path()) or room.missing_at(self._scratch)

    def _prepare(self, assignment: Assignment) -> None:
        worktrees = self._open()
        self._boxed = boxed(self._part.team)
        onto, self._conflicts = assignment["onto"], ()
        # a program from a template cannot resolve markers, but does its work again on what is there now
        anew = onto and self._part.provider.kind == "command"
        self._start = onto if anew else assignment["commit"]
        path = worktrees.add(self._part.name, self._start)
        if assignment["purpose"] == Purpose.EXECUTE:
            self._own(assignment, path)
        if onto and not anew:
            self._conflicts = begin_merge(worktrees, path, onto, self._identity)
        scratch = self._run_scratch(assignment)
        scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        if assignment["evidence"]:
            found = redact_all(assignment["evidence"], self._secrets)
            text = json.dumps(found, indent=2, ensure_ascii=False)
            put_small(scratch / "evidence.json", text.encode(errors="replace"))

    def _own(self, assignment: Assignment, path: Path) -> None:
        """What is done here is this run's, and when its agent can go on, so is what it did before it was cut."""
        owner = Owner(assignment["plan"]["id"], assignment["id"], self._start)
        if assignment["onto"]:
            self._forget_session(assignment)  # a merge that was begun is begun anew
        elif self.session(assignment):
            self._open().take_up(path, owner)
        self._open().claim(path, owner)

    def _forget_session(self, assignment: Assignment) -> None:
        remove_tree(self._session_file(assignment["id"]))

    def _session_file(self, run: str) -> Path:
        return self._scratch / run / "agent.json"

    def _confine(
        self, job: Job, argv: Sequence[str], env: Mapping[str, str], writable: Sequence[Path]
    ) -> Confined:
        bench = bench_of(self._open(), job.worktree, job.scratch)
        return confined(
            self._part.team, self._part.role, job.purpose, bench, argv, env, writable, self._readable
        )

    def _commit(self, assignment: Assignment, event: Finished) -> Outcome:
        if left := unresolved(self._path(), self._conflicts):
            return Outcome.failed(f"conflict markers are left in {', '.join(left)}")
        task = assignment["task"]
        message = CommitMessage(
            f"{task['title']}\n\n{task['description']}".strip(),
            self._identity,
            {
                "Maestro-Run": assignment["id"],
                "Maestro-Task": task["id"],
                "Maestro-Session": self._part.session,
            },
        )
        commit = self._open().commit_all(self._path(), message, self._start)
        if commit is None:
            return Outcome.failed("the agent changed nothing")
        self._keep(task["branch_name"], commit)
        self._open().release(self._path())
        files = [
            presentable(name)
            for name in self._open().repo.changed_files(assignment["onto"] or assignment["base"], commit)
        ]
        summary = event.text.strip().splitlines()[-1][:200] if event.text.strip() else ""
        changed = f"{len(files)} file{'s' if len(files) != 1 else ''} changed"
        return Outcome.completed(f"{changed}, commit {commit[:10]}", commit=commit, files=files[:500],
                                 summary=summary)  # fmt: skip

    def _reviewed(self, assignment: Assignment, event: Finished) -> Outcome:
        """An approval of other files than those of the commit counts for nothing. New files beside them are left by
        tests, and go with the worktree."""
        git = self._open().git(self._path())
        changed = [presentable(each[3:]) for each in status(git) if not each.startswith(UNTRACKED)]
        if git.run("rev-parse", "HEAD").strip() != assignment["commit"]:
            changed.append("the commit it is at")
        if changed and read_verdict(event.text, assignment["commit"]).approved:
            named = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
            return Outcome.failed(
                f"the reviewer changed {named}: what it approves is not what is to be merged"
            )
        also = {"changed": changed[:100]} if changed else {}
        return Outcome.completed("reviewed", output=event.text, **also)

    def _keep(self, branch: str, commit: str) -> None:
        """The task's branch follows the work, wherever an earlier attempt that died had left it."""
        repo = self._open().repo
        ref = f"refs/heads/{branch}"
        before = repo.git.run("rev-parse", "--verify", "-q", ref, check=False).strip()
        if before != commit:
            repo.update_ref(ref, commit, before)

    def _open(self) -> Worktrees:
        if self._worktrees is None:
            team = self._part.team
            self._worktrees = Worktrees(Repo.open(Path(team.repo)), Path(team.worktrees))
        return self._worktrees

    def _path(self) -> Path:
        return self._open().path(self._part.name)

    def _run_scratch(self, assignment: Assignment) -> Path:
        return self._scratch / str(assignment["id"])


def _said(author: str, body: str) -> str:
    """Only the first line begins with a name: another would pass for what somebody else has said."""
    first, *more = body.splitlines() or [""]
    return "\n".join([f"{' '.join(author.split())}: {first}", *(f"    {line}" for line in more)])


def _tested(assignment: Assignment, event: Finished) -> Outcome:
    """A red test is a good test run: what it found is evidence."""
    test = assignment["task"]["test"] or assignment["plan"]["test"]
    output = event.text[-LONGEST_OUTPUT:]
    found = {
        "commit": assignment["commit"],
        "command": test,
        "exit_code": event.exit_code,
        "counts": evidence.counts(event.text),
        "output": output,
    }
    return Outcome.completed(evidence.summary(found), **found)
