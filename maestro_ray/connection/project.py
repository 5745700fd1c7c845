"""One project's connection to its Studio: REST, a WebSocket of its own, and the one task that keeps it.

A Pusher server takes so many channels on one WebSocket. A project with more teams than that has another one.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from maestro_ray.connection.client import Rest
from maestro_ray.connection.login import Login
from maestro_ray.connection.socket import StudioSocket
from maestro_ray.connection.studios import Access
from maestro_ray.connection.trouble import Trouble, worst


class Listener(Protocol):
    """Who is told what a project's connection hears."""

    def heard(self, key: str, channel: str, method: str, params: dict[str, Any]) -> None:
        """A notification of a channel."""
        ...

    def missed(self, key: str, channel: str) -> None:
        """A channel was joined, or something that was said on it is lost: what it is about must be read again."""
        ...

    def changed(self, key: str, trouble: Trouble) -> None:
        """The socket is there, or why it is of no use."""
        ...


class Connection(Protocol):
    """A project's connection, in this actor or in another."""

    @property
    def key(self) -> str: ...

    @property
    def login(self) -> Login: ...

    @property
    def rest(self) -> Rest: ...

    @property
    def trouble(self) -> Trouble: ...

    @property
    def connected(self) -> bool: ...

    def subscribe(self, channel: str) -> None:
        """Listen to a channel from now on; `missed` follows as soon as events flow. Harmless when repeated."""
        ...

    def unsubscribe(self, channel: str) -> None: ...

    async def close(self) -> None: ...


# as many as a Pusher server takes on one connection; one that takes fewer says so
MOST_CHANNELS = 100


class ProjectConnection:
    """Its task begins with the first subscription; nothing that goes wrong in it reaches another connection."""

    def __init__(self, key: str, access: Access, listener: Listener) -> None:
        self.key = key
        self.login = access.login
        self.rest: Rest = access.rest
        self.trouble = Trouble.AWAY
        self._access = access
        self._listener = listener
        self._most = MOST_CHANNELS
        self._sockets: dict[StudioSocket, asyncio.Task[None]] = {}

    @property
    def connected(self) -> bool:
        return not self.trouble

    def subscribe(self, channel: str) -> None:
        if self._of(channel) is None:
            room = (each for each in self._sockets if len(each.channels) < self._most)
            (next(room, None) or self._another()).subscribe(channel)

    def unsubscribe(self, channel: str) -> None:
        if (socket := self._of(channel)) is not None:
            socket.unsubscribe(channel)

    async def close(self) -> None:
        """Harmless when repeated."""
        for task in self._sockets.values():
            task.cancel()
        await asyncio.gather(*self._sockets.values(), return_exceptions=True)

    def _of(self, channel: str) -> StudioSocket | None:
        return next((each for each in self._sockets if channel in each.channels), None)

    def _another(self) -> StudioSocket:
        socket = StudioSocket(
            self.login.ws_url,
            self._access.signatures.sign,
            self._heard,
            self._missed,
            doorway=self._access.doorway,
            secure=self._access.secure,
            on_change=self._changed,
            on_full=lambda channel: self._full(socket, channel),
        )
        self._sockets[socket] = asyncio.get_running_loop().create_task(socket.run())
        return socket

    def _full(self, socket: StudioSocket, channel: str) -> None:
        """The server takes no more channels on this one than it has."""
        self._most = max(1, min(self._most, len(socket.channels)))
        self.subscribe(channel)

    def _heard(self, channel: str, method: str, params: dict[str, Any]) -> None:
        self._listener.heard(self.key, channel, method, params)

    def _missed(self, channel: str) -> None:
        self._listener.missed(self.key, channel)

    def _changed(self, _trouble: Trouble) -> None:
        trouble = worst(each.trouble for each in self._sockets)
        if trouble is not self.trouble:
            self.trouble = trouble
            self._listener.changed(self.key, trouble)
