"""What the Studios on one PostgreSQL database tell one another: events in a table, and NOTIFY as the bell.

Events are written in the transaction that publishes them. Writers take turns, so positions in the table are in the
order of the commits and without holes, and so are the numbers of each channel; they outlive every process. Each Studio
publishes what it finds after the position it has come to, its own events included. A notification says how far there
is something to read; one that was lost costs `PATIENCE`, for then it is looked for unasked.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, Protocol, TypeVar, TypeVarTuple

import sqlalchemy as sa

from maestro_ray.ids import new_id
from maestro_ray.studio import database
from maestro_ray.studio import schema as t

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

log = logging.getLogger(__name__)

# How many events stay in the table, for a Studio that was cut off from the server; they go by the thousand.
KEPT, SWEEP = 20_000, 1000
# After this many seconds without a notification the connection is tried and the table is looked at.
PATIENCE = 5.0
# Seconds between two attempts to listen again.
AGAIN = 0.5

_BELL = "maestro_events"
# the row of `numbers` that counts the positions: a channel always has a name
_ALL = ""

_COUNT = sa.text(
    "INSERT INTO numbers (channel, last)"
    " SELECT * FROM unnest(CAST(:channels AS text[]), CAST(:counts AS bigint[]))"
    " ON CONFLICT (channel) DO UPDATE SET last = numbers.last + excluded.last RETURNING channel, last"
)
_RING = sa.text("SELECT pg_notify(:bell, CAST(:position AS text))")

Unnumbered = tuple[str, str, dict[str, Any]]


class Publish(Protocol):
    """Called for each event after its commit. An event that has no id and number yet gets them from its receiver."""

    def __call__(
        self, channel: str, method: str, params: dict[str, Any], identifier: str = "", number: int = 0, /
    ) -> None: ...


class Renumber(Protocol):
    """Called with each channel's last number: at the start, and when events were missed and cannot be told."""

    def __call__(self, numbers: Mapping[str, int], /) -> None: ...


def write(connection: sa.Connection, events: Sequence[Unnumbered]) -> list[dict[str, Any]]:
    """Number these events and put them into the table; those who listen are told at the commit."""
    if not events:
        return []
    counts = Counter([channel for channel, _, _ in events])
    counts[_ALL] = len(events)
    asked = {"channels": list(counts), "counts": list(counts.values())}
    last = {row.channel: row.last for row in connection.execute(_COUNT, asked)}
    position = last[_ALL]
    next_number = {channel: last[channel] - count + 1 for channel, count in counts.items()}
    rows = []
    for channel, method, params in events:
        row = {"position": next_number[_ALL], "number": next_number[channel], "id": new_id()}
        rows.append({**row, "channel": channel, "method": method, "params": params})
        next_number[channel] += 1
        next_number[_ALL] += 1
    connection.execute(t.events.insert(), rows)
    connection.execute(_RING, {"bell": _BELL, "position": position})
    if position // SWEEP != (position - len(events)) // SWEEP:
        connection.execute(t.events.delete().where(t.events.c.position <= position - KEPT))
    return rows


class Feed:
    """One Studio's reading of the events of all."""

    def __init__(self, engine: sa.Engine, threads: Executor, publish: Publish, renumber: Renumber) -> None:
        self._engine = database.reading(engine)
        self._threads = threads
        self._publish = publish
        self._renumber = renumber
        self._position = 0
        self._task: asyncio.Task[None] | None = None
        self.listening = asyncio.Event()

    async def start(self) -> None:
        """From what is published next on."""
        await self._skip_to_the_end()
        self._task = asyncio.create_task(self._listen())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def tell(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Events this process has just committed, at once if no other's come before them; else the bell is rung."""
        if rows and rows[0]["position"] == self._position + 1:
            self._pass_on(rows)

    async def catch_up(self) -> None:
        """Publish what is in the table and was not published here yet."""
        while rows := await self._in_thread(self._read, self._position):
            if rows[0]["position"] > self._position + 1:
                log.warning("events were missed: this Studio was cut off from the database for too long")
                await self._skip_to_the_end()
                return
            self._pass_on(rows)

    def _pass_on(self, rows: Sequence[Mapping[str, Any]]) -> None:
        for row in rows:
            # two who read at the same time find the same
            if row["position"] > self._position:
                self._position = row["position"]
                self._publish(row["channel"], row["method"], row["params"], row["id"], row["number"])

    def _read(self, after: int) -> Sequence[Mapping[str, Any]]:
        query = sa.select(t.events).where(t.events.c.position > after).order_by(t.events.c.position)
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query.limit(SWEEP)).mappings()]

    def _numbers(self) -> dict[str, int]:
        with self._engine.connect() as connection:
            return {row.channel: row.last for row in connection.execute(sa.select(t.numbers))}

    async def _skip_to_the_end(self) -> None:
        numbers = await self._in_thread(self._numbers)
        self._position = numbers.pop(_ALL, 0)
        self._renumber(numbers)

    async def _in_thread(self, work: Callable[[*Ts], T], *args: *Ts) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    # ── the bell ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _listen(self) -> None:
        """For ever; a connection that is lost is made again, and what came meanwhile is read."""
        while True:
            try:
                await self._one_connection()
            except Exception as error:  # noqa: BLE001 - whatever it was, the others must be heard again
                say = log.warning if self.listening.is_set() else log.debug
                say("the connection that listens for events is lost (%s); trying again", error)
            self.listening.clear()
            await asyncio.sleep(AGAIN)

    async def _one_connection(self) -> None:
        import psycopg

        arguments = database.arguments(self._engine)
        async with await psycopg.AsyncConnection.connect(**arguments, autocommit=True) as connection:
            await connection.execute(f"LISTEN {_BELL}")
            await self._look()
            self.listening.set()
            before = self._position
            while True:
                told = [each async for each in connection.notifies(timeout=PATIENCE, stop_after=1)]
                rung = [int(each.payload) for each in told]
                if not rung:
                    async with asyncio.timeout(PATIENCE):
                        await connection.execute("SELECT 1")
                # bells ring in the order of positions: one that is lower tells of a database that was put back
                if not rung or [before, *rung] != sorted([before, *rung]):
                    await self._look()
                elif rung[-1] > self._position:
                    await self.catch_up()
                before = rung[-1] if rung else before

    async def _look(self) -> None:
        """A database that was put back to an earlier state has a lower position."""
        position = self._position
        numbers = await self._in_thread(self._numbers)
        if numbers.get(_ALL, 0) < position:
            await self._skip_to_the_end()
        await self.catch_up()
