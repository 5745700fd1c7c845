"""The signatures of private channels: what is asked for while one call is under way shares the next.

That is our own Studio's way. At another Pusher server each channel is asked for by itself, a few at a time.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any

from maestro_ray.connection.client import StudioClient
from maestro_ray.errors import InternalError, MaestroError, StudioRefused, StudioUnavailable

log = logging.getLogger(__name__)

# how many share a call at most, and how many calls are made beside each other where they cannot
LARGEST_BATCH = 128
SINGLES_AT_ONCE = 8

_Asked = tuple[str, str, "asyncio.Future[str]"]


class Signatures:
    """One per identity."""

    def __init__(self, rest: StudioClient) -> None:
        self._rest = rest
        self._waiting: deque[_Asked] = deque()
        self._asking: asyncio.Task[None] | None = None
        self._together = True
        self._few = asyncio.Semaphore(SINGLES_AT_ONCE)

    async def sign(self, socket_id: str, channel: str) -> str:
        """Raises what `StudioClient.call` raises."""
        if not self._together:
            return await self._alone(socket_id, channel)
        reply: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.append((socket_id, channel, reply))
        if self._asking is None:
            self._asking = asyncio.get_running_loop().create_task(self._ask_for_all())
        return await reply

    async def close(self) -> None:
        """Harmless when repeated."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _alone(self, socket_id: str, channel: str) -> str:
        async with self._few:
            return await self._rest.authorise(socket_id, channel)

    async def _ask_for_all(self) -> None:
        batch: list[_Asked] = []
        try:
            while batch := self._batch():
                try:
                    await self._ask_for(batch)
                except Exception as error:
                    log.exception("signatures")
                    for _, _, reply in batch:
                        _settle(reply, InternalError(repr(error)))
        finally:
            # nobody asks any more, so nobody may wait
            self._asking = None
            for _, _, reply in (*batch, *self._waiting):
                reply.cancel()

    def _batch(self) -> list[_Asked]:
        """The next that are still wanted: who was cut meanwhile has left."""
        batch: list[_Asked] = []
        while self._waiting and len(batch) < LARGEST_BATCH:
            asked = self._waiting.popleft()
            if not asked[2].done():
                batch.append(asked)
        return batch

    async def _ask_for(self, batch: list[_Asked]) -> None:
        if len(batch) == 1 or not self._together:
            await asyncio.gather(*(self._one(asked) for asked in batch))
            return
        channels = [{"socket_id": socket, "channel_name": channel} for socket, channel, _ in batch]
        try:
            answers = await self._rest.post("auth/channels", {"channels": channels})
        except StudioRefused as error:
            # another refusal is about this call, or a mistake of Studio's that passes
            self._together = error.args[0] not in (404, 405)
            log.info("%d channels are signed one by one: %s", len(batch), error)
            await asyncio.gather(*(self._one(asked) for asked in batch))
        except MaestroError as error:
            for _, _, reply in batch:
                _settle(reply, error)
        else:
            for (_, _, reply), answer in zip(batch, _as_many(answers, len(batch)), strict=True):
                _settle(reply, self._read(answer))

    async def _one(self, asked: _Asked) -> None:
        socket_id, channel, reply = asked
        try:
            _settle(reply, await self._alone(socket_id, channel))
        except MaestroError as error:
            _settle(reply, error)

    def _read(self, answer: Any) -> str | MaestroError:
        match answer:
            case {"auth": str(auth)}:
                return auth
            case {"code": str(code), "detail": str(detail)}:
                return StudioRefused(403, code, detail)
            case _:
                return StudioUnavailable(self._rest.url, "its answer holds no signature: is this Studio?")


def _as_many(answers: Any, count: int) -> list[Any]:
    """The answers, or nothing for each when they are not as many as the questions."""
    return answers if isinstance(answers, list) and len(answers) == count else [None] * count


def _settle(reply: asyncio.Future[str], result: str | MaestroError) -> None:
    if reply.done():
        return
    if isinstance(result, str):
        reply.set_result(result)
    else:
        reply.set_exception(result)
