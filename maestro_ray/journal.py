"""The journal: an append-only SQLite file that a durable fact is in before anybody is told it is safe.

One owner, one writer thread per file. Appends that arrive while the disk is busy share the next commit.
"""

from __future__ import annotations

import asyncio
import json
import queue
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maestro_ray.errors import JournalBroken

LARGEST_BATCH = 1024

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
    """One fact. `number` counts from 1 without gaps, `body` is plain JSON, `at` is Unix seconds."""

    number: int
    sender: str
    kind: str
    body: Any
    at: float


class Journal:
    """Entries on disk. `append` numbers at once; its future is done when the entry would survive a power cut."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises `JournalBroken`."""
        self.path = path
        try:
            self._reader = _connect(path)
            self._reader.execute(_SCHEMA)
            self._reader.commit()
            (self._last,) = self._reader.execute("SELECT coalesce(max(number), 0) FROM entries").fetchone()
        except sqlite3.Error as error:
            raise JournalBroken(str(path), str(error)) from error
        self._waiting: queue.SimpleQueue[tuple[Entry, Future[int]] | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name=f"journal {path.name}", daemon=True)
        self._writer.start()

    @property
    def last(self) -> int:
        """The highest number given so far; 0 when there is none."""
        return int(self._last)

    def append(
        self, kind: str, body: Any, *, sender: str = "", at: float
    ) -> tuple[Entry, asyncio.Future[int]]:
        """The numbered entry, and the future of its being durable. Raises nothing; the future may `JournalBroken`."""
        self._last += 1
        entry = Entry(self._last, sender, kind, body, at)
        done: Future[int] = Future()
        self._waiting.put((entry, done))
        return entry, asyncio.wrap_future(done)

    def read(self, after: int = 0, limit: int = -1) -> list[Entry]:
        """Entries with higher numbers, in order, as far as they are durable."""
        query = "SELECT number, sender, kind, body, at FROM entries WHERE number > ? ORDER BY number LIMIT ?"
        rows = self._reader.execute(query, (after, limit))
        return [Entry(number, sender, kind, json.loads(body), at) for number, sender, kind, body, at in rows]

    def close(self) -> None:
        """Write what waits, then close the file."""
        self._waiting.put(None)
        self._writer.join()
        self._reader.close()

    def _write(self) -> None:
        connection = _connect(self.path)
        for batch in self._batches():
            try:
                with connection:
                    connection.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", map(_row, batch))
            except (sqlite3.Error, OSError) as error:
                for _, done in batch:
                    done.set_exception(JournalBroken(str(self.path), str(error)))
            else:
                for entry, done in batch:
                    if not done.cancelled():
                        done.set_result(entry.number)
        connection.close()

    def _batches(self) -> Iterator[Sequence[tuple[Entry, Future[int]]]]:
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


def _row(item: tuple[Entry, Future[int]]) -> tuple[int, str, str, str, float]:
    entry = item[0]
    body = json.dumps(entry.body, ensure_ascii=False, separators=(",", ":"))
    return entry.number, entry.sender, entry.kind, body, entry.at


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    path.chmod(0o600)
    return connection
