"""The outbox: reports that Studio has not yet accepted, in the journal before their sender is answered."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from maestro_ray.actors.messages import Report
from maestro_ray.clock import Clock
from maestro_ray.errors import StudioUnavailable, Unauthenticated
from maestro_ray.journal import Entry, Journal

log = logging.getLogger(__name__)

Post = Callable[[str, Mapping[str, Any], str], Awaitable[Any]]
Refused = Callable[[Report, Exception], None]

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0


class Outbox:
    """Delivers each report once, in order, however long Studio is away. Numbers of the journal are the keys that
    make a repeat harmless; `refused` is told of a report that Studio will never take."""

    def __init__(self, journal: Journal, name: str, post: Post, refused: Refused, clock: Clock) -> None:
        self._journal = journal
        self._name = name
        self._post = post
        self._refused = refused
        self._clock = clock
        self._waiting: deque[tuple[int, Report]] = deque()
        self._filled = asyncio.Event()

    def replay(self, entry: Entry) -> None:
        """Take in what the journal holds, at start."""
        if entry.kind == "report":
            body = entry.body
            report = Report(body["run"], body["epoch"], body["action"], body["body"])
            self._waiting.append((entry.number, report))
            self._filled.set()
        elif entry.kind == "report.accepted":
            self._waiting = deque(item for item in self._waiting if item[0] != entry.body["number"])

    def put(self, report: Report) -> asyncio.Future[int]:
        """The future is done when the report cannot be lost any more."""
        body = {"run": report.run, "epoch": report.epoch, "action": report.action, "body": dict(report.body)}
        entry, done = self._journal.append("report", body, at=self._clock.wall())
        done.add_done_callback(lambda done: self._ready(entry.number, report, done))
        return done

    def __len__(self) -> int:
        return len(self._waiting)

    async def run(self) -> None:
        """Deliver for ever; cancel it to end."""
        while True:
            await self._filled.wait()
            while self._waiting:
                number, report = self._waiting[0]
                await self._deliver(number, report)
                self._waiting.popleft()
                self._journal.append("report.accepted", {"number": number}, at=self._clock.wall())
            self._filled.clear()

    def _ready(self, number: int, report: Report, done: asyncio.Future[int]) -> None:
        if not done.cancelled() and done.exception() is None:
            self._waiting.append((number, report))
            self._filled.set()

    async def _deliver(self, number: int, report: Report) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                path = f"cli-runs/{report.run}/{report.action}"
                await self._post(path, {"epoch": report.epoch, **report.body}, f"{self._name}-{number}")
            except (StudioUnavailable, Unauthenticated) as error:
                log.info("report %s waits: %s", number, error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            except Exception as error:  # noqa: BLE001 - nothing may keep the reports behind this one from going out
                self._refused(report, error)
                return
            else:
                return
