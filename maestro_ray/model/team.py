"""A team: requested → allocated → spawning → active → draining → ended, and the workers that make it up.

A worker counts as up only after its process id, its session and its first heartbeat are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from maestro_ray.errors import IllegalEvent
from maestro_ray.model.table import arrow


class State(StrEnum):
    REQUESTED = "requested"
    ALLOCATED = "allocated"
    SPAWNING = "spawning"
    ACTIVE = "active"
    DRAINING = "draining"
    ENDED = "ended"


@dataclass(frozen=True)
class Member:
    """A worker of the team. `beat` is the monotonic second of its last heartbeat, None before the first."""

    name: str
    role: str
    session: str = ""
    pid: int = 0
    node: str = ""
    beat: float | None = None

    @property
    def up(self) -> bool:
        return bool(self.session and self.pid and self.beat is not None)


@dataclass(frozen=True)
class Team:
    id: str
    name: str
    state: State = State.REQUESTED
    members: Mapping[str, Member] = field(default_factory=dict)


@dataclass(frozen=True)
class Allocated:
    """Studio gave the team its channel and every member its session: `sessions` by member name."""

    members: tuple[Member, ...]


@dataclass(frozen=True)
class Spawned:
    """Every member was given a place to run."""


@dataclass(frozen=True)
class Joined:
    """A further worker was added to a team that already runs."""

    member: Member


@dataclass(frozen=True)
class Left:
    """A worker said goodbye; it will not be back."""

    name: str


@dataclass(frozen=True)
class Beaten:
    """A heartbeat of a worker, with its process."""

    name: str
    pid: int
    node: str


@dataclass(frozen=True)
class Lost:
    """The worker's process is gone or its lease is over; it will be placed again."""

    name: str


@dataclass(frozen=True)
class Drained:
    """No new work; what runs is stopped."""


@dataclass(frozen=True)
class Ended:
    """No worker is left."""


Event = Allocated | Spawned | Joined | Left | Beaten | Lost | Drained | Ended


@dataclass(frozen=True)
class Place:
    """Give the member a process."""

    member: Member


@dataclass(frozen=True)
class TeamUp:
    """Every member is up, for the first time."""


@dataclass(frozen=True)
class StopWorkers:
    pass


Effect = Place | TeamUp | StopWorkers

_RUNNING = (State.SPAWNING, State.ACTIVE)

ARROWS: dict[tuple[State, type], State] = {
    (State.REQUESTED, Allocated): State.ALLOCATED,
    (State.ALLOCATED, Spawned): State.SPAWNING,
    **{(state, kind): state for state in _RUNNING for kind in (Joined, Left, Beaten, Lost)},
    **{(State.ALLOCATED, kind): State.ALLOCATED for kind in (Beaten, Lost)},
    **{(State.DRAINING, kind): State.DRAINING for kind in (Left, Beaten, Lost)},
    **{(state, Drained): State.DRAINING for state in State if state not in (State.DRAINING, State.ENDED)},
    (State.DRAINING, Ended): State.ENDED,
}


def apply(team: Team, event: Event, now: float) -> tuple[Team, list[Effect]]:
    """The team after the event and what must now be done. Raises `IllegalEvent`, and then nothing has changed."""
    team = replace(team, state=arrow("team", ARROWS, team.state, event))
    match event:
        case Allocated(members):
            team = replace(team, members={member.name: member for member in members})
            return team, [Place(member) for member in members]
        case Spawned():
            return _active_when_up(team)
        case Joined(member):
            if member.name in team.members:
                raise IllegalEvent("team", f"with {member.name}", "Joined")
            return _with(team, member), [Place(member)]
        case Left(name):
            rest = {member: team.members[member] for member in team.members if member != name}
            return _active_when_up(replace(team, members=rest))
        case Beaten(name, pid, node):
            member = replace(_member(team, name, event), pid=pid, node=node, beat=now)
            return _active_when_up(_with(team, member))
        case Lost(name):
            member = replace(_member(team, name, event), pid=0, node="", beat=None)
            return _with(team, member), [] if team.state is State.DRAINING else [Place(member)]
        case Drained():
            return team, [StopWorkers()]
        case Ended():
            return replace(team, members={}), []


def _active_when_up(team: Team) -> tuple[Team, list[Effect]]:
    if team.state is State.SPAWNING and all(member.up for member in team.members.values()):
        return replace(team, state=State.ACTIVE), [TeamUp()]
    return team, []


def _with(team: Team, member: Member) -> Team:
    return replace(team, members={**team.members, member.name: member})


def _member(team: Team, name: str, event: Event) -> Member:
    if name not in team.members:
        raise IllegalEvent("team", f"without {name}", type(event).__name__)
    return team.members[name]
