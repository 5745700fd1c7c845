"""What is wrong with a journal: a look at the file that changes nothing in it, also while its owner goes on."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from maestro_ray.journal import WHOLE, Entry

# of one kind of fault so many are told, for a file that is full of them
TOLD = 10


class Machine(Protocol):
    """What the entries of a journal add up to, from nothing on."""

    def knows(self, kind: str) -> bool:
        """Whether this version writes entries of this kind."""
        ...

    def apply(self, entry: Entry) -> None:
        """Take the next entry; whatever it raises says that the entry cannot be."""
        ...


def check(path: Path, machine: Machine) -> list[str]:
    """What is wrong, a sentence each; nothing when it is sound. `machine` is then in the state that was read.

    SQLite may leave its `-wal` and `-shm`, without any content, beside a file whose owner is away.
    """
    try:
        with _opened(path) as connection:
            damage = [row for (row,) in connection.execute(f"PRAGMA integrity_check({TOLD})")]
            if damage != ["ok"]:
                return [f"the file is damaged: {' '.join(each.split())}" for each in damage]
            return _few(_faults(connection, machine))
    except (sqlite3.Error, OSError) as error:
        return [f"it cannot be read: {error}"]


def _faults(connection: sqlite3.Connection, machine: Machine) -> Iterator[str]:
    """All in one reading, so an owner at work does not change what is compared."""
    # a journal without its table was cut at its very beginning, when nothing was in it
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'entries'").fetchone():
        return
    last, begun, whole = 0, 0, False
    for number, sender, kind, body, at in connection.execute(
        "SELECT number, sender, kind, body, at FROM entries ORDER BY number"
    ):
        if begun and number != last + 1:
            yield f"entries {last + 1} to {number - 1} are missing"
        begun, last, whole = begun or number, number, whole or kind == WHOLE
        if not machine.knows(kind):
            yield f"entry {number} is of a kind that this version does not know: {kind!r}"
        try:
            machine.apply(Entry(number, sender, kind, json.loads(body), at))
        except Exception as error:  # noqa: BLE001 - whatever a damaged entry leads to is what is wrong with it
            yield f"entry {number} ({kind}) cannot be applied: {error!r}"
    if begun > 1 and not whole:
        yield f"entries 1 to {begun - 1} are missing, and no later one says what was in them"


def _few(faults: Iterator[str]) -> list[str]:
    """The whole journal is read all the same: the machine is to have all of it."""
    found = list(faults)
    more = [f"and {len(found) - TOLD} more"] if len(found) > TOLD else []
    return found[:TOLD] + more


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    path.stat()
    try:
        with contextlib.closing(_read_only(path)) as connection:
            yield connection
    except _Stuck:
        # its last owner died, and to take in what it left SQLite must write: into a copy
        with tempfile.TemporaryDirectory(prefix="maestro-check-") as directory:
            copy = Path(directory) / path.name
            for suffix in ("", "-wal", "-journal"):
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(path.with_name(path.name + suffix), copy.with_name(copy.name + suffix))
            with contextlib.closing(sqlite3.connect(copy)) as connection:
                yield connection


class _Stuck(Exception):
    """SQLite must write before it can read."""


def _read_only(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        connection.execute("BEGIN")
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            raise _Stuck from error
        raise
    except BaseException:
        connection.close()
        raise
    return connection
