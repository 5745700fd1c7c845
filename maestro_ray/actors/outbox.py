"""The outbox: reports that Studio has not yet accepted, in the journal before their sender is answered."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from maestro_ray.actors.ledger import Ledger
from maestro_ray.actors.messages import Report
from maestro_ray.errors import JournalBroken, MaestroError, StaleEpoch, StudioRefused, Unsendable

log = logging.getLogger(__name__)

Post = Callable[[str, str, Mapping[str, Any], str], Awaitable[Any]]
Refused = Callable[[Report, Exception], None]

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
# how many runs of one project are reported on beside each other
AT_ONCE = 4
# HTTP's ways to say that a body was not understood, whoever of those on the way says so
UNREADABLE = (400, 413, 422)

_Waiting = deque[tuple[int, Report]]


class Outbox:
    """Delivers each report once, however long its Studio is away: those of one run in order, those of different runs
    beside each other. So neither a Studio that is away nor one report that it cannot digest holds up any other.

    `post(project, path, body, key)` is one try. A report's id makes its key, so a repeat is harmless; `refused` is told
    of a report that Studio will never take.
    """

    def __init__(self, ledger: Ledger, name: str, post: Post, refused: Refused) -> None:
        """What the ledger holds of earlier lives is delivered again, with the same keys."""
        self._ledger = ledger
        self._name = name
        self._post = post
        self._refused = refused
        self._runs: dict[tuple[str, str], _Waiting] = {}
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._delivering: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._filled = asyncio.Event()
        for number, body in sorted(ledger.reports.items()):
            self._queue(number, _report(number, body))

    def put(self, report: Report) -> asyncio.Future[int]:
        """The future is done when the report cannot be lost any more. Raises `JournalBroken`."""
        number, done = self._ledger.append("report", _body(report))
        done.add_done_callback(lambda done: self._ready(number, report, done))
        return done

    def __len__(self) -> int:
        return sum(len(waiting) for waiting in self._runs.values())

    def waits_for(self, project: str) -> bool:
        """Whether any report of this project waits."""
        return any(of == project for of, _ in self._runs)

    def runs(self) -> set[str]:
        """Runs about which Studio has not heard everything that was reported."""
        return {body["run"] for body in self._ledger.reports.values()}

    async def run(self) -> None:
        """Deliver for ever; cancel it to end."""
        try:
            while True:
                await self._filled.wait()
                self._filled.clear()
                for run in self._runs.keys() - self._delivering.keys():
                    self._delivering[run] = asyncio.get_running_loop().create_task(self._deliver_all(run))
        finally:
            tasks = list(self._delivering.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _ready(self, number: int, report: Report, done: asyncio.Future[int]) -> None:
        # who does not wait for the answer has reported all the same
        if done.cancelled() or done.exception() is None:
            self._queue(number, report)

    def _queue(self, number: int, report: Report) -> None:
        self._runs.setdefault((report.project, report.run), deque()).append((number, report))
        self._filled.set()

    async def _deliver_all(self, run: tuple[str, str]) -> None:
        """Until nothing of this run waits any more."""
        waiting = self._runs[run]
        turns = self._turns.setdefault(run[0], asyncio.Semaphore(AT_ONCE))
        try:
            while waiting:
                number, report = waiting[0]
                await self._deliver(number, report, turns)
                waiting.popleft()
                self._accepted(number)
        finally:
            # nothing is awaited since the last look, so nothing can have come in between
            del self._runs[run], self._delivering[run]
            if not any(project == run[0] for project, _ in self._runs):
                self._turns.pop(run[0], None)

    def _accepted(self, number: int) -> None:
        """A note that is lost costs a repeat, which is harmless."""
        try:
            self._ledger.append("report.accepted", {"number": number})[1].add_done_callback(_noted)
        except JournalBroken as error:
            log.warning("the acceptance of report %s is not noted: %s", number, error)

    async def _deliver(self, number: int, report: Report, turns: asyncio.Semaphore) -> None:
        pause = FIRST_PAUSE
        path, body = f"cli-runs/{report.run}/{report.action}", {"epoch": report.epoch, **report.body}
        while True:
            try:
                async with turns:
                    await self._post(report.project, path, body, f"{self._name}-{report.id}")
            except Exception as error:  # noqa: BLE001 - whatever is no answer of Studio's says nothing of the report
                if _final(error):
                    self._give_up(report, error)
                    return
                known = isinstance(error, MaestroError)
                log.log(logging.INFO if known else logging.ERROR, "report %s waits: %r", number, error)
                # spread out: all that wait for the same Studio would else ask again at the same time
                await asyncio.sleep(pause * (0.5 + random.random() / 2))  # noqa: S311 - jitter, no secret
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                return

    def _give_up(self, report: Report, error: Exception) -> None:
        try:
            self._refused(report, error)
        except Exception:
            log.exception("report %s of run %s", report.action, report.run)


def unreadable(error: Exception) -> bool:
    """Whether it is what the report says, and not when it came, that keeps it from being taken."""
    refused = isinstance(error, StudioRefused) and error.args[0] in UNREADABLE
    return refused or isinstance(error, Unsendable)


def _final(error: Exception) -> bool:
    """Whether the same report would get the same answer for ever: Studio itself says no, or nobody can read it.

    A fault of Studio's own is not the report's, and what a proxy before it says (no problem document) is no answer.
    """
    refused = isinstance(error, StudioRefused) and error.args[0] < 500 and error.args[1] != "http_error"
    return refused or unreadable(error) or isinstance(error, StaleEpoch)


def _body(report: Report) -> dict[str, Any]:
    return {
        "run": report.run,
        "epoch": report.epoch,
        "action": report.action,
        "body": dict(report.body),
        "project": report.project,
        "id": report.id,
    }


def _report(number: int, body: Mapping[str, Any]) -> Report:
    """Journals of earlier versions know one Studio and name no project; their keys were made of numbers."""
    project, identifier = body.get("project", ""), body.get("id", str(number))
    return Report(body["run"], body["epoch"], body["action"], body["body"], project, identifier)


def _noted(done: asyncio.Future[int]) -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        log.info("the acceptance of a report is not noted: %s", error)
