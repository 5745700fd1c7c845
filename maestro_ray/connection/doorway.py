"""The way in to one Studio: a few at a time, and while it is away a single one that looks whether it is back.

A thousand connections that are cut at once would come back at once, and each of them would knock for itself all the
time it takes. Here they stand in one line: whoever is first knocks, with full jitter between two tries, and the others
follow when it has got in.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar
from urllib.parse import urlsplit

from maestro_ray.protocol.backoff import Backoff
from maestro_ray.protocol.pusher import Advice

log = logging.getLogger(__name__)

T = TypeVar("T")

# how many connect at once
AT_ONCE = 128
# a Studio on this machine has no other machines before its door, and a refused connection on loopback costs nothing
NEAR = Backoff(cap=0.5, base=0.1, floor=0.1)


class Doorway:
    """One per Studio and process. `backoff` gives the pauses between two tries while Studio is away."""

    def __init__(self, backoff: Backoff | None = None, at_once: int = AT_ONCE) -> None:
        self._backoff = backoff or Backoff()
        self._turns = asyncio.Semaphore(at_once)
        self._first = asyncio.Lock()
        self._is_back = asyncio.Event()
        self._is_back.set()
        self._tries = 0

    @classmethod
    def to(cls, url: str) -> Doorway:
        """The one for this address, `ws://` or `http://`."""
        near = urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
        return cls(NEAR if near else None)

    @property
    def away(self) -> bool:
        """Whether the last try failed and nothing has been heard since."""
        return not self._is_back.is_set()

    async def enter(self, knock: Callable[[], Awaitable[T]]) -> T:
        """What `knock` gives once it succeeds, however long Studio is away. `knock` needs a time limit of its own."""
        while True:
            async with self._turn() as looking:
                try:
                    found = await knock()
                except Exception as error:  # noqa: BLE001 - whatever it was, nobody has got in
                    self._failed(looking, error)
                else:
                    self.heard()
                    return found

    def heard(self) -> None:
        """Studio has answered somebody: whoever waits may try."""
        self._tries = 0
        self._is_back.set()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[bool]:
        """Until one may try; gives whether it is the one that looks for a Studio that is away."""
        while True:
            if self.away:
                async with self._first:
                    if self.away:
                        await self._pause()
                        yield True
                        return
            async with self._turns:
                if not self.away:  # it may have gone while this one stood in line
                    yield False
                    return

    async def _pause(self) -> None:
        pause = self._backoff.next_delay(self._tries - 1, Advice.BACK_OFF, random.random())  # noqa: S311 - jitter
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._is_back.wait()

    def _failed(self, looking: bool, error: Exception) -> None:
        # of those who tried at the same time only the first tells something new
        if looking or not self.away:
            self._tries += 1
            log.info("Studio cannot be reached (%d): %s", self._tries, error or type(error).__name__)
        self._is_back.clear()
