"""Project connections that live in a further actor, as Connections sees them: the same calls, carried by mail."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from typing import Any

from maestro_ray.actors.mail import Courier
from maestro_ray.actors.messages import Answered, Ask, Drop, Hold
from maestro_ray.connection.client import Rest
from maestro_ray.connection.login import Login
from maestro_ray.connection.trouble import Trouble
from maestro_ray.errors import StudioUnavailable

# how long a call waits for a holder that is being started, in seconds
UP_WITHIN = 30.0


class FarHolder:
    """One further actor: the slot it lives in, its connections, and the calls it has not answered."""

    def __init__(self, name: str, slot: str, courier: Courier) -> None:
        self.name = name
        self.slot = slot
        self.held: dict[str, FarConnection] = {}
        self._courier = courier
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._is_up = asyncio.Event()

    @property
    def is_up(self) -> bool:
        return self._is_up.is_set()

    def up(self) -> None:
        """A life of it has begun that knows nothing: it is told what it holds."""
        self._is_up.set()
        for connection in self.held.values():
            connection.hold()

    def lost(self) -> None:
        """Its process is gone or silent: what it was asked may have been done."""
        self._is_up.clear()
        for connection in self.held.values():
            connection.trouble = Trouble.AWAY
        for reply in self._asked.values():
            if not reply.done():
                reply.set_exception(StudioUnavailable(self.name, "the actor of this connection has ended"))

    def tell(self, message: Any) -> None:
        """Put a message on its way; what is told to one that is not up it will learn when it is."""
        if self.is_up:
            self._courier.tell(self.slot, message)

    async def ask(self, key: str, method: str, path: str, **more: Any) -> Any:
        """One call by it, and what came of it. Raises `StudioUnavailable` also when nobody can say."""
        try:
            async with asyncio.timeout(UP_WITHIN):
                await self._is_up.wait()
        except TimeoutError:
            raise StudioUnavailable(self.name, "the actor of this connection does not start") from None
        number = next(self._numbers)
        reply = self._asked[number] = asyncio.get_running_loop().create_future()
        told = self._courier.tell(self.slot, Ask(number, key, method, path, **more))
        told.add_done_callback(lambda told: _not_taken(told, reply))
        try:
            return await reply
        finally:
            del self._asked[number]

    def answered(self, answer: Answered) -> None:
        reply = self._asked.get(answer.number)
        if reply is None or reply.done():
            return
        if answer.error is not None:
            reply.set_exception(answer.error)
        else:
            reply.set_result(answer.value)


class FarRest(Rest):
    """REST calls that are made by the holder."""

    def __init__(self, holder: FarHolder, key: str) -> None:
        self._holder = holder
        self._key = key

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        key: str = "",
    ) -> Any:
        return await self._holder.ask(self._key, method, path, body=body, params=params, idempotency=key)


class FarConnection:
    """`connection.project.Connection` in another actor."""

    def __init__(self, key: str, login: Login, holder: FarHolder) -> None:
        self.key = key
        self.login = login
        self.holder = holder
        self.rest: Rest = FarRest(holder, key)
        self.trouble = Trouble.AWAY
        self._channels: set[str] = set()
        holder.held[key] = self
        self.hold()

    @property
    def connected(self) -> bool:
        return not self.trouble

    def hold(self) -> None:
        """Tell the holder all that it must know of this connection."""
        self.holder.tell(Hold(self.key, self.login, sorted(self._channels)))

    def subscribe(self, channel: str) -> None:
        if channel not in self._channels:
            self._channels.add(channel)
            self.hold()

    def unsubscribe(self, channel: str) -> None:
        if channel in self._channels:
            self._channels.discard(channel)
            self.hold()

    def drop(self) -> None:
        if self.holder.held.get(self.key) is self:
            del self.holder.held[self.key]
            self.holder.tell(Drop(self.key))

    async def close(self) -> None:
        self.drop()


def _not_taken(told: asyncio.Future[Any], reply: asyncio.Future[Any]) -> None:
    """The question did not get through; a slot that is blank again, for example, has no use for it."""
    if reply.done() or told.cancelled():
        return
    if (error := told.exception()) is not None:
        reply.set_exception(StudioUnavailable("its actor", repr(error)))
