"""Why a task does not start, or its next run does not: everything that would have to change, in plain sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from maestro_ray.model import plan as plans
from maestro_ray.model.dependency import Node
from maestro_ray.model.dispatch import IN_FLIGHT_CAP, SERIAL, SIGNED_OUT, Moment, Seat, Waiting, fits
from maestro_ray.model.task import TERMINAL, Status, Task, waits_for_accept


@dataclass(frozen=True)
class Blocker:
    """One reason. `kind` is for programs, `text` for people, `subject` the id of what it is about."""

    kind: str
    text: str
    subject: str = ""


@dataclass(frozen=True)
class Situation:
    """What there is to know: the task and its plan, what it waits for, open cards (id, question), its next run unless
    a session has it, and every connected session of the project with those that are busy."""

    task: Task
    plan: plans.Plan
    unmet: Sequence[Node] = ()
    cards: Sequence[tuple[str, str]] = ()
    run: Waiting | None = None
    seats: Sequence[Seat] = ()
    busy: frozenset[str] = frozenset()
    moment: Moment = field(default_factory=Moment)


def blockers(now: Situation) -> list[Blocker]:
    """Empty when the task is over, or when somebody works on it."""
    if now.task.status in TERMINAL:
        return []
    found = [*_of_plan(now), *_of_task(now)]
    if now.run is not None:
        found += _of_run(now, now.run)
    return found


def _of_plan(now: Situation) -> Iterable[Blocker]:
    plan = now.plan
    match plan.status:
        case plans.Status.ACTIVE:
            if not plan.epic and not plan.waiting:
                yield Blocker("epic", "the lead has not made the plan's branch yet", plan.id)
        case plans.Status.DRAFT:
            yield Blocker("plan", "the plan is a draft: activate it", plan.id)
        case plans.Status.PAUSED:
            yield Blocker("plan", "the plan is paused: resume it", plan.id)
        case _:
            yield Blocker("plan", f"the plan is {plan.status}", plan.id)


def _of_task(now: Situation) -> Iterable[Blocker]:
    for identifier, question in now.cards:
        yield Blocker("decision", question, identifier)
    if now.task.status is Status.WAITING_FOR_RESUME and not now.cards:
        yield Blocker("resume", "it was paused and waits to be resumed", now.task.id)
    for other in now.unmet:
        yield Blocker("dependency", f"{other.title or other.id} is {other.status}", other.id)
    if waits_for_accept(now.task):
        yield Blocker("accept", "it waits for its assignee to accept it", now.task.assignee)


def _of_run(now: Situation, run: Waiting) -> Iterable[Blocker]:
    if run.not_before > now.moment.now:
        yield Blocker("rate_limit", f"its run was paused until {_clock(run.not_before)}", run.run)
    if run.session == "":
        return  # whoever accepts it will do
    fitting = [seat for seat in now.seats if fits(run, seat)]
    if not fitting:
        yield _nobody(now, run)
    elif (until := min(seat.rests_until for seat in fitting)) >= SIGNED_OUT:
        yield Blocker("signed_out", "the account of every session that fits was refused: sign in", run.run)
    elif until > now.moment.now:
        yield Blocker("rate_limit", f"every session that fits rests until {_clock(until)}", run.run)
    yield from _of_queue(now, run, fitting)


def _of_queue(now: Situation, run: Waiting, fitting: Sequence[Seat]) -> Iterable[Blocker]:
    if fitting and all(seat.session in now.busy for seat in fitting):
        yield Blocker("busy", "every session that fits works on something else", run.run)
    if run.purpose in SERIAL and run.plan in now.moment.serial:
        yield Blocker("queue", f"another {run.purpose} of this plan is under way", run.plan)
    teams = {seat.team for seat in fitting}
    if teams and all(now.moment.in_flight.get(team, 0) >= IN_FLIGHT_CAP for team in teams):
        yield Blocker("in_flight", "its team has too many runs it has not taken up", run.run)


def _nobody(now: Situation, run: Waiting) -> Blocker:
    if run.session:
        return Blocker("session", "the session that is to do it is away", run.session)
    if any(fits(replace(run, done_by=frozenset()), seat) for seat in now.seats):
        return Blocker("session", "only sessions of those who did the work could judge it", run.role)
    if any(fits(replace(run, judged_by=frozenset()), seat) for seat in now.seats):
        count = len(run.judged_by)
        why = (
            f"it takes a reviewer more than the {count} who have judged this commit, and each judges it once"
        )
        return Blocker("reviewers", why, run.role)
    if any(fits(replace(run, skill=""), seat) for seat in now.seats):
        return Blocker(
            "skill",
            f"no {run.role} session has the skill {run.skill} at {run.proficiency} or more",
            run.skill,
        )
    return Blocker("session", f"no {run.role} session that serves this plan is connected", run.role)


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
