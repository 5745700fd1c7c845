from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from pathlib import Path

import pytest

from maestro_ray.errors import NotStudios, NotWritable
from maestro_ray.studio import copies


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "studio.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1)")
    return path


def rows(path: Path) -> list[int]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [x for (x,) in connection.execute("SELECT x FROM t")]


def test_a_copy_holds_what_was_committed_while_others_write(source: Path, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(source)) as writer:
        writer.execute("INSERT INTO t VALUES (2)")
        writer.commit()
        writer.execute("INSERT INTO t VALUES (3)")
        with copies.fresh(source, tmp_path / "copy.db") as copy:
            assert copy.parent == tmp_path
            assert stat.S_IMODE(copy.stat().st_mode) == 0o600
            assert rows(copy) == [1, 2]
            copy.replace(tmp_path / "copy.db")
        writer.commit()
    assert rows(source) == [1, 2, 3]
    # one file, which needs none beside it
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db", "studio.db"]
    assert (tmp_path / "copy.db").read_bytes()[18:20] == b"\1\1", "it is still in WAL mode"


def test_a_copy_that_is_not_used_goes(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), copies.fresh(source, tmp_path / "copy.db"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == [source]


def test_what_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    source = tmp_path / "x"
    source.write_text("certainly not SQLite\n" * 100)
    with pytest.raises(NotStudios, match="not a database"), copies.fresh(source, tmp_path / "copy.db"):
        pass
    assert list(tmp_path.iterdir()) == [source]


def test_a_place_that_is_not_there_is_named(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "no" / "copy.db"
    with pytest.raises(NotWritable) as raised, copies.fresh(source, target):
        pass
    assert raised.value.args == (str(target), "No such file or directory")


def test_a_disk_that_is_full_is_said_to_be(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = Path("/dev/full")
    if not os.access(target, os.W_OK):
        pytest.skip("there is no /dev/full")
    with pytest.raises(NotWritable):
        copies._copy(source, target)


def test_old_copies_are_forgotten_and_others_are_not(source: Path, tmp_path: Path) -> None:
    made = [copies.keep(source, "0001", number * 86400.0) for number in range(1, copies.KEPT + 3)]
    for number, path in enumerate(made):
        os.utime(path, (number, number))
    (tmp_path / "studio.db.replaced-x").touch()
    copies.forget_old(source)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"studio.db", "studio.db.replaced-x", *(path.name for path in made[-copies.KEPT :])}
    assert made[0].name == "studio.db.schema-0001.19700102-000000"
