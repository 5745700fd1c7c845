"""A team that Connections runs: its record, the runs its sessions hold, and what happens in it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from maestro_ray.actors.happenings import Happenings
from maestro_ray.actors.mirror import Mirror
from maestro_ray.actors.recent import Recent
from maestro_ray.actors.stream import Stream
from maestro_ray.actors.team_record import TeamRecord

Assignment = Mapping[str, Any]

# of how many runs the team remembers that they were reported; Studio holds none of them for long after that
REMEMBERED = 1000


class Holding(NamedTuple):
    """A run in the hands of a session, as it was handed over under this epoch."""

    run: str
    session: str
    epoch: int


class LiveTeam:
    """Soft state but for the record. `runs` are claimed and not yet reported, by id; `doing` is what members say they
    work on, by session; `seen` is the last message."""

    def __init__(self, record: TeamRecord, env: Mapping[str, str], mirror: Mirror, stream: Stream) -> None:
        self.record = record
        self.env = env
        self.mirror = mirror
        self.stream = stream
        # what came in is taken to the channel in its order
        self.inbox = asyncio.Lock()
        self.happenings = Happenings()
        self.runs: dict[str, Assignment] = {}
        self.doing: dict[str, Holding] = {}
        self._reported: Recent[str, int] = Recent(REMEMBERED)
        # what Studio says of the runs is laid beside what we know, one time after the other
        self.comparing = asyncio.Lock()
        self.waits_to_compare = False
        self.seen = 0
        self.beaten: set[str] = set()
        self.up = asyncio.Event()
        self.open_plans = set(record.plans)
        self.ending: asyncio.Task[None] | None = None
        # a heartbeat of its sessions is on its way
        self.beating = False
        # the decision cards of its plans that are open, and those it was said to wait for, by id
        self.cards: dict[str, Mapping[str, Any]] = {}
        self.waits: frozenset[str] = frozenset()
        self.result: Mapping[str, Any] | None = None
        # members come one after the other: each name is given once
        self.changing = asyncio.Lock()

    def beat(self, member: str) -> bool:
        """A member shows that it lives; whether that is news."""
        news = member not in self.beaten
        self.beaten.add(member)
        if self.beaten >= {"lead", "channel", *(each.name for each in self.record.members)}:
            self.up.set()
        return news

    def lost(self, member: str) -> None:
        self.beaten.discard(member)
        self.up.clear()

    def hold(self, run: Assignment) -> bool:
        """A run was claimed; False when the report on it was faster than the claim's answer."""
        if self.is_reported(run["id"], run["epoch"]):
            return False
        self.runs[run["id"]] = run
        return True

    def reported(self, run: str, epoch: int) -> None:
        """What there was to do is done."""
        self._reported[run] = epoch
        self.let_go(run, epoch)

    def is_reported(self, run: str, epoch: int) -> bool:
        return self._reported.get(run, 0) >= epoch

    def knows(self, run: str) -> bool:
        """Whether it holds the run, or has held it lately."""
        return run in self.runs or run in self._reported

    def let_go(self, run: str, epoch: int) -> None:
        """Nobody holds the run under this epoch, or an earlier one, any more."""
        held = self.runs.get(run)
        if held is not None and held["epoch"] <= epoch:
            del self.runs[run]

    def works(self, session: str, run: str, epoch: int) -> None:
        """A member says what it works on; an empty `run` is nothing."""
        self.doing.pop(session, None)
        if run:
            self.doing[session] = Holding(run, session, epoch)

    def holdings(self) -> set[Holding]:
        """What is held, or worked on whoever knows of it, and not reported."""
        held = {Holding(run["id"], run["session_id"], run["epoch"]) for run in self.runs.values()}
        return {
            each for each in held.union(self.doing.values()) if not self.is_reported(each.run, each.epoch)
        }

    def card(self, decision: Mapping[str, Any]) -> None:
        """A decision card was put before the operator, answered or withdrawn."""
        if decision["plan_id"] in self.open_plans and decision["status"] == "open":
            self.cards[decision["id"]] = decision
        else:
            self.cards.pop(decision["id"], None)

    def waiting(self) -> list[Mapping[str, Any]]:
        """The cards without which nothing goes on now."""
        return list(self.cards.values()) if self.waits and self.waits == self.cards.keys() else []

    def runs_of(self, session: str) -> list[Assignment]:
        return [run for run in self.runs.values() if run["session_id"] == session]
