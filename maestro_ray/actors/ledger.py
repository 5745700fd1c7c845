"""The ledger: Connections' journal, and what its entries add up to.

Kinds: `team` (a team's record, again at each change), `team.ending`, `team.ended`, `report`, `report.accepted`, and
`whole`, which says all that is so and takes the place of everything before it: so the file stays as small as the facts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from maestro_ray.actors.threads import in_thread
from maestro_ray.clock import Clock
from maestro_ray.journal import Entry, Journal

log = logging.getLogger(__name__)

# the journal is condensed when it has this many entries more than there are facts in it
SLACK = 1000


class Ledger:
    """`teams` are the latest records of teams that have not ended, by id; `ending` is why, for those that are about to;
    `reports` are those Studio has not accepted, by number. Each is true of the journal with all that was appended."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Blocks until all of it is read. Raises `JournalBroken`."""
        self.teams: dict[str, Any] = {}
        self.ending: dict[str, str] = {}
        self.reports: dict[int, Mapping[str, Any]] = {}
        self._clock = clock
        self._journal = Journal(path)
        self._entries = 0
        self._read()

    @classmethod
    async def open(cls, path: Path, clock: Clock) -> Self:
        """Read in a thread: a long journal keeps nobody waiting. Raises `JournalBroken`."""
        return await in_thread(cls, path, clock)

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
        if self._entries > SLACK + 2 * (len(self.teams) + len(self.reports)):
            self._condense()
        return entry.number, done

    def close(self) -> None:
        """Blocks until what was appended is written."""
        self._journal.close()

    def _read(self) -> None:
        self.teams, self.ending, self.reports, self._entries = {}, {}, {}, 0
        for entry in self._journal.read():
            self._apply(entry)

    def _apply(self, entry: Entry) -> None:
        self._entries += 1
        body = entry.body
        match entry.kind:
            case "whole":
                self.teams, self.ending = dict(body["teams"]), dict(body["ending"])
                self.reports = {int(number): report for number, report in body["reports"].items()}
                self._entries = 1
            case "team":
                self.teams[body["id"]] = body
            case "team.ending":
                self.ending[body["id"]] = body["reason"]
            case "team.ended":
                self.teams.pop(body["id"], None)
                self.ending.pop(body["id"], None)
            case "report":
                self.reports[entry.number] = body
            case "report.accepted":
                self.reports.pop(body["number"], None)

    def _condense(self) -> None:
        """What was appended and is not yet durable is part of it: it stands before it, and cannot fail alone."""
        whole = {"teams": self.teams, "ending": self.ending, "reports": self.reports}
        self._journal.condense("whole", whole, at=self._clock.wall()).add_done_callback(_noted)
        self._entries = 1


def _noted(done: asyncio.Future[int]) -> None:
    """A journal that cannot be written says so to the next who needs it."""
    if not done.cancelled() and (error := done.exception()) is not None:
        log.warning("the journal is not condensed: %s", error)
