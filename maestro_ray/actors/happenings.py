"""What happens in a team, for those who watch: a numbered, bounded, soft record that any number may follow."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from itertools import islice
from typing import Any

from maestro_ray.protocol.strictjson import dump, size

# events, and characters in them, about
KEPT, KEPT_CHARACTERS = 5000, 4_000_000


class Happenings:
    """One team's record. Watchers are equals: CLI, TUI, page and notebook see the same."""

    def __init__(self) -> None:
        self._kept: deque[dict[str, Any]] = deque()
        self._sizes: deque[int] = deque()
        self._size = 0
        self._last = 0
        self._news = asyncio.Event()
        self.over = False

    @property
    def last(self) -> int:
        """The number of the newest; 0 when there is none."""
        return self._last

    def add(self, kind: str, at: float, **body: Any) -> None:
        self._last += 1
        self._kept.append({"n": self._last, "kind": kind, "at": at, **body})
        self._sizes.append(len(repr(body)))
        self._size += self._sizes[-1]
        while len(self._kept) > KEPT or (self._size > KEPT_CHARACTERS and len(self._kept) > 1):
            self._kept.popleft()
            self._size -= self._sizes.popleft()
        self._wake()

    def end(self) -> None:
        """Nothing more will happen; those who follow come to their end."""
        self.over = True
        self._wake()

    def after(self, number: int) -> list[dict[str, Any]]:
        """What is kept with higher numbers."""
        first = self._last - len(self._kept) + 1
        return list(islice(self._kept, min(max(0, number + 1 - first), len(self._kept)), None))

    def page(self, number: int, limit: int) -> tuple[list[dict[str, Any]], bool]:
        """The first of what `after` gives, up to `limit` bytes on the wire but one at least; whether there is more."""
        events, room = self.after(number), limit
        for index, event in enumerate(events):
            room -= size(dump(event))
            if room < 0 and index > 0:
                return events[:index], True
        return events, False

    async def follow(self, number: int) -> AsyncIterator[dict[str, Any]]:
        """Everything after `number`, until the end. What a slow watcher missed shows as a gap in the numbers.

        A number that has not been given yet is from a life before this one: the record begins again.
        """
        number = number if number <= self._last else 0
        while True:
            news = self._news
            for each in self.after(number):
                number = each["n"]
                yield each
            if self.over and number >= self._last:
                return
            if number >= self._last:
                await news.wait()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
