"""The worker's ends of an agent's pipes, driven by the event loop that made them.

Own ends and no asyncio transports: at the end of the tree what is left in a pipe must be taken and the pipe closed,
whether or not anybody reads on, and whether or not a stranger was handed the other end.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

PIECE = 65536
LIMIT = 65536
_LARGEST_PIPE = 1 << 20  # /proc/sys/fs/pipe-max-size as shipped


class Inlet:
    """A reading end. Up to `LIMIT + PIECE` bytes wait here; then the program that writes has to wait."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        self._waiting = bytearray()
        self._news = asyncio.Event()
        self._open = True
        self._listening = False
        self._listen()

    async def read(self) -> bytes:
        """The next piece, at most `PIECE` bytes; empty at the end, and from then on."""
        while not self._waiting and self._open:
            self._news.clear()
            await self._news.wait()
        piece = bytes(self._waiting[:PIECE])
        del self._waiting[:PIECE]
        if self._open and len(self._waiting) < LIMIT:
            self._listen()
        return piece

    def finish(self) -> None:
        """Nobody writes any more: take what is left in the pipe and close it. Harmless when repeated."""
        for _ in range(_LARGEST_PIPE // PIECE):
            if not self._take():
                break
        self.close()

    def close(self) -> None:
        """Close at once; what has been taken can still be read."""
        if self._open:
            self._open = False
            self._pause()
            os.close(self._fd)
            self._news.set()

    def _listen(self) -> None:
        if not self._listening:
            self._listening = True
            self._loop.add_reader(self._fd, self._take)

    def _pause(self) -> None:
        self._listening = False
        self._loop.remove_reader(self._fd)

    def _take(self) -> bool:
        """Whether there may be more to take."""
        if not self._open:
            return False
        try:
            data = os.read(self._fd, PIECE)
        except BlockingIOError:
            return False
        if not data:
            self.close()
            return False
        self._keep(data)
        self._news.set()
        return True

    def _keep(self, data: bytes) -> None:
        self._waiting += data
        if len(self._waiting) >= LIMIT:
            self._pause()


class Tail(Inlet):
    """A reading end that never makes anybody wait: only its last `keep` bytes are kept."""

    def __init__(self, fd: int, keep: int) -> None:
        self._size = keep
        super().__init__(fd)

    def text(self) -> str:
        """What was written last, with a replacement character for what is not UTF-8."""
        return self._waiting.decode(errors="replace")

    def _keep(self, data: bytes) -> None:
        self._waiting += data
        del self._waiting[: -self._size]


class Outlet:
    """A writing end. That nobody reads any more is no error: what is written then is dropped."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        self._turn = asyncio.Lock()
        self._room = asyncio.Event()
        self._open = True

    async def write(self, data: bytes) -> None:
        """Returns when the pipe has taken all of it; pieces of two calls never mix."""
        async with self._turn:
            rest = memoryview(data)
            while rest and self._open:
                try:
                    rest = rest[os.write(self._fd, rest) :]
                except BlockingIOError:
                    await self._until_room()
                except BrokenPipeError:
                    self.close()

    def tell(self, word: bytes) -> None:
        """Write without waiting; for a few bytes that a full pipe makes superfluous."""
        if self._open:
            with suppress(BlockingIOError, BrokenPipeError):
                os.write(self._fd, word)

    def close(self) -> None:
        """Harmless when repeated; a `write` that waits returns."""
        if self._open:
            self._open = False
            self._loop.remove_writer(self._fd)
            os.close(self._fd)
            self._room.set()

    async def _until_room(self) -> None:
        self._room.clear()
        self._loop.add_writer(self._fd, self._room.set)
        try:
            await self._room.wait()
        finally:
            if self._open:
                self._loop.remove_writer(self._fd)


class Clipping:
    """The beginning and the end of a long text, each up to half of `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._half = max(1, limit // 2)
        self._head = bytearray()
        self._tail = bytearray()
        self._cut = 0

    def add(self, data: bytes) -> None:
        room = self._half - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if (over := len(self._tail) - self._half) > 0:
            del self._tail[:over]
            self._cut += over

    @property
    def cut(self) -> bool:
        return self._cut > 0

    def text(self) -> str:
        """As UTF-8 with replacement characters; a line of its own says how much is missing in the middle."""
        if not self._cut:
            return (self._head + self._tail).decode(errors="replace")
        gap = f"\n… {self._cut} bytes cut …\n"
        return self._head.decode(errors="replace") + gap + self._tail.decode(errors="replace")
