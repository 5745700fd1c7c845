"""The workbench of a lead that plans: a worktree to look at, and a reply that is a plan or is mended once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from maestro_ray.actors.goal import Goal
from maestro_ray.actors.messages import BeWorker
from maestro_ray.actors.outcome import Outcome
from maestro_ray.actors.threads import in_thread
from maestro_ray.actors.turn import Ended
from maestro_ray.actors.workbench import Assignment, Workbench
from maestro_ray.agent.plan_prompt import build_plan_prompt, build_repair_prompt
from maestro_ray.agent.plan_reply import BadReply, Crew, read_reply
from maestro_ray.model.agent import Finished
from maestro_ray.model.plan_file import to_json
from maestro_ray.model.run import Purpose
from maestro_ray.ports import Job
from maestro_ray.redaction import redact, redact_all
from maestro_ray.workspace.look import likely_test, top_level

# how often a reply that is no plan may be mended
REPAIRS = 1


class PlanBench(Workbench):
    """Nothing that is done here is kept: what counts is what the agent says at the end."""

    def __init__(self, part: BeWorker, goal: Goal) -> None:
        super().__init__(part)
        self._goal = goal
        self._at = ""
        self._files: Sequence[str] = ()
        self._test = ""
        self._repairs = 0
        self._reply = ""
        self._wrong: Sequence[str] = ()

    def refusal(self, assignment: Assignment) -> str:
        if assignment["purpose"] != Purpose.PLAN:
            return f"the lead's agent plans, and does no {assignment['purpose']}"
        return ""

    def job(self, assignment: Assignment, directives: Sequence[str]) -> Job:
        resume = self.session(assignment)
        rejected = assignment.get("rejected", ())
        return Job(
            run=assignment["id"],
            purpose=assignment["purpose"],
            task="",
            key="plan",
            title=assignment["plan"]["title"],
            prompt=self._prompt(assignment, directives, resume),
            worktree=self._path(),
            scratch=self._run_scratch(assignment),
            base=self._at,
            commit=self._at,
            test=self._test,
            revision=len(rejected) + self._repairs,
            attempt=assignment["attempt"],
            resume=resume,
        )

    async def outcome(self, assignment: Assignment, ended: Ended) -> Outcome:
        """A plan, or another turn with what is wrong with it, or the end of the run with a card."""
        if not isinstance(ended.event, Finished):
            return await super().outcome(assignment, ended)
        text = redact(ended.event.text, self._secrets)
        try:
            draft = read_reply(text, _crew(assignment, tests=self._goal.tests))
        except BadReply as bad:
            self._reply, self._wrong = text, bad.mistakes
            if self._repairs < REPAIRS:
                self._repairs += 1
                return Outcome("again", summary=f"no plan yet: {'; '.join(bad.mistakes)}")
            said = "\n".join(f"  {each}" for each in bad.mistakes)
            return Outcome.failed(f"the lead's agent proposed no plan that can be used:\n{said}", hold=True)
        count = len(draft.tasks)
        return Outcome.completed(
            f"proposed: {draft.title}, {count} task{'s' if count != 1 else ''}",
            draft=to_json(draft),
            attempts=self._goal.attempts,
            revision_cap=self._goal.revision_cap,
        )

    def _prompt(self, assignment: Assignment, directives: Sequence[str], resume: str) -> str:
        if self._wrong and resume:
            return build_repair_prompt(self._wrong, directives)
        known = redact_all(assignment.get("knowledge", ()), self._secrets)
        return build_plan_prompt(
            assignment["plan"]["description"],
            project=assignment["plan"]["title"].removeprefix("Plan for "),
            crew=_counted(assignment),
            files=self._files,
            test=self._test,
            facts=[f"{each['kind']} {each['path']}: {each['title']}\n{each['body']}" for each in known],
            rejected=[_rejection(each) for each in assignment.get("rejected", ())],
            wrong=self._wrong,
            reply=self._reply,
            directives=directives,
            resumed=bool(resume),
        )

    def _prepare(self, assignment: Assignment) -> None:
        """The worktree at the tip of the base branch, where a read-only agent may look around."""
        worktrees = self._open()
        branch = assignment["plan"]["base_branch"] or self._goal.base or worktrees.repo.default_base()
        self._at = worktrees.repo.tip(branch)
        worktrees.add(self._part.name, self._at)
        git = worktrees.repo.git
        self._files = top_level(git, self._at)
        self._test = likely_test(git, self._at, self._files)
        self._repairs, self._reply, self._wrong = 0, "", ()
        self._run_scratch(assignment).mkdir(mode=0o700, parents=True, exist_ok=True)

    async def finish(self, assignment: Assignment) -> None:
        """The scratch directory goes, and the worktree: there may never be another run of this kind."""
        await super().finish(assignment)
        await in_thread(lambda: self._open().remove(Path(self._path())))


def _crew(assignment: Assignment, *, tests: bool) -> Crew:
    """The best of each skill by role."""
    return Crew({role: each["skills"] for role, each in _counted(assignment).items()}, tests)


def _counted(assignment: Assignment) -> dict[str, dict[str, Any]]:
    """`{count, skills}` by role, of the workers that Studio says are there."""
    found: dict[str, dict[str, Any]] = {}
    for each in assignment.get("team", ()):
        one = found.setdefault(each["role"], {"count": 0, "skills": {}})
        one["count"] += 1
        for skill, level in each["skills"].items():
            one["skills"][skill] = max(level, one["skills"].get(skill, 0))
    return found


def _rejection(each: dict[str, Any]) -> str:
    tasks = "\n".join(f"* {title}" for title in each["tasks"])
    return f"{each['title']}\n{tasks}\nWhy not: {each['reason'] or 'no reason was given'}"
