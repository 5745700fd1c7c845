"""A team that Connections runs: its record, the runs its sessions hold, and what happens in it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from maestro_ray.actors.happenings import Happenings
from maestro_ray.actors.mirror import Mirror
from maestro_ray.actors.stream import Stream
from maestro_ray.actors.team_record import TeamRecord

Assignment = Mapping[str, Any]


class LiveTeam:
    """Soft state but for the record. `runs` are claimed and not yet reported, by id; `seen` is the last message."""

    def __init__(self, record: TeamRecord, env: Mapping[str, str], mirror: Mirror, stream: Stream) -> None:
        self.record = record
        self.env = env
        self.mirror = mirror
        self.stream = stream
        # what came in is taken to the channel in its order
        self.inbox = asyncio.Lock()
        self.happenings = Happenings()
        self.runs: dict[str, Assignment] = {}
        self._reported: dict[str, int] = {}
        self.seen = 0
        self.beaten: set[str] = set()
        self.up = asyncio.Event()
        self.open_plans = set(record.plans)
        self.ending: asyncio.Task[None] | None = None
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
        if self._reported.get(run["id"], 0) >= run["epoch"]:
            return False
        self.runs[run["id"]] = run
        return True

    def reported(self, run: str, epoch: int) -> None:
        """What there was to do is done."""
        self._reported[run] = epoch
        held = self.runs.get(run)
        if held is not None and held["epoch"] <= epoch:
            del self.runs[run]

    def card(self, decision: Mapping[str, Any]) -> None:
        """A decision card was put before the operator, answered or withdrawn."""
        if decision["plan_id"] in self.open_plans and decision["status"] == "open":
            self.cards[decision["id"]] = decision
        else:
            self.cards.pop(decision["id"], None)

    def runs_of(self, session: str) -> list[Assignment]:
        return [run for run in self.runs.values() if run["session_id"] == session]
