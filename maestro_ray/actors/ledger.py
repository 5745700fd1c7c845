"""The ledger: Connections' journal and the facts in it. It is condensed, so it stays as small as the facts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from maestro_ray.actors.facts import Facts
from maestro_ray.actors.threads import in_thread
from maestro_ray.clock import Clock
from maestro_ray.journal import WHOLE, Entry, Journal

log = logging.getLogger(__name__)

# the journal is condensed when it has this many entries more than there are facts in it
SLACK = 1000


class Ledger:
    """Its facts are true of the journal with all that was appended."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Blocks until all of it is read. Raises `JournalBroken`."""
        self._clock = clock
        self._journal = Journal(path)
        self._read()

    @classmethod
    async def open(cls, path: Path, clock: Clock) -> Self:
        """Read in a thread: a long journal keeps nobody waiting. Raises `JournalBroken`."""
        return await in_thread(cls, path, clock)

    @property
    def teams(self) -> Mapping[str, Any]:
        return self._facts.teams

    @property
    def ending(self) -> Mapping[str, str]:
        return self._facts.ending

    @property
    def reports(self) -> Mapping[int, Mapping[str, Any]]:
        return self._facts.reports

    def append(self, kind: str, body: Mapping[str, Any]) -> tuple[int, asyncio.Future[int]]:
        """The number, and the future of its being durable, which may raise `JournalBroken`.

        After a failure the ledger goes back to what the file says, which this entry is no part of. Raises
        `JournalBroken` when that is not possible.
        """
        if self._journal.failed:
            self._journal.recover()
            self._read()
        entry, done = self._journal.append(kind, body, at=self._clock.wall())
        self._apply(entry)
        if self._entries > SLACK + 2 * len(self._facts):
            self._condense()
        return entry.number, done

    def close(self) -> None:
        """Blocks until what was appended is written."""
        self._journal.close()

    def _read(self) -> None:
        self._facts, self._entries = Facts(), 0
        for entry in self._journal.read():
            self._apply(entry)

    def _apply(self, entry: Entry) -> None:
        self._facts.apply(entry)
        self._entries = 1 if entry.kind == WHOLE else self._entries + 1

    def _condense(self) -> None:
        """What was appended and is not yet durable is part of it: it stands before it, and cannot fail alone."""
        self._journal.condense(self._facts.whole(), at=self._clock.wall())[1].add_done_callback(_noted)
        self._entries = 1


def _noted(done: asyncio.Future[int]) -> None:
    """A journal that cannot be written says so to the next who needs it."""
    if not done.cancelled() and (error := done.exception()) is not None:
        log.warning("the journal is not condensed: %s", error)
