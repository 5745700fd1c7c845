"""What lines of strace mean: threads, calls that were interrupted, and what is not understood."""

from __future__ import annotations

from pathlib import Path

import pytest

from .trace import Cut, Gone, Made, SyncBegun, Synced, Told, Write, steps

PLACE = Path("/p")


def x(text: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


DB, HERE = x("/p/a.db"), x("/p")
OPEN = f'7 openat(AT_FDCWD<{x("/")}>, "{DB}", O_RDWR|O_CREAT|O_CLOEXEC, 0644) = 5<{DB}>'


def test_each_call_is_a_step() -> None:
    lines = [
        OPEN,
        f'7  pwrite64(5<{DB}>, "{x("abc")}", 3, 4096) = 3',
        f"7  ftruncate(5<{DB}>, 10) = 0",
        f"7  fdatasync(5<{DB}>) = 0",
        f"7  fsync(8<{HERE}>) = 0",
        f'7  write(1<{x("pipe:[1]")}>, "{x("one")}\\x0a{x("two")}\\x0a", 8) = 8',
        f'7  unlink("{DB}") = 0',
    ]
    assert list(steps(lines, PLACE)) == [
        Made("a.db"), Write("a.db", 4096, b"abc"), Cut("a.db", 10), SyncBegun("a.db"), Synced("a.db"), SyncBegun(""),
        Synced(""), Told("one"), Told("two"), Gone("a.db"),
    ]  # fmt: skip


def test_a_sync_counts_when_it_has_returned_and_a_write_when_it_is_begun() -> None:
    lines = [
        OPEN,
        f"7  fdatasync(5<{DB}> <unfinished ...>",
        f'8  pwrite64(5<{DB}>, "{x("z")}", 1, 0 <unfinished ...>',
        "7  <... fdatasync resumed>) = 0",
        "8  <... pwrite64 resumed>) = 1",
    ]
    assert list(steps(lines, PLACE)) == [
        Made("a.db"),
        SyncBegun("a.db"),
        Write("a.db", 0, b"z"),
        Synced("a.db"),
    ]


def test_what_fails_or_is_elsewhere_or_is_shared_memory_is_no_step() -> None:
    lines = [
        f'7 openat(AT_FDCWD<{HERE}>, "{DB}", O_RDWR|O_CREAT, 0644) = -1 EROFS (Read-only file system)',
        f'7 unlink("{DB}") = -1 ENOENT (No such file or directory)',
        f"7 fsync(5<{DB}>) = -1 EIO (Input/output error)",
        f'7 pwrite64(5<{x("/q/a.db")}>, "{x("z")}", 1, 0) = 1',
        f'7 pwrite64(5<{x("/p/a.db-shm")}>, "{x("z")}", 1, 0) = 1',
        f'7 write(2<{x("pipe:[1]")}>, "{x("z")}", 1) = 1',
        "7 +++ exited with 0 +++",
    ]
    assert list(steps(lines, PLACE)) == [SyncBegun("a.db")]


@pytest.mark.parametrize("call", [f'rename("{DB}", "{x("/p/b")}") = 0', f"fallocate(5<{DB}>, 0, 0, 10) = 0",
                                  f'write(5<{DB}>, "{x("z")}", 1) = 1',
                                  f'pwrite64(5<{DB}>, "{x("z")}"..., 9999999, 0) = 9999999'])  # fmt: skip
def test_what_is_not_understood_is_not_passed_over(call: str) -> None:
    with pytest.raises(AssertionError):
        list(steps([f"7 {call}"], PLACE))
