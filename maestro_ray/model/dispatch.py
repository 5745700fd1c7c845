"""Which waiting run goes to which idle session: a pure decision, fair between projects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from maestro_ray.model.run import LEAD_PURPOSES, Purpose


@dataclass(frozen=True)
class Seat:
    """An idle session. `role` is its worker role, or `lead`; `skills` maps a slug to a proficiency of 1 to 5."""

    session: str
    project: str
    team: str
    workspace: str
    role: str
    skills: Mapping[str, int] = field(default_factory=dict)
    serves_all: bool = True


@dataclass(frozen=True)
class Waiting:
    """A queued run. `team` pins it to one team while that lives; `workspace` to the repository its branches are in.

    `order` sorts runs of one project: priority first, then level of dependency, then age.
    """

    run: str
    project: str
    purpose: Purpose
    role: str
    team: str = ""
    workspace: str = ""
    skill: str = ""
    proficiency: int = 0
    order: tuple[float, ...] = ()


def role_for(purpose: Purpose, task_role: str = "dev") -> str:
    """The role of session that does this purpose."""
    if purpose in LEAD_PURPOSES:
        return "lead"
    return {Purpose.TEST: "test", Purpose.REVIEW: "review"}.get(purpose, task_role)


def assign(waiting: Iterable[Waiting], seats: Sequence[Seat]) -> list[tuple[str, str]]:
    """Pairs of (run, session). Each session gets one run at most; projects take turns, so none starves another."""
    free = list(seats)
    pairs = []
    for run in _by_turns(waiting):
        fitting = [seat for seat in free if fits(run, seat)]
        if fitting:
            seat = min(fitting, key=lambda seat: _surplus(run, seat))
            free.remove(seat)
            pairs.append((run.run, seat.session))
    return pairs


def fits(run: Waiting, seat: Seat) -> bool:
    """Whether this session may do this run at all."""
    if seat.project != run.project or seat.role != run.role:
        return False
    if run.team != seat.team and (run.team or not seat.serves_all):
        return False
    if run.workspace and run.workspace != seat.workspace:
        return False
    return not run.skill or seat.skills.get(run.skill, 0) >= run.proficiency


def _surplus(run: Waiting, seat: Seat) -> int:
    """Prefer the session that is just good enough, so that experts stay free for what needs them."""
    return seat.skills.get(run.skill, 0) - run.proficiency if run.skill else sum(seat.skills.values())


def _by_turns(waiting: Iterable[Waiting]) -> list[Waiting]:
    queues: dict[str, list[Waiting]] = {}
    for run in sorted(waiting, key=lambda run: run.order):
        queues.setdefault(run.project, []).append(run)
    turns = sorted(queues.values(), key=lambda queue: queue[0].order)
    longest = max(map(len, turns), default=0)
    return [queue[turn] for turn in range(longest) for queue in turns if turn < len(queue)]
