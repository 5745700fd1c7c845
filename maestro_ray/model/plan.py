"""A plan: draft → active → completed → archived, with paused and cancelled beside it.

Only an active plan dispatches. Its epic branch is made first, its tasks are merged into that, and when every task is
terminal the epic is released into the base branch and cleaned up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from maestro_ray.errors import IllegalEvent
from maestro_ray.model import task as tasks
from maestro_ray.model.run import Purpose
from maestro_ray.model.table import arrow
from maestro_ray.model.task import AskDecision, CancelRuns, StartRun


class Status(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    ARCHIVED = "archived"
    CANCELLED = "cancelled"


TERMINAL = frozenset({Status.COMPLETED, Status.ARCHIVED, Status.CANCELLED})


@dataclass(frozen=True)
class Plan:
    """`epic` is the commit the epic branch began at, `released` the release commit in the base, both empty until then.
    `waiting` says why the lead's part (bootstrap or release) waits for the operator."""

    id: str
    status: Status = Status.DRAFT
    epic: str = ""
    released: str = ""
    waiting: str = ""


@dataclass(frozen=True)
class Activated:
    pass


@dataclass(frozen=True)
class Paused:
    pass


@dataclass(frozen=True)
class Resumed:
    pass


@dataclass(frozen=True)
class Cancelled:
    pass


@dataclass(frozen=True)
class EpicReady:
    """The epic branch exists, from this commit."""

    commit: str


@dataclass(frozen=True)
class Released:
    """The base branch holds the epic; `commit` is empty when no task was merged."""

    commit: str


@dataclass(frozen=True)
class Held:
    """The lead's run of this purpose cannot go on without the operator."""

    purpose: Purpose
    reason: str


@dataclass(frozen=True)
class Retried:
    pass


@dataclass(frozen=True)
class Archived:
    """A person put it away."""


Event = Activated | Paused | Resumed | Cancelled | EpicReady | Released | Held | Retried | Archived


@dataclass(frozen=True)
class ReleaseTasks:
    """Every merged task is now completed."""


Effect = StartRun | AskDecision | CancelRuns | ReleaseTasks

ARROWS: dict[tuple[Status, type], Status] = {
    (Status.DRAFT, Activated): Status.ACTIVE,
    (Status.DRAFT, Cancelled): Status.CANCELLED,
    (Status.ACTIVE, Paused): Status.PAUSED,
    (Status.ACTIVE, Cancelled): Status.CANCELLED,
    (Status.ACTIVE, EpicReady): Status.ACTIVE,
    (Status.ACTIVE, Released): Status.COMPLETED,
    (Status.ACTIVE, Held): Status.ACTIVE,
    (Status.ACTIVE, Retried): Status.ACTIVE,
    (Status.PAUSED, Resumed): Status.ACTIVE,
    (Status.PAUSED, Cancelled): Status.CANCELLED,
    (Status.PAUSED, EpicReady): Status.PAUSED,
    # work already begun may end while the plan is paused; what is in the base branch is in the base branch
    (Status.PAUSED, Released): Status.COMPLETED,
    (Status.PAUSED, Held): Status.PAUSED,
    (Status.PAUSED, Retried): Status.PAUSED,
    (Status.COMPLETED, Archived): Status.ARCHIVED,
}


def apply(plan: Plan, event: Event, task_states: Sequence[tasks.Status]) -> tuple[Plan, list[Effect]]:
    """The plan after the event and what must now be done. Raises `IllegalEvent`, and then nothing has changed."""
    begun = plan.status is not Status.DRAFT
    plan = replace(plan, status=arrow("plan", ARROWS, plan.status, event))
    match event:
        case EpicReady(commit):
            return replace(plan, epic=commit), []
        case Released(commit):
            if not all(state in tasks.TERMINAL for state in task_states):
                raise IllegalEvent("plan", "with open tasks", "Released")
            return replace(plan, released=commit, waiting=""), [
                ReleaseTasks(),
                StartRun(Purpose.RELEASE_CLEANUP),
            ]
        case Held(purpose, reason):
            return replace(plan, waiting=reason), [AskDecision(purpose.value, reason)]
        case Retried():
            return replace(plan, waiting=""), []
        case Cancelled():
            # a bootstrap that was under way may have left a branch; a draft has none
            cleanup: list[Effect] = [StartRun(Purpose.RELEASE_CLEANUP)] if begun else []
            return replace(plan, waiting=""), [CancelRuns(), *cleanup]
        case _:
            return plan, []


def next_step(plan: Plan, task_states: Sequence[tasks.Status]) -> Purpose | None:
    """The lead's run the plan needs now, beside what its tasks need; None when there is none."""
    if plan.status is not Status.ACTIVE or plan.waiting:
        return None
    if not plan.epic:
        return Purpose.BOOTSTRAP_EPIC
    if task_states and all(state in tasks.TERMINAL for state in task_states):
        return Purpose.RELEASE
    return None
