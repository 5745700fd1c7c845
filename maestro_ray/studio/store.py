"""Studio's database: one engine, one writer at a time, and what a transaction tells the world once it is committed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

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
        self._connection = connection

    def publish(self, channel: str, method: str, **params: Any) -> None:
        """Tell the subscribers of a channel, after the commit."""
        self.events.append((channel, method, params))

    def all(self, query: sa.Select[Any]) -> list[Row]:
        return [dict(row) for row in self._connection.execute(query).mappings()]

    def first(self, query: sa.Select[Any]) -> Row | None:
        row = self._connection.execute(query.limit(1)).mappings().first()
        return None if row is None else dict(row)

    def get(self, table: sa.Table, identifier: str) -> Row:
        """The row with this id. Raises `NotFound`."""
        row = self.first(sa.select(table).where(table.c.id == identifier))
        if row is None:
            raise NotFound(table.name.removesuffix("s"), identifier)
        return row

    def insert(self, table: sa.Table, **values: Any) -> str:
        """Add a row; it gets an id unless it brings one."""
        if "id" in table.c:
            values.setdefault("id", new_id())
        if "created_at" in table.c:
            values.setdefault("created_at", self.now)
        self._connection.execute(table.insert().values(**values))
        return str(values.get("id", ""))

    def update(self, table: sa.Table, identifier: str, **values: Any) -> None:
        self._connection.execute(table.update().where(table.c.id == identifier).values(**values))

    def execute(self, statement: sa.Executable) -> sa.CursorResult[Any]:
        result = self._connection.execute(statement)
        assert isinstance(result, sa.CursorResult)
        return result


class Store:
    """The engine and the rule that writers take turns. `publish` is called for each event after a commit."""

    def __init__(self, engine: AsyncEngine, clock: Clock, publish: Publish) -> None:
        self._engine = engine
        self._clock = clock
        self._publish = publish
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, path: Path, clock: Clock, publish: Publish) -> Self:
        """Open or create the database file. Raises `JournalBroken` when it is none."""
        # an address made of text would break at a `?` or `%` in the path
        engine = create_async_engine(sa.URL.create("sqlite+aiosqlite", database=str(path)))
        sa.event.listen(engine.sync_engine, "connect", _tune)
        sa.event.listen(engine.sync_engine, "begin", _begin)
        try:
            async with engine.begin() as connection:
                await connection.run_sync(metadata.create_all)
        except sa.exc.DBAPIError as error:
            await engine.dispose()
            raise JournalBroken(str(path), str(error.orig)) from error
        return cls(engine, clock, publish)

    async def close(self) -> None:
        await self._engine.dispose()

    async def write(
        self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `work` in a transaction of its own; on any error nothing of it remains."""

        def run(connection: sa.Connection) -> tuple[Transaction, T]:
            tx = Transaction(connection, self._clock.wall())
            return tx, work(tx, *args, **kwargs)

        async with self._turn:
            async with self._engine.connect() as connection, connection.begin():
                tx, answer = await connection.run_sync(run)
            for event in tx.events:
                self._publish(*event)
            return answer

    async def read(
        self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `work`, which only reads, beside any writer."""
        async with self._engine.connect() as connection:
            reading = await connection.execution_options(maestro_reads=True)
            return await reading.run_sync(
                lambda sync: work(Transaction(sync, self._clock.wall()), *args, **kwargs)
            )


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
