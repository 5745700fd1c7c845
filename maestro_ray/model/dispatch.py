"""Which waiting run goes to which idle session: a pure decision that lets nobody wait for ever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from maestro_ray.model.run import LEAD_PURPOSES, Purpose

# A run that has waited this long, in seconds, goes before all that came after it, whatever their priority.
PATIENCE = 600.0
# A team has at most this many runs that were handed to it and not claimed yet.
IN_FLIGHT_CAP = 32
# A run that nobody claims for this long, in seconds, is offered to another session,
# until when the sessions of a refused account rest: it does not come back by itself; in Unix seconds
SIGNED_OUT = 1e11
CLAIM_SECONDS = 60.0
# and after this many offers a person is asked instead: something is wrong that no further offer will mend.
OFFERS_CAP = 5

# one of a plan at a time: each changes what the next one starts from
SERIAL = frozenset({Purpose.MERGE})
# roles whose word about others' work counts: to join a team as one of them it takes who may lead
JUDGING = frozenset({"test", "review"})


@dataclass(frozen=True)
class Seat:
    """An idle session. `role` is its worker role, or `lead`; `skills` maps a slug to a proficiency of 1 to 5.

    `rests_until` (Unix seconds) is when the rate limit of its credentials ends. `user` is whose session it is, and
    `leader` whose the lead of its team is.
    """

    session: str
    project: str
    team: str
    workspace: str
    role: str
    skills: Mapping[str, int] = field(default_factory=dict)
    serves_all: bool = True
    rests_until: float = 0.0
    user: str = ""
    leader: str = ""


@dataclass(frozen=True)
class Waiting:
    """A queued run. `team` pins it to one team while that lives; `workspace` to the repository its branches are in.

    `session` pins it to one session (empty: to one that has not accepted yet), and then its skill is no matter;
    `passed_over` had it and did not claim it. `order` sorts the runs of one plan: priority first, then level of
    dependency, then age. `since` and `not_before` are Unix seconds.
    `done_by` are the users whose sessions did what a review is about, `judged_by` the sessions that have judged it.
    """

    run: str
    project: str
    purpose: Purpose
    role: str
    plan: str = ""
    team: str = ""
    workspace: str = ""
    skill: str = ""
    proficiency: int = 0
    order: tuple[float, ...] = ()
    session: str | None = None
    passed_over: str = ""
    since: float = 0.0
    not_before: float = 0.0
    done_by: frozenset[str] = frozenset()
    judged_by: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Moment:
    """What was decided before: when each plan was last served (Unix seconds), how many runs each team was handed
    and has not claimed, and the plans of which a serial run is held."""

    now: float = 0.0
    served: Mapping[str, float] = field(default_factory=dict)
    in_flight: Mapping[str, int] = field(default_factory=dict)
    serial: frozenset[str] = frozenset()


def role_for(purpose: Purpose, task_role: str = "dev") -> str:
    """The role of session that does this purpose."""
    if purpose in LEAD_PURPOSES:
        return "lead"
    return {Purpose.TEST: "test", Purpose.REVIEW: "review"}.get(purpose, task_role)


def assign(
    waiting: Iterable[Waiting], seats: Sequence[Seat], moment: Moment | None = None
) -> list[tuple[str, str]]:
    """Pairs of (run, session). Each session gets one run at most."""
    moment, waiting = moment or Moment(), list(waiting)
    free = [seat for seat in seats if seat.rests_until <= moment.now]
    in_flight, serial = Counter(moment.in_flight), set(moment.serial)
    pairs = []
    for run in in_turn([run for run in waiting if run.not_before <= moment.now], moment):
        if run.purpose in SERIAL and run.plan in serial:
            continue
        fitting = [seat for seat in free if in_flight[seat.team] < IN_FLIGHT_CAP and fits(run, seat)]
        if fitting:
            seat = min(fitting, key=lambda seat: (seat.session == run.passed_over, _surplus(run, seat)))
            free.remove(seat)
            in_flight[seat.team] += 1
            serial |= {run.plan} if run.purpose in SERIAL else set()
            pairs.append((run.run, seat.session))
    return pairs


def fits(run: Waiting, seat: Seat) -> bool:
    """Whether this session may do this run at all."""
    return not misfit(run, seat)


def misfit(run: Waiting, seat: Seat) -> str:
    """Why this session may not do this run; empty when it may."""
    if seat.project != run.project:
        return "it is of another project"
    if seat.role != run.role:
        return f"it is no {run.role} session"
    if run.purpose is Purpose.PLAN and run.session:  # made for one lead, whichever plans its team serves
        return "" if run.session == seat.session else "another session is to do it"
    if run.team != seat.team and (run.team or not seat.serves_all):
        return "its team does not serve this plan"
    if run.workspace and run.workspace != seat.workspace:
        return "the branches of this plan are in another repository"
    # where all sessions are the leader's own, another of them is all there is
    if seat.user in run.done_by and seat.user != seat.leader:
        return "it is of the user who did the work"
    if seat.session in run.judged_by:
        return "it has judged this commit already"
    if run.session is not None:
        return "" if run.session == seat.session else "another session is to do it"
    if run.skill and seat.skills.get(run.skill, 0) < run.proficiency:
        return f"its skill in {run.skill} is not {run.proficiency} or more"
    return ""


def in_turn(waiting: Iterable[Waiting], moment: Moment) -> list[Waiting]:
    """In the order they may choose a session.

    Those who lost patience come first, the oldest first; as they are ever fewer, nobody waits for ever beside a
    session that is free at times. Then come those pinned to one session, for whom no other will do. Among the rest
    projects take turns, and in a project its plans; who was served longest ago begins.
    """
    late: list[Waiting] = []
    pinned: list[Waiting] = []
    rest: list[Waiting] = []
    for run in waiting:
        group = late if moment.now - run.since > PATIENCE else rest if run.session is None else pinned
        group.append(run)
    late.sort(key=lambda run: (run.since, run.run))
    pinned.sort(key=lambda run: run.order)
    return [*late, *pinned, *_by_turns(rest, moment.served)]


def _by_turns(waiting: Iterable[Waiting], served: Mapping[str, float]) -> list[Waiting]:
    projects: dict[str, dict[str, list[Waiting]]] = {}
    for run in sorted(waiting, key=lambda run: run.order):
        projects.setdefault(run.project, {}).setdefault(run.plan, []).append(run)
    turns = []
    for plans in projects.values():
        queues = sorted(plans.values(), key=lambda queue: (served.get(queue[0].plan, 0.0), queue[0].order))
        last = max(served.get(plan, 0.0) for plan in plans)
        turns.append((last, min(queue[0].order for queue in queues), _interleave(queues)))
    turns.sort(key=lambda turn: turn[:2])
    return _interleave([queue for _, _, queue in turns])


def _interleave(queues: Sequence[list[Waiting]]) -> list[Waiting]:
    longest = max(map(len, queues), default=0)
    return [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]


def _surplus(run: Waiting, seat: Seat) -> int:
    """Prefer the session that is just good enough, so that experts stay free for what needs them."""
    return seat.skills.get(run.skill, 0) - run.proficiency if run.skill else sum(seat.skills.values())
