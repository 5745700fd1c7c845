"""Something the daemon keeps running: started when it is needed, started again when it dies, ended with the daemon."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from maestro_ray.background import Background
from maestro_ray.errors import DaemonUnavailable

log = logging.getLogger(__name__)

T = TypeVar("T")
Progress = Callable[[str], None]

# what dies this often in this many seconds, or fails this often in a row, is not started again by itself
TOO_OFTEN, WINDOW = 5, 60.0
# how long after a death it is started again, in seconds; twice as long each further time
PAUSE = 0.1


class Program(Protocol[T]):
    """How one kind of thing is found, started and ended. All its processes carry a mark that nothing else has."""

    name: str

    async def find(self) -> T | None:
        """What an earlier daemon left, when it is whole."""
        ...

    async def start(self) -> T:
        """Returns when it is ready. Raises whatever kept it from that, and may leave parts of it behind."""
        ...

    async def ended(self, running: T) -> str:
        """Returns when it has ended: what of it has."""
        ...

    async def end(self, running: T | None) -> None:
        """End it, and with it or without it every part of one. Returns when nothing is left."""
        ...


class Watched(Generic[T]):
    """One program. `running` is None when it is not ready; `trouble` says why it does not come back, or is empty.

    As long as `running` is None and nobody holds the lock no process of it is there: a start that fails is cleared
    away, a death takes the rest with it, and so does a daemon that finds only parts of one.
    """

    def __init__(self, program: Program[T]) -> None:
        self.running: T | None = None
        self.trouble = ""
        # how long its last start took; None before the first
        self.seconds: float | None = None
        self._program = program
        self._lock = asyncio.Lock()
        self._background = Background(lambda error: log.warning("%s: %r", program.name, error))
        self._deaths: list[float] = []
        self._closed = False

    async def adopt(self) -> None:
        """Take over what an earlier daemon left; what is less than whole is ended, a start that goes on too."""
        async with self._lock:
            self.running = await self._program.find()
            if self.running is None:
                await self._program.end(None)
            else:
                self._background.spawn(self._watch(self.running))

    async def ensure(self, progress: Progress) -> T:
        """It is ready. Any number may ask at once, and one who leaves does not end the start for the others.

        Raises what kept it from starting, and `DaemonUnavailable` once it is closed.
        """
        start = self._background.spawn(self._ensure(progress))
        try:
            return await asyncio.shield(start)
        except asyncio.CancelledError:
            if start.cancelled():
                raise DaemonUnavailable("it is being stopped") from None
            raise

    async def give_up(self) -> None:
        """End a start that goes on, for something else it needs will not come; what runs stays."""
        if self.running is None:
            await self._background.end()
        async with self._lock:
            if self.running is None:
                await self._program.end(None)

    def close(self) -> None:
        """Start nothing any more."""
        self._closed = True

    async def stop(self) -> None:
        """End it, also in the middle of a start. Returns when nothing of it is left."""
        self.close()
        await self._background.end()
        await self._program.end(self.running)
        self.running = None

    async def _ensure(self, progress: Progress) -> T:
        async with self._lock:
            if self.running is None:
                self.running = await self._start(progress)
                self._background.spawn(self._watch(self.running))
            return self.running

    async def _start(self, progress: Progress) -> T:
        if self._closed:
            raise DaemonUnavailable("it is being stopped")
        progress(f"starting {self._program.name}")
        began = time.monotonic()
        try:
            running = await self._program.start()
        except Exception:
            await self._program.end(None)
            raise
        self.seconds = round(time.monotonic() - began, 3)
        self.trouble = ""
        return running

    async def _watch(self, running: T) -> None:
        what = await self._program.ended(running)
        log.warning("%s has ended; what is left of it is ended too, and it is started again", what)
        # nobody may start a new one before the old one is gone: they carry the same mark
        async with self._lock:
            self.running = None
            await self._program.end(running)
        await self._again(f"{what} ended")

    async def _again(self, why: str) -> None:
        """Start it again, later each time, until it is ready or there is no hope."""
        for tries in itertools.count(1):
            now = time.monotonic()
            self._deaths = [*(at for at in self._deaths if now - at < WINDOW), now]
            times = max(tries, len(self._deaths))
            if self._closed:
                return
            if times >= TOO_OFTEN:
                break
            await asyncio.sleep(PAUSE * 2 ** (times - 1))
            try:
                await self._ensure(log.info)
                return
            except Exception as error:
                why = str(error) or repr(error)
                self.trouble = f"{why}; it is tried again"
                log.exception("%s does not start again", self._program.name)
        self.trouble = f"{why}; after {times} times it is not started again before it is needed"
        log.error("%s: %s", self._program.name, self.trouble)
