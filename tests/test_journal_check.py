"""What a check of a journal finds, and that it changes nothing: beside its owner, after a death, where nobody may write."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from maestro_ray import journal_check as module
from maestro_ray.journal import WHOLE, Entry, Journal
from maestro_ray.journal_check import check


class Sum:
    """Knows `more`, which adds its body, and `whole`, which is the sum."""

    def __init__(self) -> None:
        self.total = 0

    def knows(self, kind: str) -> bool:
        return kind in ("more", WHOLE)

    def apply(self, entry: Entry) -> None:
        self.total = entry.body if entry.kind == WHOLE else self.total + entry.body


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """Of an owner that has left."""
    journal = Journal(tmp_path / "sum.db")
    for number in range(1, 6):
        journal.append("more", number, at=0.0)
    journal.close()
    return journal.path


def spoil(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_sound_journal_is_replayed_and_left_as_it_is(path: Path) -> None:
    machine, before = Sum(), path.read_bytes()
    assert check(path, machine) == []
    assert machine.total == 15
    assert path.read_bytes() == before
    assert path.with_name("sum.db-wal").stat().st_size == 0


async def test_beside_its_owner_it_sees_what_is_durable_and_keeps_nobody_from_writing(path: Path) -> None:
    journal = Journal(path)
    await journal.append("more", 6, at=0.0)[1]
    machine = Sum()
    assert check(path, machine) == []
    assert machine.total == 21
    await journal.condense(21, at=0.0)[1]
    assert check(path, again := Sum()) == []
    assert again.total == 21
    await journal.append("more", 1, at=0.0)[1]
    journal.close()


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("DELETE FROM entries WHERE number IN (2, 3)", ["entries 2 to 3 are missing"]),
        (
            "DELETE FROM entries WHERE number < 3",
            ["entries 1 to 2 are missing, and no later one says what was in them"],
        ),
        ("UPDATE entries SET kind = 'moer' WHERE number = 4",
         ["entry 4 is of a kind that this version does not know: 'moer'"]),
        ("UPDATE entries SET body = '[' WHERE number = 4", ["entry 4 (more) cannot be applied: JSONDecodeError"]),
        ("UPDATE entries SET body = '{}' WHERE number = 4", ["entry 4 (more) cannot be applied: TypeError"]),
        ("UPDATE entries SET body = x'ff' WHERE number = 4", ["entry 4 (more) cannot be applied: UnicodeDecodeError"]),
    ],
)  # fmt: skip
def test_each_fault_is_told(path: Path, statement: str, says: list[str]) -> None:
    spoil(path, statement)
    found = check(path, Sum())
    assert [fault[: len(start)] for fault, start in zip(found, says, strict=True)] == says


async def test_what_was_condensed_is_no_gap(path: Path) -> None:
    journal = Journal(path)
    journal.condense(15, at=0.0, first=4)
    journal.close()
    assert check(path, machine := Sum()) == []
    assert machine.total == 15


def test_many_faults_are_counted(path: Path) -> None:
    spoil(path, "UPDATE entries SET body = '{'", "UPDATE entries SET kind = 'odd', number = -number * 2")
    found = check(path, Sum())
    assert len(found) == module.TOLD + 1
    assert found[-1].startswith("and ")


def test_a_damaged_page_is_told(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096 + 8 : 4096 + 40] = b"\xff" * 32
    path.write_bytes(data)
    assert check(path, Sum())


def test_a_page_that_is_lost_is_told(path: Path) -> None:
    """The replay does not meet it, `integrity_check` does."""
    data = bytearray(path.read_bytes())
    data[36:40] = (7).to_bytes(4, "big")  # how many pages are free, in the header
    path.write_bytes(data)
    assert check(path, machine := Sum())[0].startswith("the file is damaged: ")
    assert machine.total == 0


def test_what_is_no_journal_or_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_bytes(b"this is no database" * 100)
    assert check(tmp_path / "text.db", Sum()) == ["it cannot be read: file is not a database"]
    assert "No such file" in check(tmp_path / "none.db", Sum())[0]
    assert not (tmp_path / "none.db").exists()


def test_a_journal_that_was_cut_at_its_beginning_is_sound(tmp_path: Path) -> None:
    (tmp_path / "new.db").touch()
    assert check(tmp_path / "new.db", Sum()) == []


@pytest.fixture
def cut_down(path: Path, tmp_path: Path) -> Callable[[], Path]:
    """The files of an owner that died while it changed from a rollback journal, as a power cut leaves them."""

    def make() -> Path:
        place = tmp_path / "dead" / path.name
        place.parent.mkdir()
        spoil(path, "PRAGMA journal_mode=DELETE")
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA cache_size=1")
        connection.execute("BEGIN")
        connection.execute("UPDATE entries SET body = '100'")
        connection.execute("CREATE TABLE large AS SELECT randomblob(100000) AS x")
        for name in (path.name, f"{path.name}-journal"):
            shutil.copyfile(path.with_name(name), place.with_name(name))
        connection.rollback()
        connection.close()
        return place

    return make


def test_what_a_death_left_half_done_is_undone_in_a_copy(cut_down: Callable[[], Path]) -> None:
    path = cut_down()
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    assert len(before) == 2
    assert check(path, machine := Sum()) == []
    assert machine.total == 15
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before
