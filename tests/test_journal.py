"""A journal's promises: what it said is safe is on disk, its numbers have no gaps, and a failure hangs nobody."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from maestro_ray import journal as module
from maestro_ray.errors import JournalBroken
from maestro_ray.journal import Journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "team.db"


def on_disk(path: Path) -> list[int]:
    """What another process would see now."""
    connection = sqlite3.connect(path)
    try:
        return [number for (number,) in connection.execute("SELECT number FROM entries ORDER BY number")]
    finally:
        connection.close()


def forbid(path: Path, kind: str) -> None:
    """From now on the disk refuses entries of this kind."""
    connection = sqlite3.connect(path)
    connection.execute(
        f"CREATE TRIGGER no_{kind} BEFORE INSERT ON entries WHEN NEW.kind = '{kind}' "
        "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
    )
    connection.commit()
    connection.close()


def allow(path: Path, kind: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"DROP TRIGGER no_{kind}")
    connection.commit()
    connection.close()


async def test_an_entry_is_on_disk_before_its_future_is_done(path: Path) -> None:
    journal = Journal(path)
    for number in range(1, 6):
        entry, done = journal.append("said", {"n": number}, sender="dev-1", at=7.0)
        assert await done == entry.number == number
        assert on_disk(path) == list(range(1, number + 1))
    journal.close()


async def test_what_arrives_while_the_disk_is_busy_shares_a_commit(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits, go = [], threading.Event()
    connect = module._connect

    class Slow(sqlite3.Connection):
        def executemany(self, sql: str, rows: list[object]) -> sqlite3.Cursor:  # type: ignore[override]
            commits.append(len(rows))
            assert go.wait(60)
            return super().executemany(sql, rows)

    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: Slow(*a, **k))
    journal = Journal(path)
    assert connect
    futures = [journal.append("said", n, at=0.0)[1] for n in range(500)]
    await asyncio.sleep(0)
    go.set()
    assert await asyncio.gather(*futures) == list(range(1, 501))
    journal.close()
    assert sum(commits) == 500
    assert len(commits) <= 3


async def test_reopened_it_has_everything_and_counts_on(path: Path) -> None:
    journal = Journal(path)
    for word in ("a", "b"):
        await journal.append("said", {"word": word}, sender="x", at=1.5)[1]
    journal.close()
    again = Journal(path)
    assert [(e.number, e.sender, e.kind, e.body, e.at) for e in again.read()] == [
        (1, "x", "said", {"word": "a"}, 1.5),
        (2, "x", "said", {"word": "b"}, 1.5),
    ]
    assert again.last == 2
    entry, done = again.append("said", {"word": "c"}, at=2.0)
    assert await done == entry.number == 3
    assert [entry.number for entry in again.read(1, 1)] == [2]
    again.close()


async def test_closing_writes_what_waits_and_takes_no_more(path: Path) -> None:
    journal = Journal(path)
    futures = [journal.append("said", n, at=0.0)[1] for n in range(50)]
    journal.close()
    assert on_disk(path) == list(range(1, 51))
    assert await asyncio.gather(*futures) == list(range(1, 51))
    with pytest.raises(JournalBroken, match="closed"):
        await asyncio.wait_for(journal.append("said", 1, at=0.0)[1], 60)
    with pytest.raises(JournalBroken):
        journal.recover()
    journal.close()


@pytest.mark.parametrize(
    "content", [b"this is no database at all" * 40, b"SQLite format 3\0" + b"\xff" * 4096]
)
def test_a_file_that_is_no_journal_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(JournalBroken, match=str(path)):
        Journal(path)
    assert path.read_bytes() == content


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalBroken):
        Journal(tmp_path / "nowhere" / "team.db")
    (tmp_path / "directory").mkdir()
    with pytest.raises(JournalBroken):
        Journal(tmp_path / "directory")


async def test_an_entry_that_was_damaged_on_disk_is_said_to_be(path: Path) -> None:
    journal = Journal(path)
    await journal.append("said", {}, at=0.0)[1]
    connection = sqlite3.connect(path)
    connection.execute("UPDATE entries SET body = '{'")
    connection.commit()
    connection.close()
    with pytest.raises(JournalBroken):
        journal.read()
    journal.close()


async def test_a_failed_write_fails_all_that_waits_and_hangs_nobody(path: Path) -> None:
    journal = Journal(path)
    await journal.append("said", 1, at=0.0)[1]
    forbid(path, "bad")
    futures = [journal.append(kind, 1, at=0.0)[1] for kind in ("bad", "said", "said")]
    async with asyncio.timeout(60):
        results = await asyncio.gather(*futures, return_exceptions=True)
    assert isinstance(results[0], JournalBroken)
    assert "disk is full" in str(results[0])
    # the others fail with it unless they were not yet appended when it failed
    assert journal.failed
    with pytest.raises(JournalBroken):
        await asyncio.wait_for(journal.append("said", 1, at=0.0)[1], 60)
    journal.close()


async def test_after_a_failure_it_recovers_without_a_gap(path: Path) -> None:
    journal = Journal(path)
    await journal.append("said", 1, at=0.0)[1]
    forbid(path, "bad")
    with pytest.raises(JournalBroken):
        await journal.append("bad", 1, at=0.0)[1]
    allow(path, "bad")
    journal.recover()
    assert not journal.failed
    entry, done = journal.append("bad", 2, at=0.0)
    assert await done == entry.number == 2
    assert on_disk(path) == [1, 2]
    journal.close()


async def test_names_that_are_no_utf8_survive(path: Path) -> None:
    name = b"caf\xe9.txt".decode("utf-8", "surrogateescape")
    journal = Journal(path)
    await asyncio.wait_for(journal.append("report", {"files": [name, "ünï", "\0"]}, at=0.0)[1], 60)
    assert journal.read()[0].body == {"files": [name, "ünï", "\0"]}
    journal.close()


async def test_what_is_no_json_is_the_callers_mistake_and_nobody_elses(path: Path) -> None:
    journal = Journal(path)
    with pytest.raises(TypeError):
        journal.append("said", {"it": object()}, at=0.0)
    entry, done = journal.append("said", {}, at=0.0)
    assert await asyncio.wait_for(done, 60) == entry.number == 1
    journal.close()


async def test_who_stops_waiting_stops_nobody_else(path: Path) -> None:
    journal = Journal(path)
    futures = [journal.append("said", n, at=0.0)[1] for n in range(3)]
    futures[1].cancel()
    assert (await asyncio.gather(*futures, return_exceptions=True))[2] == 3
    assert await asyncio.wait_for(journal.append("said", 1, at=0.0)[1], 60) == 4
    assert on_disk(path) == [1, 2, 3, 4]
    journal.close()


async def test_the_file_is_its_owners_alone(path: Path) -> None:
    journal = Journal(path)
    await journal.append("said", 1, at=0.0)[1]
    assert all(file.stat().st_mode & 0o077 == 0 for file in path.parent.glob("team.db*"))
    journal.close()


# ── condensing ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_condensed_journal_has_one_entry_and_counts_on(path: Path) -> None:
    journal = Journal(path)
    for number in range(5):
        journal.append("said", number, at=0.0)
    assert await journal.condense([0, 1, 2, 3, 4], at=3.0)[1] == 6
    assert [(e.number, e.kind, e.body, e.at) for e in journal.read()] == [(6, "whole", [0, 1, 2, 3, 4], 3.0)]
    assert await journal.append("said", 5, at=0.0)[1] == 7
    journal.close()
    again = Journal(path)
    assert [entry.number for entry in again.read()] == [6, 7]
    assert again.last == 7
    again.close()


async def test_what_comes_in_the_same_commit_as_a_condensation_stays_in_its_place(path: Path) -> None:
    journal = Journal(path)
    journal.append("said", "before", at=0.0)
    journal.condense("first", at=0.0)
    journal.append("said", "between", at=0.0)
    journal.condense("second", at=0.0)
    done = journal.append("said", "after", at=0.0)[1]
    await done
    assert [entry.body for entry in journal.read()] == ["second", "after"]
    journal.close()


async def test_a_condensation_that_fails_deletes_nothing(path: Path) -> None:
    journal = Journal(path)
    await journal.append("said", 1, at=0.0)[1]
    forbid(path, "whole")
    with pytest.raises(JournalBroken):
        await journal.condense([1], at=0.0)[1]
    assert on_disk(path) == [1]
    allow(path, "whole")
    journal.recover()
    assert await journal.condense([1], at=0.0)[1] == 2
    assert on_disk(path) == [2]
    journal.close()


async def test_what_somebody_has_not_read_stays_before_what_says_it_all(path: Path) -> None:
    journal = Journal(path)
    for number in range(5):
        journal.append("said", number, at=0.0)
    assert await journal.condense("all", at=0.0, first=4)[1] == 6
    assert [(entry.number, entry.body) for entry in journal.read()] == [(4, 3), (5, 4), (6, "all")]
    journal.close()
