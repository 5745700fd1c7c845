from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from maestro_ray.errors import Conflict, JournalBroken, NotFound
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row, Store, Transaction
from maestro_ray.testing import FakeClock

from .conftest import Published


def remember(tx: Transaction, name: str, value: str = "x") -> None:
    tx.insert(t.settings, name=name, value=value)
    tx.publish("private-x", "told", name=name)


def names(tx: Transaction) -> list[str]:
    return [row["name"] for row in tx.all(sa.select(t.settings).order_by(t.settings.c.name))]


async def test_events_leave_after_the_commit(store: Store, published: Published) -> None:
    def work(tx: Transaction) -> int:
        remember(tx, "a")
        assert published == []
        return 7

    assert await store.write(work) == 7
    assert published == [("private-x", "told", {"name": "a"})]


async def test_of_what_fails_nothing_remains_and_nothing_is_told(store: Store, published: Published) -> None:
    def work(tx: Transaction) -> None:
        remember(tx, "a")
        raise Conflict("no", "")

    with pytest.raises(Conflict):
        await store.write(work)
    assert await store.read(names) == []
    assert published == []
    await store.write(remember, "b")
    assert await store.read(names) == ["b"]


async def test_writers_take_turns_and_readers_do_not_wait(store: Store) -> None:
    def count(tx: Transaction) -> None:
        row = tx.first(sa.select(t.settings).where(t.settings.c.name == "n"))
        if row is None:
            remember(tx, "n", "1")
        else:
            tx.execute(t.settings.update().values(value=str(int(row["value"]) + 1)))

    answers = await asyncio.gather(
        *(store.write(count) for _ in range(20)), *(store.read(names) for _ in range(20))
    )
    assert all(answer in (None, [], ["n"]) for answer in answers)
    row = await store.read(lambda tx: tx.first(sa.select(t.settings)))
    assert row is not None
    assert row["value"] == "20"


async def test_what_was_begun_takes_effect_and_is_told_though_its_caller_is_gone(
    store: Store, published: Published
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work(tx: Transaction) -> None:
        remember(tx, "a")
        begun.set()
        go_on.wait(60)

    caller = asyncio.create_task(store.write(work))
    await asyncio.to_thread(begun.wait, 10)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    waiting = asyncio.create_task(store.write(remember, "b"))
    go_on.set()
    await waiting
    assert await store.read(names) == ["a", "b"]
    assert [params["name"] for _, _, params in published] == ["a", "b"]


async def test_rows_get_an_id_and_their_time(store: Store, clock: FakeClock) -> None:
    identifier = await store.write(lambda tx: tx.insert(t.projects, key="github:a/b", name="b"))
    row = await store.read(Transaction.get, t.projects, identifier)
    assert (row["id"], row["created_at"]) == (identifier, clock.wall())
    with pytest.raises(NotFound) as raised:
        await store.read(Transaction.get, t.projects, "ghost")
    assert raised.value.args == ("project", "ghost")


async def test_what_was_written_is_there_after_a_restart_and_safely_on_disk(
    tmp_path: Path, clock: FakeClock
) -> None:
    # characters that mean something in an address
    directory = tmp_path / "a?b=c#d %20é"
    directory.mkdir()
    for name in ("a", "b"):
        store = await Store.open(directory / "studio.db", clock, lambda *_: None)
        await store.write(remember, name)
        pragmas = await store.read(
            lambda tx: [tx.execute(sa.text(f"PRAGMA {word}")).scalar() for word in ("journal_mode", "synchronous", "foreign_keys")]
        )  # fmt: skip
        assert pragmas == ["wal", 2, 1]
        found = await store.read(names)
        await store.close()
    assert found == ["a", "b"]
    assert [path.name for path in directory.iterdir()] == ["studio.db"]


async def test_a_file_that_is_no_database_is_said_to_be_none_and_left_alone(
    tmp_path: Path, clock: FakeClock
) -> None:
    path = tmp_path / "studio.db"
    path.write_text("certainly not SQLite\n" * 100)
    with pytest.raises(JournalBroken, match="not a database"):
        await Store.open(path, clock, lambda *_: None)
    assert path.read_text().startswith("certainly not SQLite")


async def test_an_error_of_the_database_names_no_value(store: Store) -> None:
    """It ends up in the log, and one of them may be a secret."""
    await store.write(lambda tx: tx.insert(t.settings, name="jwt_secret", value="hush"))
    with pytest.raises(sa.exc.IntegrityError) as raised:
        await store.write(lambda tx: tx.insert(t.settings, name="jwt_secret", value="hush"))
    assert "hush" not in str(raised.value)


async def test_a_row_that_was_added_is_told_as_it_will_be_read(store: Store) -> None:
    def add(tx: Transaction) -> list[Row]:
        project = tx.insert(t.projects, key="k:1", name="x")
        return tx.add(t.plans, *({"project_id": project, "title": title} for title in ("one", "two")))

    added = await store.write(add)
    assert [row["title"] for row in added] == ["one", "two"]
    assert await store.read(Transaction.all, sa.select(t.plans).order_by(t.plans.c.title)) == sorted(
        added, key=lambda row: row["title"]
    )


async def test_rows_do_not_share_what_they_have_by_default(store: Store) -> None:
    def add(tx: Transaction) -> list[Row]:
        return tx.add(t.users, {"name": "one"}, {"name": "two"})

    one, two = await store.write(add)
    assert one["skills"] == two["skills"] == {}
    assert one["skills"] is not two["skills"]


async def test_a_transaction_sees_its_own_changes_of_a_row_it_has_read(store: Store) -> None:
    def change(tx: Transaction) -> list[str | None]:
        seen = [tx.find(t.projects, "p")]
        tx.insert(t.projects, id="p", key="k:1", name="made")
        seen.append(tx.find(t.projects, "p"))
        tx.update(t.projects, "p", name="updated")
        seen.append(tx.find(t.projects, "p"))
        tx.execute(t.projects.update().values(name="all"))
        seen.append(tx.find(t.projects, "p"))
        tx.execute(t.projects.delete())
        seen.append(tx.find(t.projects, "p"))
        return [row and row["name"] for row in seen]

    assert await store.write(change) == [None, "made", "updated", "all", None]


async def test_a_transaction_reads_a_row_once(store: Store) -> None:
    statements: list[str] = []

    def look(tx: Transaction) -> None:
        tx.insert(t.projects, id="p", key="k:1", name="x")
        sa.event.listen(tx._connection, "before_cursor_execute", lambda *about: statements.append(about[2]))
        for _ in range(3):
            tx.get(t.projects, "p")

    await store.write(look)
    assert len(statements) == 1
