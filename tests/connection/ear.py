"""A `StudioSocket` that runs, and what it heard."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from maestro_ray.connection.socket import StudioSocket
from maestro_ray.errors import StudioUnavailable
from maestro_ray.protocol.auth import sign_channel
from maestro_ray.protocol.session import ClientLimits
from maestro_ray.testing import LocalStudio, eventually

Authorise = Callable[[str, str], Awaitable[str]]


class Ear:
    """It runs from its making on, until `close`. `refusals` is how often the next authorisations fail."""

    def __init__(self, url: str, authorise: Authorise, limits: ClientLimits | None = None) -> None:
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        self.gaps: list[str] = []
        self.refusals = 0
        self._sign = authorise
        self.socket = StudioSocket(url, self._authorise, self._on_event, self.gaps.append, limits)
        self.task = asyncio.create_task(self.socket.run())

    async def close(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    @property
    def methods(self) -> list[str]:
        return [method for _, method, _ in self.events]

    @property
    def numbers(self) -> list[int]:
        return [params["n"] for _, _, params in self.events]

    async def hears(self, channel: str, count: int = 1) -> None:
        """The channel is subscribed for the so-many-th time."""
        await eventually(lambda: self.gaps.count(channel) >= count)

    async def _authorise(self, socket_id: str, channel: str) -> str:
        if self.refusals:
            self.refusals -= 1
            raise StudioUnavailable("studio", "busy")
        return await self._sign(socket_id, channel)

    def _on_event(self, channel: str, method: str, params: dict[str, Any]) -> None:
        self.events.append((channel, method, params))
        if method == "poison":
            raise KeyError("nobody foresaw this event")


def asking(studio: LocalStudio) -> Authorise:
    """Authorisation as Connections has it: by a call to Studio."""

    async def authorise(socket_id: str, channel: str) -> str:
        client = await studio.client()
        try:
            return await client.authorise(socket_id, channel)
        finally:
            await client.close()

    return authorise


def signing(key: str, secret: str) -> Authorise:
    """Authorisation by whoever knows the secret."""

    async def authorise(socket_id: str, channel: str) -> str:
        return sign_channel(key, secret, socket_id, channel)

    return authorise
