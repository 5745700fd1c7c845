"""One project's connection to its Studio: REST, a WebSocket of its own, and the one task that keeps it."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from maestro_ray.connection.client import Rest
from maestro_ray.connection.login import Login
from maestro_ray.connection.socket import StudioSocket
from maestro_ray.connection.studios import Access


class Listener(Protocol):
    """Who is told what a project's connection hears."""

    def heard(self, key: str, channel: str, method: str, params: dict[str, Any]) -> None:
        """A notification of a channel."""
        ...

    def missed(self, key: str, channel: str) -> None:
        """A channel was joined, or something that was said on it is lost: what it is about must be read again."""
        ...

    def changed(self, key: str, connected: bool) -> None:
        """The socket is there, or is gone and will be back."""
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
    def connected(self) -> bool: ...

    def subscribe(self, channel: str) -> None:
        """Listen to a channel from now on; `missed` follows as soon as events flow. Harmless when repeated."""
        ...

    def unsubscribe(self, channel: str) -> None: ...

    async def close(self) -> None: ...


class ProjectConnection:
    """Its task begins with the first subscription; nothing that goes wrong in it reaches another connection."""

    def __init__(self, key: str, access: Access, listener: Listener) -> None:
        self.key = key
        self.login = access.login
        self.rest: Rest = access.rest
        self._listener = listener
        self._socket = StudioSocket(
            access.login.ws_url,
            access.signatures.sign,
            self._heard,
            self._missed,
            doorway=access.doorway,
            secure=access.secure,
            on_change=self._changed,
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        return self._socket.connected

    def subscribe(self, channel: str) -> None:
        self._socket.subscribe(channel)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._socket.run())

    def unsubscribe(self, channel: str) -> None:
        self._socket.unsubscribe(channel)

    async def close(self) -> None:
        """Harmless when repeated."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _heard(self, channel: str, method: str, params: dict[str, Any]) -> None:
        self._listener.heard(self.key, channel, method, params)

    def _missed(self, channel: str) -> None:
        self._listener.missed(self.key, channel)

    def _changed(self, connected: bool) -> None:
        self._listener.changed(self.key, connected)
