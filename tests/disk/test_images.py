"""Crash images have what was synced, and of the rest anything that may be."""

from __future__ import annotations

from pathlib import Path

from .images import Disk, Image, crashes, lay_out
from .trace import Cut, Gone, Made, Step, SyncBegun, Synced, Told, Write


def after(*steps: Step) -> list[Image]:
    disk = Disk()
    for step in steps:
        disk.take(step)
    return [dict(image) for image in disk.images()]


def synced(name: str = "") -> tuple[Step, Step]:
    return SyncBegun(name), Synced(name)


NEW = (Made("a"), *synced())


def test_what_was_synced_is_there() -> None:
    assert after(*NEW, Write("a", 0, b"one"), *synced("a")) == [{"a": b"one"}]


def test_what_was_not_may_be_lost_torn_or_in_another_order() -> None:
    images = after(*NEW, Write("a", 0, b"one"), *synced("a"), Write("a", 3, b"222"), Write("a", 6, b"333"))
    found = {image["a"] for image in images}
    assert {b"one", b"one222333", b"one\0\0\x00333", b"one2223"} <= found
    assert all(content.startswith(b"one") for content in found)


def test_a_sync_covers_what_was_written_before_it_began() -> None:
    steps = (Write("a", 0, b"1"), SyncBegun("a"), Write("a", 1, b"2"), Synced("a"))
    assert {image["a"] for image in after(*NEW, *steps)} == {b"1", b"12"}


def test_names_last_when_the_directory_was_synced() -> None:
    assert after(Made("a")) == [{"a": b""}, {}]
    assert after(*NEW, Write("a", 0, b"1"), *synced("a"), Gone("a")) == [{}, {"a": b"1"}]
    assert after(*NEW, Gone("a"), *synced()) == [{}]


def test_a_file_is_cut_and_filled() -> None:
    assert after(*NEW, Write("a", 0, b"1234"), Cut("a", 2), Write("a", 3, b"x"), *synced("a")) == [
        {"a": b"12\0x"}
    ]


def test_each_image_must_have_what_was_told_while_it_was_possible(tmp_path: Path) -> None:
    found = crashes([*NEW, Write("a", 0, b"1"), Told("before"), *synced("a"), Told("after")])
    assert [(dict(image), told) for image, told in found] == [
        ({"a": b""}, ["before"]),
        ({}, []),
        ({"a": b"1"}, ["before", "after"]),
    ]
    lay_out(found[-1][0], tmp_path / "it")
    assert (tmp_path / "it" / "a").read_bytes() == b"1"
