"""What a lead does without an agent: begin an epic, merge approved commits, release, clean up."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from maestro_ray import room
from maestro_ray.actors.confinement import bench_of, confined
from maestro_ray.actors.hooking import Hooking, Tell
from maestro_ray.actors.messages import BeLead
from maestro_ray.actors.outcome import Outcome, about
from maestro_ray.actors.threads import in_thread
from maestro_ray.agent import process
from maestro_ray.agent.confined import Confined
from maestro_ray.agent.environment import allowed
from maestro_ray.agent.limits import reached
from maestro_ray.errors import MaestroError, RefMoved
from maestro_ray.model.run import Purpose
from maestro_ray.workspace.epic import bootstrap_epic
from maestro_ray.workspace.leftover import forget_plan
from maestro_ray.workspace.merge import AlreadyMerged, MergeConflict, Merged, advance
from maestro_ray.workspace.message import CommitMessage, Identity
from maestro_ray.workspace.release import Prepared, Published, prepare_release, publish_release
from maestro_ray.workspace.repo import Repo
from maestro_ray.workspace.worktree import Worktrees

Assignment = Mapping[str, Any]

MERGE_TREE, RELEASE_TREE = "lead-merge", "lead-release"
LONGEST_OUTPUT = 4000


class LeadWork:
    """The lead's runs, one at a time. Each may be repeated after a cut and finds what it had done."""

    def __init__(self, part: BeLead, tell: Tell = lambda _kind, _body: None) -> None:
        self._part = part
        self._hooking = Hooking(part.team, "lead", tell)
        self._open_worktrees: Worktrees | None = None

    async def do(self, assignment: Assignment) -> Outcome:
        """Raises `MaestroError` when git refuses; nothing is half done then."""
        match Purpose(assignment["purpose"]):
            case Purpose.BOOTSTRAP_EPIC:
                return await in_thread(self._bootstrap, assignment)
            case Purpose.MERGE:
                plan = assignment["plan"]
                if denied := await self._denied(assignment, assignment["commit"], plan["epic_branch"]):
                    return denied
                return await in_thread(self._merge, assignment)
            case Purpose.RELEASE:
                return await self._release(assignment)
            case Purpose.RELEASE_CLEANUP:
                return await in_thread(self._clean_up, assignment)
            case purpose:
                return Outcome.failed(f"a lead cannot do {purpose}", retryable=False)

    async def clear(self) -> None:
        """Remove the lead's worktrees."""
        await in_thread(self._clear)

    async def _denied(self, assignment: Assignment, commit: str, into: str) -> Outcome | None:
        """What a hook refuses is merged by nobody until the operator says so."""
        said = {**about(assignment), "commit": commit, "into": into}
        reason = await self._hooking.ask("PreMerge", **said)
        if not reason:
            return None
        return Outcome.failed(f"a hook denies the merge of {commit[:10]} into {into}: {reason}", hold=True)

    def _bootstrap(self, assignment: Assignment) -> Outcome:
        plan, repo = assignment["plan"], self._worktrees().repo
        base = repo.tip(plan["base_branch"])
        message = self._message(f"Begin: {plan['title']}\n\n[BOOTSTRAP {plan['id']}]", assignment)
        commit = bootstrap_epic(repo, base, plan["epic_branch"], message)
        return Outcome.completed(f"{plan['epic_branch']} begins at {base[:10]}", commit=commit)

    def _merge(self, assignment: Assignment) -> Outcome:
        plan, task = assignment["plan"], assignment["task"]
        message = self._message(f"Merge: {task['title']}", assignment)
        branch, head = plan["epic_branch"], plan["epic_head"]
        try:
            result = advance(
                self._worktrees(),
                MERGE_TREE,
                branch,
                head,
                assignment["commit"],
                message,
                # a Studio that does not tell them knows of none
                assignment.get("cut", ()),
            )
        except RefMoved as moved:
            ref, _, actual = moved.args
            reason = (
                f"{branch} holds commits that nobody has reviewed: it is at {actual[:12]}, not at {head[:12]}"
            )
            back = f"git -C {shlex.quote(self._part.team.repo)} update-ref {ref} {head} {actual}"
            return Outcome.failed(f"{reason}. To put it back: {back}", hold=True)
        if isinstance(result, MergeConflict):
            return Outcome.failed(result.reason)
        how = "was merged already" if isinstance(result, AlreadyMerged) else "merged"
        told = f"{assignment['commit'][:10]} {how} into {plan['epic_branch']}"
        if isinstance(result, Merged) and result.instead:
            told += f", in place of {result.instead[:10]}, a merge that was cut and never reported"
        return Outcome.completed(told, merge=result.commit)

    async def _release(self, assignment: Assignment) -> Outcome:
        if not assignment["merged"]:
            return Outcome.completed(
                "no task was merged: nothing to release", commit="", how="nothing to release"
            )
        prepared = await in_thread(self._prepare, assignment)
        if not isinstance(prepared, Prepared):
            return prepared
        if red := await self._test(assignment, prepared):
            return Outcome.failed(red, hold=True)
        if denied := await self._denied(assignment, prepared.commit, prepared.base):
            return denied
        return await in_thread(self._publish, assignment, prepared)

    def _prepare(self, assignment: Assignment) -> Prepared | Outcome:
        plan = assignment["plan"]
        message = self._message(f"Release: {plan['title']}\n\n[RELEASE {plan['id']}]", assignment)
        base, epic = plan["base_branch"], plan["epic_head"]
        result = prepare_release(self._worktrees(), RELEASE_TREE, base, epic, message)
        if isinstance(result, MergeConflict):
            git = f"git -C {shlex.quote(self._part.team.repo)}"
            by_hand = f"{git} switch {shlex.quote(base)} && {git} merge --no-ff {epic}"
            return Outcome.failed(
                f"{result.reason} between {base} and the epic. To finish by hand: {by_hand}", hold=True
            )
        if isinstance(result, AlreadyMerged):
            return Outcome.completed(
                f"{base} holds the epic already", commit=result.commit, how="already there"
            )
        return result

    async def _test(self, assignment: Assignment, prepared: Prepared) -> str:
        """Why the release commit may not be published, or nothing."""
        test, team = assignment["plan"]["test"], self._part.team
        if not test:
            return ""
        env = allowed(team.env, [])
        with self._scratch(assignment) as scratch:
            ended, output = await process.run(
                await in_thread(self._confine, prepared, scratch, ["sh", "-c", test], env),
                prepared.path,
                env,
                f"{team.instance}:{team.id}:{assignment['id']}",
                limit_bytes=LONGEST_OUTPUT,
            )
            full = any(map(room.missing_at, (prepared.path, scratch)))
        if ended.code == 0:
            return ""
        if full:  # what was found there says nothing of the release
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(prepared.path))
        how = f"exit code {ended.code}" if ended.code is not None else f"signal {ended.signal}"
        if ended.limit:
            how = f"{how}: {reached(ended.limit, team.limits)}"
        return (
            f"the plan's test `{test}` is red on the release commit {prepared.commit[:10]} ({how}):\n{output}"
        )

    @contextlib.contextmanager
    def _scratch(self, assignment: Assignment) -> Iterator[Path]:
        """A directory of this run's own, for as long as its test runs."""
        scratch = Path(self._part.team.scratch) / assignment["id"]
        scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _confine(
        self, prepared: Prepared, scratch: Path, argv: Sequence[str], env: Mapping[str, str]
    ) -> Confined:
        bench = bench_of(self._worktrees(), prepared.path, scratch)
        return confined(self._part.team, "lead", Purpose.TEST, bench, argv, env)

    def _publish(self, assignment: Assignment, prepared: Prepared) -> Outcome:
        repo, kept = self._worktrees().repo, _kept_ref(assignment)
        # held by a ref as long as somebody may need it for the command that finishes by hand
        repo.git.run("update-ref", kept, prepared.commit)
        result = publish_release(repo, prepared.base, prepared.base_sha, prepared.commit)
        if isinstance(result, Published):
            repo.git.run("update-ref", "-d", kept)
            return Outcome.completed(f"{prepared.base}: {result.how}", commit=result.commit, how=result.how)
        return Outcome.failed(f"{result.reason}. To finish by hand: {result.command}", hold=True)

    def _clean_up(self, assignment: Assignment) -> Outcome:
        """Branches that are merged go; what a cancelled task or plan left stays where a person can find it."""
        plan, repo = assignment["plan"], self._worktrees().repo
        self._clear()
        repo.git.run("update-ref", "-d", _kept_ref(assignment))
        if plan["status"] != "cancelled":
            forget_plan(repo.git, plan["id"])
        deleted = kept = 0
        for branch in [*assignment["branches"], plan["epic_branch"]]:
            if self._delete_if_done(repo, branch, assignment):
                deleted += 1
            elif repo.git.ask("rev-parse", "--verify", "-q", f"refs/heads/{branch}"):
                kept += 1
        return Outcome.completed(
            f"{deleted} branch{'es' if deleted != 1 else ''} deleted, {kept} kept", deleted=deleted, kept=kept
        )

    def _delete_if_done(self, repo: Repo, branch: str, assignment: Assignment) -> bool:
        plan = assignment["plan"]
        try:
            tip = repo.tip(branch)
            # an epic that nothing was merged into holds an empty commit of ours and no work
            empty = branch == plan["epic_branch"] and not assignment["merged"] and tip == plan["epic_head"]
            done = empty or repo.is_ancestor(tip, repo.tip(plan["base_branch"]))
            return done and repo.delete_branch(branch, tip)
        except MaestroError:
            return False

    def _clear(self) -> None:
        worktrees = self._worktrees()
        for name in (MERGE_TREE, RELEASE_TREE):
            worktrees.remove(worktrees.path(name))

    def _worktrees(self) -> Worktrees:
        if self._open_worktrees is None:
            team = self._part.team
            self._open_worktrees = Worktrees(Repo.open(Path(team.repo)), Path(team.worktrees))
        return self._open_worktrees

    def _message(self, text: str, assignment: Assignment) -> CommitMessage:
        bot, trailers = (
            self._part.team.bot,
            {"Maestro-Run": assignment["id"], "Maestro-Session": self._part.session},
        )
        if assignment["task"]:
            trailers["Maestro-Task"] = assignment["task"]["id"]
        return CommitMessage(text, Identity(bot, f"{bot}@maestro.invalid"), trailers)


def _kept_ref(assignment: Assignment) -> str:
    return f"refs/maestro/release/{assignment['plan']['id']}"
