"""The journal: a SQLite file that a durable fact is in before anybody is told it is safe.

One owner, one writer thread per file. Appends that arrive while the disk is busy share the next commit. Nothing is
changed or taken out but by `condense`, and that in one transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from maestro_ray.errors import JournalBroken
from maestro_ray.room import why

LARGEST_BATCH = 1024
# the kind of the entry that says all that is still of use of those before it
WHOLE = "whole"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    number INTEGER PRIMARY KEY,
    sender TEXT NOT NULL,
    kind   TEXT NOT NULL,
    body   TEXT NOT NULL,
    at     REAL NOT NULL
)
"""


@dataclass(frozen=True)
class Entry:
    """One fact. `number` counts without gaps, from 1 or from what the last `condense` has left; `body` is plain JSON,
    `at` is Unix seconds."""

    number: int
    sender: str
    kind: str
    body: Any
    at: float


_Row = tuple[int, str, str, str, float]


class _Item(NamedTuple):
    """An entry to write; those with numbers below `first` are deleted in the same transaction."""

    row: _Row
    done: asyncio.Future[int]
    first: int


class Journal:
    """Entries on disk. `append` numbers at once; its future is done when the entry would survive a power cut.

    A write that fails takes with it all that waits behind it, so that numbers stay without gaps, and from then on
    the journal is `failed`: appends fail until `recover`, and the owner must go back to what `read` says.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises `JournalBroken`."""
        self.path = path
        self._waiting: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        # guards the step from "works" to "failed": nothing is queued after it
        self._lock = threading.Lock()
        self._broken = ""
        self._closed = False
        self._last = 0
        self._start()

    @property
    def last(self) -> int:
        """The highest number given so far; 0 when there is none."""
        return self._last

    @property
    def failed(self) -> bool:
        """Whether a write has failed since the journal was opened or recovered."""
        return bool(self._broken)

    def append(
        self, kind: str, body: Any, *, sender: str = "", at: float
    ) -> tuple[Entry, asyncio.Future[int]]:
        """The numbered entry, and the future of its being durable, which may raise `JournalBroken`.

        Needs a running event loop. Raises `TypeError` or `ValueError` for a body that is not plain JSON.
        """
        return self._put(kind, body, sender, at)

    def condense(
        self, body: Any, *, at: float, first: int | None = None
    ) -> tuple[Entry, asyncio.Future[int]]:
        """Append an entry of kind `WHOLE` that says all that is still of use, and delete those before it, both or
        neither. From number `first` on they stay, for those who have not read them.

        The body must speak also for entries whose future is not done yet: they are before it. Raises as `append`.
        """
        return self._put(WHOLE, body, "", at, first)

    def _put(
        self, kind: str, body: Any, sender: str, at: float, first: int | None = 0
    ) -> tuple[Entry, asyncio.Future[int]]:
        # escaped, for a name that is not UTF-8 holds characters that SQLite does not take
        text = json.dumps(body, separators=(",", ":"))
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        with self._lock:
            entry = Entry(self._last + 1, sender, kind, body, at)
            if self._broken:
                done.set_exception(JournalBroken(str(self.path), self._broken))
            else:
                self._last = entry.number
                kept = entry.number if first is None else min(first, entry.number)
                self._waiting.put(_Item((entry.number, sender, kind, text, at), done, kept))
        return entry, done

    def read(self, after: int = 0, limit: int = -1) -> list[Entry]:
        """Entries with higher numbers, in order, as far as they are durable. Raises `JournalBroken`."""
        query = "SELECT number, sender, kind, body, at FROM entries WHERE number > ? ORDER BY number LIMIT ?"
        try:
            rows = self._reader.execute(query, (after, limit)).fetchall()
            return [
                Entry(number, sender, kind, json.loads(body), at) for number, sender, kind, body, at in rows
            ]
        except (sqlite3.Error, ValueError) as error:
            raise JournalBroken(str(self.path), str(error)) from error

    def recover(self) -> None:
        """Try again after a failure; numbers go on behind what is on disk. Raises `JournalBroken`."""
        if self._closed:
            raise JournalBroken(str(self.path), self._broken)
        if self._broken:
            self._writer.join()
            self._reader.close()
            self._waiting = queue.SimpleQueue()
            self._start()

    def close(self) -> None:
        """Write what waits, then close the file; what is appended later fails. Harmless when repeated."""
        with self._lock:
            self._closed, self._broken = True, self._broken or "it is closed"
            self._waiting.put(None)
        self._writer.join()
        self._reader.close()

    def _start(self) -> None:
        self._reader, self._last = self._open()
        self._broken = ""
        self._writer = threading.Thread(target=self._write, name=f"journal {self.path.name}", daemon=True)
        self._writer.start()

    def _open(self) -> tuple[sqlite3.Connection, int]:
        connection: sqlite3.Connection | None = None
        try:
            connection = _connect(self.path)
            connection.execute(_SCHEMA)
            connection.commit()
            (last,) = connection.execute("SELECT coalesce(max(number), 0) FROM entries").fetchone()
            return connection, int(last)
        except (sqlite3.Error, OSError) as error:
            if connection is not None:
                connection.close()
            raise JournalBroken(str(self.path), why(error, self.path)) from error

    def _write(self) -> None:
        """The writer thread. It owns a connection of its own, so that reading never waits for a commit."""
        try:
            connection = _connect(self.path)
        except (sqlite3.Error, OSError) as error:
            self._fail([], why(error, self.path))
            return
        for batch in self._batches():
            try:
                with connection:
                    _write_batch(connection, batch)
            except Exception as error:  # noqa: BLE001 - whatever it was: a writer that ends without a word hangs everybody
                self._fail(batch, why(error, self.path))
                break
            _tell(batch, None)
        connection.close()

    def _batches(self) -> Iterator[Sequence[_Item]]:
        """Whatever waits, at once, until the end mark."""
        while (first := self._waiting.get()) is not None:
            batch = [first]
            try:
                while len(batch) < LARGEST_BATCH:
                    item = self._waiting.get_nowait()
                    if item is None:
                        self._waiting.put(None)
                        break
                    batch.append(item)
            except queue.Empty:
                pass
            yield batch

    def _fail(self, batch: Sequence[_Item], reason: str) -> None:
        with self._lock:
            self._broken = reason or "it cannot be written"
            behind = []
            while not self._waiting.empty():  # under the lock nothing is added, and this thread alone takes
                behind.append(self._waiting.get())
        waiting = [item for item in (*batch, *behind) if item is not None]
        _tell(waiting, JournalBroken(str(self.path), self._broken))


def _write_batch(connection: sqlite3.Connection, batch: Sequence[_Item]) -> None:
    connection.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", [item.row for item in batch])
    if first := max(item.first for item in batch):
        connection.execute("DELETE FROM entries WHERE number < ?", (first,))


def _tell(items: Sequence[_Item], error: JournalBroken | None) -> None:
    """One call into each event loop for all of its own: to wake it for every entry took longer than to write them."""
    of_loop: dict[asyncio.AbstractEventLoop, list[_Item]] = {}
    for item in items:
        of_loop.setdefault(item.done.get_loop(), []).append(item)
    for loop, own in of_loop.items():
        with contextlib.suppress(RuntimeError):  # it has ended, and with it all that waited
            loop.call_soon_threadsafe(_settle, own, error)


def _settle(items: Sequence[_Item], error: JournalBroken | None) -> None:
    for item in items:
        if item.done.done():
            continue  # who waited has left
        if error is None:
            item.done.set_result(item.row[0])
        else:
            item.done.set_exception(error)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        path.chmod(0o600)
    except BaseException:
        connection.close()
        raise
    return connection
