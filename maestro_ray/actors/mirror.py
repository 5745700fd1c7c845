"""Keeps Studio's mirror of a team's channel: a soft copy for people to read, written in batches."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from maestro_ray.actors.threads import ended
from maestro_ray.errors import StudioUnavailable, Unauthenticated
from maestro_ray.journal import Entry

log = logging.getLogger(__name__)

BATCH = 200
# messages that wait for a Studio that is away; beyond that the oldest are not shown there
KEPT = 20_000
PAUSE = 1.0
# one call for all that comes in this time after another, in seconds: each is a transaction in Studio
EVERY = 0.1

Post = Callable[[str, Mapping[str, Any]], Awaitable[Any]]


class Mirror:
    """One team's. Repeats are harmless, for messages have numbers."""

    def __init__(self, team: str, post: Post) -> None:
        self._path = f"teams/{team}/messages"
        self._post = post
        self._waiting: deque[Entry] = deque()
        self._filled = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run())

    def add(self, entries: Sequence[Entry]) -> None:
        self._waiting.extend(entries)
        if len(self._waiting) > KEPT:
            log.warning("%s: messages up to %d are left out", self._path, self._waiting[-KEPT - 1].number)
        while len(self._waiting) > KEPT:
            self._waiting.popleft()
        if entries:
            self._filled.set()

    async def close(self, within: float) -> None:
        """Give what waits a little time to go out."""
        try:
            async with asyncio.timeout(within):
                while self._waiting:
                    await asyncio.sleep(0.01)
        except TimeoutError:
            log.info("%d messages were not mirrored", len(self._waiting))
        await ended(self._task)
        self._waiting.clear()

    def cancel(self) -> None:
        """Nobody will read this copy any more."""
        self._task.cancel()

    async def _run(self) -> None:
        while True:
            await self._filled.wait()
            batch = [self._waiting[i] for i in range(min(BATCH, len(self._waiting)))]
            try:
                await self._post(self._path, {"messages": [_message(entry) for entry in batch]})
            except (StudioUnavailable, Unauthenticated):
                await asyncio.sleep(PAUSE)
                continue
            except Exception as error:  # noqa: BLE001 - it would be the same the next time, and others wait behind it
                log.warning("Studio does not take %d messages: %s", len(batch), error)
            while self._waiting and self._waiting[0].number <= batch[-1].number:
                self._waiting.popleft()
            if not self._waiting:
                self._filled.clear()
            if len(self._waiting) < BATCH:
                await asyncio.sleep(EVERY)


def _message(entry: Entry) -> dict[str, Any]:
    return {
        "number": entry.number,
        "sender": entry.sender or "maestro",
        "kind": entry.kind,
        "body": entry.body,
        "at": entry.at,
    }
