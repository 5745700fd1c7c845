"""A run: one execution of one purpose by one session, fenced by an epoch.

queued → dispatched → running ⇄ paused → succeeded | failed | cancelled; any live state → interrupted → queued.
A run that is interrupted while it pauses waits in the queue until its time.
The epoch grows whenever the run changes hands, so a report from an earlier holder is told from the present one's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from maestro_ray.errors import IllegalEvent, StaleEpoch
from maestro_ray.model.table import arrow


class Purpose(StrEnum):
    """What a run is for. The first group is done by workers, the second by the lead without an agent."""

    EXECUTE = "execute"
    TEST = "test"
    REVIEW = "review"
    REPO_ANALYSIS = "repo_analysis"
    PLAN = "plan"

    MERGE = "merge"
    BOOTSTRAP_EPIC = "bootstrap_epic"
    RELEASE = "release"
    RELEASE_CLEANUP = "release_cleanup"


LEAD_PURPOSES = frozenset({Purpose.MERGE, Purpose.BOOTSTRAP_EPIC, Purpose.RELEASE, Purpose.RELEASE_CLEANUP})


class State(StrEnum):
    QUEUED = "queued"
    DISPATCHED = "dispatched"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Run:
    """`session` holds it now, `epoch` is the number of its last handover.

    Before `resume_at` (Unix seconds) it does not go on: not with its holder while it is paused, nor with another
    while it is queued.
    """

    id: str
    purpose: Purpose
    state: State = State.QUEUED
    session: str | None = None
    epoch: int = 0
    resume_at: float | None = None


@dataclass(frozen=True)
class Dispatched:
    """Studio offered the run to a session."""

    session: str


@dataclass(frozen=True)
class Claimed:
    """The session took it."""

    session: str


@dataclass(frozen=True)
class Paused:
    """The holder pauses until `resume_at` (Unix seconds; None: until told)."""

    epoch: int
    resume_at: float | None = None


@dataclass(frozen=True)
class Resumed:
    epoch: int


@dataclass(frozen=True)
class Succeeded:
    epoch: int


@dataclass(frozen=True)
class Failed:
    epoch: int
    reason: str = ""


@dataclass(frozen=True)
class Cancelled:
    """The operator, a pause of the plan or an abort of the task took it back."""


@dataclass(frozen=True)
class Interrupted:
    """The session's lease ended, or its worker was seen to die."""


@dataclass(frozen=True)
class Requeued:
    """It may be tried again."""


Event = Dispatched | Claimed | Paused | Resumed | Succeeded | Failed | Cancelled | Interrupted | Requeued

LIVE = frozenset({State.QUEUED, State.DISPATCHED, State.RUNNING, State.PAUSED})
HELD = frozenset({State.DISPATCHED, State.RUNNING, State.PAUSED})
OVER = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})

ARROWS: dict[tuple[State, type], State] = {
    (State.QUEUED, Dispatched): State.DISPATCHED,
    (State.DISPATCHED, Claimed): State.RUNNING,
    (State.RUNNING, Paused): State.PAUSED,
    (State.PAUSED, Resumed): State.RUNNING,
    # Studio resumes it at its time by itself; the holder says so too
    (State.RUNNING, Resumed): State.RUNNING,
    (State.RUNNING, Succeeded): State.SUCCEEDED,
    (State.RUNNING, Failed): State.FAILED,
    # a holder that was restarted while it paused may end the run without having resumed it
    (State.PAUSED, Succeeded): State.SUCCEEDED,
    (State.PAUSED, Failed): State.FAILED,
    **{(state, Cancelled): State.CANCELLED for state in (*LIVE, State.INTERRUPTED)},
    **{(state, Interrupted): State.INTERRUPTED for state in HELD},
    (State.INTERRUPTED, Requeued): State.QUEUED,
}


def apply(run: Run, event: Event) -> Run:
    """The run after the event. Raises `StaleEpoch` or `IllegalEvent`, and then nothing has changed."""
    if isinstance(event, Paused | Resumed | Succeeded | Failed) and event.epoch != run.epoch:
        raise StaleEpoch(run.id, event.epoch, run.epoch)
    state = arrow("run", ARROWS, run.state, event)
    match event:
        case Dispatched(session):
            return replace(run, state=state, session=session, resume_at=None)
        case Claimed(session):
            if session != run.session:
                raise IllegalEvent("run", f"dispatched to {run.session}", f"claim by {session}")
            return replace(run, state=state, epoch=run.epoch + 1)
        case Paused(_, resume_at):
            return replace(run, state=state, resume_at=resume_at)
        case Interrupted():
            return replace(run, state=state, session=None, epoch=run.epoch + 1)
        case Requeued():
            return replace(run, state=state)
        case Cancelled():
            return replace(run, state=state, session=None, epoch=run.epoch + 1, resume_at=None)
        case _:
            return replace(run, state=state, resume_at=None)
