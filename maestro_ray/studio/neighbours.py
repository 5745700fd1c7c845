"""The other Studios on the database: who is on presence channels there, and what their clients say to one another.

Each Studio writes down who is on its own channels, says so backstage, and keeps its rows alive. Rows of a Studio that
was killed end with their lease, and whoever finds them so tells the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from maestro_ray.clock import Clock
from maestro_ray.ids import new_id
from maestro_ray.protocol.session import Member
from maestro_ray.studio import schema as t
from maestro_ray.studio.backstage import BACKSTAGE, PERSON, SAID, Backstage
from maestro_ray.studio.hub import Hub
from maestro_ray.studio.store import Store, Transaction

log = logging.getLogger(__name__)

# A Studio's rows are renewed so often, in seconds, and count so long: clocks of two machines may differ by the rest.
BEAT, LEASE = 15.0, 60.0
# how many events of clients may wait to be told; they are soft, and those beyond are lost
MOST_SAID = 1000
AGAIN = 1.0

# studio, channel, user id
_Place = tuple[str, str, str]


@dataclass(frozen=True)
class Said:
    """A client's own event."""

    channel: str
    event: str
    data: Any
    user_id: str | None


class Neighbours:
    """One Studio's part in it. Without a feed there are no others, and `keep` has nothing to do."""

    def __init__(self, store: Store, hub: Hub, clock: Clock, backstage: Backstage) -> None:
        self.id = new_id()
        self._store = store
        self._hub = hub
        self._clock = clock
        # those of ours whose coming or going is still to be told
        self._news: dict[tuple[str, str], None] = {}
        self._said: list[Said] = []
        # what the table has of us
        self._here: dict[tuple[str, str], Member] = {}
        self._there: set[_Place] = set()
        # whose place changed while the table was read
        self._changed: set[_Place] = set()
        self._look_again = True
        self._beat_at = 0.0
        self._wake = asyncio.Event()
        if store.feed is not None:
            hub.neighbours = self
            backstage.on |= {PERSON: self._person, SAID: self._heard}

    # ── what the hub tells ───────────────────────────────────────────────────────────────────────────────────────

    def moved(self, channel: str, user_id: str) -> None:
        """One more or one less of somebody's connections here is on a presence channel."""
        self._news[channel, user_id] = None
        self._wake.set()

    def said(self, channel: str, event: str, data: Any, user_id: str | None) -> None:
        """A client of this Studio has sent an event to the others on its channel."""
        if len(self._said) < MOST_SAID:
            self._said.append(Said(channel, event, data, user_id))
            self._wake.set()

    def look_again(self) -> None:
        """Events were missed."""
        self._look_again = True
        self._wake.set()

    # ── what is heard backstage ──────────────────────────────────────────────────────────────────────────────────

    def _person(self, studio: str, channel: str, user_id: str, here: bool, user_info: Any = None) -> None:
        if studio != self.id:
            self._changed.add((studio, channel, user_id))
            self._put((studio, channel, user_id), here, user_info)

    def _heard(self, studio: str, channel: str, event: str, data: Any, user_id: str | None) -> None:
        if studio != self.id:
            self._hub.pass_on(channel, event, data, user_id)

    def _put(self, place: _Place, here: bool, user_info: Any) -> None:
        studio, channel, user_id = place
        if here:
            self._there.add(place)
            self._hub.arrive_elsewhere(studio, channel, Member(user_id, user_info))
        elif place in self._there:
            self._there.remove(place)
            self._hub.depart_elsewhere(studio, channel, user_id)

    # ── the task ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def keep(self) -> None:
        """For ever: tell what is new at once, and show every `BEAT` that this Studio lives."""
        if self._store.feed is None:
            return
        while True:
            try:
                await self._turn()
            except Exception as error:  # noqa: BLE001 - whatever it was, they must know again one day
                log.warning("the other Studios cannot be told who is here (%r); trying again", error)
                await asyncio.sleep(AGAIN)

    async def close(self) -> None:
        """Nobody is here any more."""
        if self._store.feed is not None:
            # a database that is away learns it from the lease
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                await self._store.write(_forget, t.presence.c.studio == self.id)

    async def _turn(self) -> None:
        if self._look_again:
            await self._look()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, self._beat_at - time.monotonic())):
                await self._wake.wait()
        # also when there is always something to tell
        if time.monotonic() >= self._beat_at:
            self._beat_at = time.monotonic() + BEAT
            await self._beat()
        self._wake.clear()
        await self._tell()

    async def _look(self) -> None:
        """Who is elsewhere, from the table; what is heard meanwhile is newer."""
        self._look_again = False
        self._changed.clear()
        try:
            rows = await self._store.read(Transaction.all, sa.select(t.presence))
        except BaseException:
            self._look_again = True
            raise
        found = {(row["studio"], row["channel"], row["user_id"]): row["user_info"] for row in rows}
        for place in {*found, *self._there} - self._changed:
            if place[0] != self.id:
                self._put(place, place in found, found.get(place))

    async def _tell(self) -> None:
        said, self._said = self._said, []
        news, self._news = self._news, {}
        found = {place: self._hub.person(*place) for place in news}
        people = {place: member for place, member in found.items() if member != self._here.get(place)}
        if not said and not people:
            return
        try:
            await self._store.write(_write_down, self.id, people, said, self._clock.wall() + LEASE)
        except BaseException:
            self._news = news | self._news
            self._wake.set()
            raise
        here = self._here | people
        self._here = {place: member for place, member in here.items() if member is not None}

    async def _beat(self) -> None:
        if self._here:
            kept = await self._store.write(_renew, self.id, self._clock.wall() + LEASE)
            if kept < len(self._here):
                # this process stood still so long that others gave it up
                self._news |= dict.fromkeys(self._here)
                self._here = {}
        if await self._store.read(Transaction.first, sa.select(t.presence).where(_over(self._clock.wall()))):
            await self._store.write(_forget, _over(self._clock.wall()))


def _over(now: float) -> sa.ColumnElement[bool]:
    return t.presence.c.until <= now


def _write_down(
    tx: Transaction,
    studio: str,
    people: Mapping[tuple[str, str], Member | None],
    said: Sequence[Said],
    until: float,
) -> None:
    table = t.presence
    for (channel, user_id), member in people.items():
        place = {"studio": studio, "channel": channel, "user_id": user_id}
        tx.execute(table.delete().where(*(table.c[name] == value for name, value in place.items())))
        if member is not None:
            tx.insert(table, **place, user_info=member.user_info, until=until)
        told = {"here": member is not None, "user_info": member.user_info if member else None}
        tx.events.append((BACKSTAGE, PERSON, place | told))
    for each in said:
        words = {"channel": each.channel, "event": each.event, "data": each.data, "user_id": each.user_id}
        tx.events.append((BACKSTAGE, SAID, {"studio": studio, **words}))


def _renew(tx: Transaction, studio: str, until: float) -> int:
    """How many rows it has."""
    return tx.execute(t.presence.update().where(t.presence.c.studio == studio).values(until=until)).rowcount


def _forget(tx: Transaction, which: sa.ColumnElement[bool]) -> None:
    for row in tx.all(sa.select(t.presence).where(which)):
        place = {name: row[name] for name in ("studio", "channel", "user_id")}
        tx.events.append((BACKSTAGE, PERSON, {**place, "here": False}))
    tx.execute(t.presence.delete().where(which))
