"""Studio's database: one engine, one writer at a time, and what a transaction tells the world once it is committed."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import sqlalchemy as sa

from maestro_ray.clock import Clock
from maestro_ray.errors import JournalBroken, NotFound
from maestro_ray.ids import new_id
from maestro_ray.studio.schema import metadata

Row = Mapping[str, Any]
Publish = Callable[[str, str, dict[str, Any]], None]
P = ParamSpec("P")
T = TypeVar("T")


class Transaction:
    """One unit of work. Functions of Studio take it first; events leave only when it has been committed."""

    def __init__(self, connection: sa.Connection, now: float) -> None:
        self.now = now
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        # the ids of the rows that were added or changed, by table
        self.written: dict[sa.Table, set[str]] = {}
        self._connection = connection

    def publish(self, channel: str, method: str, **params: Any) -> None:
        """Tell the subscribers of a channel, after the commit."""
        self.events.append((channel, method, params))

    def all(self, query: sa.Select[Any]) -> list[Row]:
        result = self._connection.execute(query)
        # SQLAlchemy's own mappings take several times as long, and whole plans are read here
        names = tuple(result.keys())
        return [dict(zip(names, row, strict=True)) for row in result]

    def first(self, query: sa.Select[Any]) -> Row | None:
        row = self._connection.execute(query.limit(1)).mappings().first()
        return None if row is None else dict(row)

    def get(self, table: sa.Table, identifier: str) -> Row:
        """The row with this id. Raises `NotFound`."""
        row = self.find(table, identifier)
        if row is None:
            raise NotFound(table.name.removesuffix("s"), identifier)
        return row

    def find(self, table: sa.Table, identifier: str) -> Row | None:
        """The row with this id, or None."""
        row = self._connection.execute(_by_id(table), {"identifier": identifier}).mappings().first()
        return None if row is None else dict(row)

    def insert(self, table: sa.Table, **values: Any) -> str:
        """Add a row; it gets an id unless it brings one."""
        if "id" in table.c:
            values.setdefault("id", new_id())
        if "created_at" in table.c:
            values.setdefault("created_at", self.now)
        self._connection.execute(table.insert().values(**values))
        self.written.setdefault(table, set()).add(str(values.get("id", "")))
        return str(values.get("id", ""))

    def update(self, table: sa.Table, identifier: str, **values: Any) -> None:
        self._connection.execute(table.update().where(table.c.id == identifier).values(**values))
        self.written.setdefault(table, set()).add(identifier)

    def execute(self, statement: sa.Executable) -> sa.CursorResult[Any]:
        result = self._connection.execute(statement)
        assert isinstance(result, sa.CursorResult)
        return result


class Store:
    """The engine and the rule that writers take turns. `publish` is called for each event after a commit.

    A transaction runs in a thread from its first statement to its last: to cross to a driver's thread and back for
    every statement takes ten times as long.
    """

    def __init__(self, engine: sa.Engine, clock: Clock, publish: Publish) -> None:
        self._engine = engine
        self._clock = clock
        self._publish = publish
        self._turn = asyncio.Lock()
        self._writing: set[asyncio.Task[Any]] = set()

    @classmethod
    async def open(cls, path: Path, clock: Clock, publish: Publish) -> Self:
        """Open or create the database file. Raises `JournalBroken` when it is none."""
        # an address made of text would break at a `?` or `%` in the path
        # its errors name no values: one of them may be a secret
        engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)), hide_parameters=True)
        sa.event.listen(engine, "connect", _tune)
        sa.event.listen(engine, "begin", _begin)
        try:
            await asyncio.to_thread(metadata.create_all, engine)
        except sa.exc.DBAPIError as error:
            engine.dispose()
            raise JournalBroken(str(path), str(error.orig)) from error
        return cls(engine, clock, publish)

    async def close(self) -> None:
        await asyncio.gather(*self._writing, return_exceptions=True)
        await asyncio.to_thread(self._engine.dispose)

    async def write(
        self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `work` in a transaction of its own; on any error nothing of it remains.

        A caller that is cancelled leaves it going: it takes effect as a whole, and its events are published.
        """
        task = asyncio.ensure_future(self._in_turn(lambda tx: work(tx, *args, **kwargs)))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        return await asyncio.shield(task)

    async def _in_turn(self, work: Callable[[Transaction], T]) -> T:
        def run() -> tuple[Transaction, T]:
            with self._engine.begin() as connection:
                tx = Transaction(connection, self._clock.wall())
                return tx, work(tx)

        async with self._turn:
            tx, answer = await asyncio.to_thread(run)
            for event in tx.events:
                self._publish(*event)
            return answer

    async def read(
        self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `work`, which only reads, beside any writer."""

        def run() -> T:
            with self._engine.connect().execution_options(maestro_reads=True) as connection:
                return work(Transaction(connection, self._clock.wall()), *args, **kwargs)

        return await asyncio.to_thread(run)


@functools.cache
def _by_id(table: sa.Table) -> sa.Select[Any]:
    """Half of all statements are this one; to put it together each time costs more than to run it."""
    return sa.select(table).where(table.c.id == sa.bindparam("identifier"))


def _tune(connection: Any, _record: Any) -> None:
    # the driver must not begin transactions by itself: `_begin` does, at once as a writer
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    reads = connection.get_execution_options().get("maestro_reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
