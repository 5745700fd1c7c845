"""A post office that keeps what it is given: the other actors, as one actor's tests see them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from maestro_ray.actors.mail import Courier, Letter
from maestro_ray.actors.messages import WhatHolds


class Office:
    """`replies` gives the answer to a kind of message; an exception in it is the reply, like any other value."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        # the channel of a team that is not steered
        self.replies: dict[type, Callable[[str, Any], Any]] = {WhatHolds: lambda _to, _message: []}
        self._news = asyncio.Event()

    def courier(self, name: str = "me") -> Courier:
        return Courier(name, self.send, patience=0.01)

    async def send(self, receiver: str, sender: str, batch: Sequence[Letter]) -> list[Any]:
        return [self._take(receiver, message) for _, message in batch]

    def _take(self, receiver: str, message: Any) -> Any:
        self.told.append((receiver, message))
        self._news.set()
        reply = self.replies.get(type(message))
        return reply(receiver, message) if reply else None

    def of(self, kind: type, to: str = "") -> list[Any]:
        """Messages of a kind, to somebody or to anybody, in order."""
        return [
            message for receiver, message in self.told if isinstance(message, kind) and to in ("", receiver)
        ]

    async def until(self, true: Callable[[], Any]) -> Any:
        """Wait until what was told makes it true. Raises `TimeoutError`."""
        async with asyncio.timeout(60):
            while not (value := true()):
                self._news.clear()
                await self._news.wait()
        return value
