"""Studio's database: one engine, one writer at a time, and what a transaction tells the world once it is committed."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import sqlalchemy as sa

from maestro_ray.clock import Clock
from maestro_ray.errors import DatabaseUnavailable, JournalBroken, MaestroError, NotFound
from maestro_ray.ids import new_id
from maestro_ray.room import why
from maestro_ray.studio import database, upgrade
from maestro_ray.studio.database import Place
from maestro_ray.studio.feed import Feed, Publish, Renumber
from maestro_ray.studio.feed import write as write_events

Row = Mapping[str, Any]
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
        # rows as this transaction last saw them: most changes look at the same few again and again
        self._seen: dict[tuple[sa.Table, str], Row | None] = {}

    def publish(self, channel: str, method: str, **params: Any) -> None:
        """Tell the subscribers of a channel, after the commit."""
        self.events.append((channel, method, params))

    def all(self, query: sa.Select[Any], /, **bound: Any) -> list[Row]:
        """The rows of a query; `bound` are the values of its `bindparam`s."""
        result = self._connection.execute(query, bound)
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
        if (table, identifier) not in self._seen:
            row = self._connection.execute(_by_id(table), {"identifier": identifier}).mappings().first()
            self._seen[table, identifier] = None if row is None else dict(row)
        return self._seen[table, identifier]

    def insert(self, table: sa.Table, **values: Any) -> str:
        """Add a row; it gets an id unless it brings one."""
        return str(self.add(table, values)[0].get("id", ""))

    def add(self, table: sa.Table, *rows: Mapping[str, Any]) -> list[Row]:
        """Add rows of the same columns; each as it would be read now."""
        whole = [{**_usual(table), **row} for row in rows]
        for row in whole:
            if "id" in table.c:
                row["id"] = row.get("id") or new_id()
            if "created_at" in table.c:
                row.setdefault("created_at", self.now)
        for row in whole:
            self._seen.pop((table, str(row.get("id", ""))), None)
        self._connection.execute(_insertion(table), whole)
        self.written.setdefault(table, set()).update(str(row.get("id", "")) for row in whole)
        columns = [column.name for column in table.c]
        return [{name: row.get(name) for name in columns} for row in whole]

    def update(self, table: sa.Table, identifier: str, **values: Any) -> None:
        self._seen.pop((table, identifier), None)
        self._connection.execute(_change(table), {"of_id": identifier, **values})
        self.written.setdefault(table, set()).add(identifier)

    def execute(self, statement: sa.Executable, /, **bound: Any) -> sa.CursorResult[Any]:
        if not statement.is_select:
            self._seen.clear()
        result = self._connection.execute(statement, bound)
        assert isinstance(result, sa.CursorResult)
        return result


class Store:
    """The engine and the rule that writers take turns. `publish` is called for each event after a commit.

    A transaction runs in a thread from its first statement to its last: to cross to a driver's thread and back for
    every statement takes ten times as long.
    """

    def __init__(self, engine: sa.Engine, clock: Clock, publish: Publish) -> None:
        self._engine = engine
        self._readers = database.reading(engine)
        self._clock = clock
        self._publish = publish
        self._turn = asyncio.Lock()
        self._writing: set[asyncio.Task[Any]] = set()
        self._threads = ThreadPoolExecutor(thread_name_prefix="studio-database")
        self.feed: Feed | None = None

    @classmethod
    async def open(
        cls, place: Place, clock: Clock, publish: Publish, renumber: Renumber = lambda _numbers: None
    ) -> Self:
        """Open or create the database in this file, or at this `postgresql://…` address, in the present schema.

        Raises `JournalBroken` for a file that is no database, `DatabaseUnavailable` for a server that is away,
        and what `upgrade.bring_up` raises.
        """
        engine = database.connect(place)
        try:
            await asyncio.to_thread(upgrade.bring_up, engine, place)
            store = cls(engine, clock, publish)
            if engine.dialect.name == "postgresql":
                store.feed = Feed(engine, store._threads, publish, renumber)
                await store.feed.start()
        except BaseException as error:
            engine.dispose()
            if isinstance(error, sa.exc.DBAPIError):
                raise _cannot_be_opened(place, error) from error
            raise
        return store

    async def close(self) -> None:
        await asyncio.gather(*self._writing, return_exceptions=True)
        if self.feed is not None:
            await self.feed.close()
        # what a caller that was cancelled has left behind
        await asyncio.to_thread(self._threads.shutdown)
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
        def run() -> tuple[Transaction, T, list[dict[str, Any]]]:
            with self._engine.begin() as connection:
                tx = Transaction(connection, self._clock.wall())
                answer = work(tx)
                return tx, answer, write_events(connection, tx.events) if self.feed else []

        async with self._turn:
            tx, answer, written = await self._in_thread(run)
            if self.feed is not None:
                self.feed.tell(written)
            else:
                for event in tx.events:
                    self._publish(*event)
            return answer

    async def say(self, channel: str, method: str, **params: Any) -> None:
        """Tell the subscribers of a channel something that goes with no change, and that a crash may lose."""
        if self.feed is None:
            self._publish(channel, method, params)
        else:
            await self.write(_say, channel, method, params)

    async def read(
        self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `work`, which only reads, beside any writer; it sees one state from beginning to end."""

        def run() -> T:
            with self._readers.connect() as connection:
                return work(Transaction(connection, self._clock.wall()), *args, **kwargs)

        return await self._in_thread(run)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _say(tx: Transaction, channel: str, method: str, params: dict[str, Any]) -> None:
    # nobody waits for a disk
    tx.execute(sa.text("SET LOCAL synchronous_commit TO off"))
    tx.publish(channel, method, **params)


def _cannot_be_opened(place: Place, error: sa.exc.DBAPIError) -> MaestroError:
    reason = error.orig if isinstance(error.orig, Exception) else error
    if isinstance(place, Path):
        return JournalBroken(str(place), why(reason, place))
    return DatabaseUnavailable(database.shown(place), str(reason).strip())


def _usual(table: sa.Table) -> dict[str, Any]:
    """The columns that have a default, with a value of this row's own."""
    return {name: make() for name, make in _defaults(table)}


@functools.cache
def _defaults(table: sa.Table) -> list[tuple[str, Callable[[], Any]]]:
    return [(column.name, _maker(column.default)) for column in table.c if column.default is not None]


def _maker(default: Any) -> Callable[[], Any]:
    # SQLAlchemy gives the maker of a default the statement it is for
    return (lambda: default.arg(None)) if default.is_callable else (lambda: default.arg)


@functools.cache
def _insertion(table: sa.Table) -> sa.Insert:
    """The values are given when it is run: a statement that holds them is put together and looked up each time."""
    return table.insert()


@functools.cache
def _change(table: sa.Table) -> sa.Update:
    return table.update().where(table.c.id == sa.bindparam("of_id"))


@functools.cache
def _by_id(table: sa.Table) -> sa.Select[Any]:
    """Half of all statements are this one; to put it together each time costs more than to run it."""
    return sa.select(table).where(table.c.id == sa.bindparam("identifier"))
