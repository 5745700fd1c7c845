"""What says that a disk takes nothing, and that it is that."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from disk.small import SmallDisk, small_disk

from maestro_ray import room
from maestro_ray.errors import DiskFull, GitFailed, JournalBroken, NotWritable


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as disk:
        yield disk


@pytest.mark.parametrize("error", [
    DiskFull("add .", 128, "fatal: x: No space left on device", "/work"),
    NotWritable("/work", os.strerror(errno.EROFS)),
    OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), "/work"),
], ids=lambda error: type(error).__name__)  # fmt: skip
def test_a_disk_that_takes_nothing_is_named(error: Exception) -> None:
    assert "/work" in room.missing(error)


@pytest.mark.parametrize("error", [
    GitFailed("add .", 128, "fatal: no"), NotWritable("/work", "it is a symbolic link"), OSError(errno.ENOENT, "no"),
    JournalBroken("a", "b"), ValueError("x")], ids=lambda error: type(error).__name__)  # fmt: skip
def test_another_error_is_not_about_room(error: Exception) -> None:
    assert room.missing(error) == ""


def test_a_place_has_room_or_not(disk: SmallDisk) -> None:
    assert room.missing_at(disk.path) == ""
    disk.fill()
    assert room.missing_at(disk.path) == f"the disk of {disk.path} is full"
    disk.empty()
    disk.read_only()
    assert room.missing_at(disk.path) == f"the disk of {disk.path} is read-only"
    assert room.missing_at(disk.path / "nowhere") == ""


def test_a_full_disk_is_told_without_a_name_that_python_does_not_know() -> None:
    """A write fails with no file's name. Red (`the disk of None`) without the case of its own in `missing`."""
    with pytest.raises(OSError) as found, open("/dev/full", "wb", buffering=0) as file:
        file.write(b"x")
    assert found.value.errno == errno.ENOSPC
    assert room.missing(found.value) == "a disk takes nothing: No space left on device"


@pytest.mark.parametrize(
    "code", [sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR_SHMSIZE]
)
def test_what_sqlite_says_vaguely_is_looked_up(disk: SmallDisk, code: int) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    assert room.why(error, disk.path / "a.db") == "disk I/O error"
    disk.fill()
    assert room.why(error, disk.path / "a.db") == f"the disk of {disk.path} is full"
