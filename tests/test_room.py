"""What says that a disk takes nothing, and that it is that."""

from __future__ import annotations

import errno
import os
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
