"""The workbench of a lead that plans: its reply is a plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from maestro_ray.actors.goal import Goal
from maestro_ray.actors.look_bench import LookBench
from maestro_ray.actors.messages import BeWorker
from maestro_ray.actors.outcome import Outcome
from maestro_ray.actors.workbench import Assignment
from maestro_ray.agent.plan_prompt import build_plan_prompt, build_repair_prompt
from maestro_ray.agent.plan_reply import Crew, read_reply
from maestro_ray.model.plan_file import to_json
from maestro_ray.model.run import Purpose


class PlanBench(LookBench):
    purpose = Purpose.PLAN
    nothing = "the lead's agent proposed no plan that can be used"

    def __init__(self, part: BeWorker, goal: Goal) -> None:
        super().__init__(part)
        self._goal = goal

    def _branch(self, assignment: Assignment) -> str:
        return str(assignment["plan"]["base_branch"]) or self._goal.base

    def _understood(self, assignment: Assignment, text: str) -> Outcome:
        draft = read_reply(text, _crew(assignment, tests=self._goal.tests))
        count = len(draft.tasks)
        return Outcome.completed(
            f"proposed: {draft.title}, {count} task{'s' if count != 1 else ''}",
            draft=to_json(draft),
            attempts=self._goal.attempts,
            revision_cap=self._goal.revision_cap,
            reviewers=self._goal.reviewers,
            review_policy=self._goal.review_policy,
        )

    def _prompt(self, assignment: Assignment, directives: Sequence[str], resume: str) -> str:
        if self._wrong and resume:
            return build_repair_prompt(self._wrong, directives)
        return build_plan_prompt(
            assignment["plan"]["description"],
            project=assignment["plan"]["title"].removeprefix("Plan for "),
            crew=_counted(assignment),
            files=self._files,
            test=self._test,
            facts=self._facts(assignment),
            rejected=[_rejection(each) for each in assignment.get("rejected", ())],
            wrong=self._wrong,
            reply=self._reply,
            directives=directives,
            resumed=bool(resume),
        )


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
