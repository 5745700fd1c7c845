"""What a program did to the files of one directory, in one order with what it said: read from strace.

A write counts from when it was begun, a sync covers what was written before it was begun and counts when it has returned,
and a line of standard output counts from when it was begun. So no image is taken for impossible that could have been.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from absent import absent


@dataclass(frozen=True)
class Write:
    name: str
    offset: int
    data: bytes


@dataclass(frozen=True)
class Cut:
    """The file has this size now."""

    name: str
    size: int


@dataclass(frozen=True)
class Made:
    name: str


@dataclass(frozen=True)
class Gone:
    name: str


@dataclass(frozen=True)
class SyncBegun:
    """Of a file, or with an empty name of the directory: which names there are."""

    name: str


@dataclass(frozen=True)
class Synced:
    """The sync of this file that was begun last has returned."""

    name: str


@dataclass(frozen=True)
class Told:
    """A line on standard output."""

    line: str


Step = Write | Cut | Made | Gone | SyncBegun | Synced | Told

# those this module understands, and those it must see to know that it does not
KNOWN = ("openat", "pwrite64", "write", "ftruncate", "fsync", "fdatasync", "unlink", "unlinkat")
OTHERS = ("creat", "open", "pwritev", "pwritev2", "writev", "sendfile", "copy_file_range", "splice", "fallocate", "truncate",
          "rename", "renameat", "renameat2", "link", "linkat", "sync_file_range", "msync")  # fmt: skip

_CALL = re.compile(r"^(\d+) +(\w+)\((.*)$")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)$")
_RETURNED = re.compile(r"\) += (-?\d+)")
_FD = re.compile(r"^(\d+)<((?:[^>])*)>")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')


def record(program: Sequence[str], place: Path, log: Path, env: Mapping[str, str]) -> list[Step]:
    """Run a Python program and give what it did below `place`. Skips where nothing may be traced."""
    if shutil.which("strace") is None:
        absent("there is no strace: apt-get install strace")
    _may_trace(log)
    calls = ",".join(f"?{name}" for name in (*KNOWN, *OTHERS))
    strace = [
        "strace",
        "-f",
        "-y",
        "-xx",
        "-s",
        "1000000",
        "-e",
        f"trace={calls}",
        "-e",
        "signal=none",
        "-o",
        str(log),
    ]
    done = subprocess.run(
        [*strace, sys.executable, *program], env=dict(env), capture_output=True, timeout=100
    )
    assert done.returncode == 0, done.stderr.decode()
    with log.open() as lines:
        return list(steps(lines, place))


def _may_trace(log: Path) -> None:
    tried = subprocess.run(["strace", "-o", str(log), "true"], capture_output=True, timeout=20)
    if tried.returncode:
        absent(f"no program may be traced here: {tried.stderr.decode().strip()}")


def steps(lines: Iterator[str] | Sequence[str], place: Path) -> Iterator[Step]:
    """What lines of strace say of the directory `place`, which was empty."""
    reader = _Reader(str(place))
    for line in lines:
        yield from reader.read(line.rstrip("\n"))


class _Reader:
    def __init__(self, place: str) -> None:
        self._place = place
        self._names: set[str] = set()
        # calls that have been begun, by thread: their arguments, and what follows when they have returned
        self._begun: dict[str, tuple[str, str]] = {}

    def read(self, line: str) -> Iterator[Step]:
        if resumed := _RESUMED.match(line):
            thread, call, rest = resumed.groups()
            name, arguments = self._begun.pop(thread)
            assert name == call, line
            yield from self._returned(call, arguments + rest)
        elif found := _CALL.match(line):
            thread, call, rest = found.groups()
            yield from self._entered(call, rest)
            if rest.endswith("<unfinished ...>"):
                self._begun[thread] = (call, rest.removesuffix("<unfinished ...>"))
            else:
                yield from self._returned(call, rest)

    def _entered(self, call: str, rest: str) -> Iterator[Step]:
        name = self._of_descriptor(rest)
        match call:
            case "write":
                assert name is None, f"a write that does not say where: {rest[:200]}"
                if rest.startswith("1<"):
                    yield from (Told(line) for line in _bytes(rest).decode().splitlines())
            case "pwrite64" if name is not None:
                yield Write(name, _last_number(rest), _bytes(rest))
            case "ftruncate" if name is not None:
                yield Cut(name, _last_number(rest))
            case "fsync" | "fdatasync" if name is not None:
                yield SyncBegun(name)
            case _ if call not in KNOWN:
                paths = _unhex("".join(re.findall(r"(?:\\x[0-9a-f]{2})+", rest)))
                assert self._place not in paths, f"a call that is not understood: {call}({rest[:200]}"

    def _returned(self, call: str, rest: str) -> Iterator[Step]:
        value = _RETURNED.search(rest)
        if value is None or int(value[1]) < 0:
            return
        match call:
            case "fsync" | "fdatasync" if (name := self._of_descriptor(rest)) is not None:
                yield Synced(name)
            case "openat" if "O_CREAT" in rest and (name := self._of_path(rest)) and name not in self._names:
                self._names.add(name)
                yield Made(name)
            case "unlink" | "unlinkat" if name := self._of_path(rest):
                self._names.discard(name)
                yield Gone(name)

    def _of_descriptor(self, rest: str) -> str | None:
        found = _FD.match(rest)
        return self._name(_unhex(found[2])) if found else None

    def _of_path(self, rest: str) -> str | None:
        found = _TEXT.search(rest)
        return self._name(_unhex(found[1])) if found else None

    def _name(self, path: str) -> str | None:
        """Below the directory, or empty for itself; what processes share while they live is no part of an image."""
        if path == self._place:
            return ""
        name = path.removeprefix(f"{self._place}/")
        return None if name == path or name.endswith(("-shm", "(deleted)")) else name


def _unhex(text: str) -> str:
    return re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), text)


def _last_number(rest: str) -> int:
    """The last argument."""
    arguments = rest.rpartition(")")[0] if ") = " in rest else rest.removesuffix("<unfinished ...>")
    return int(arguments.rpartition(",")[2])


def _bytes(rest: str) -> bytes:
    found = _TEXT.search(rest)
    assert found is not None
    assert not found[2], f"it was cut: {rest[:200]}"
    return bytes.fromhex(found[1].replace("\\x", ""))
