"""The WebSocket side: the shell around each connection's `ServerSession`."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import Sequence

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from maestro_ray.model.channels import is_ours
from maestro_ray.protocol.pusher import (
    Code,
)
from maestro_ray.protocol.session import (
    CloseSocket,
    ConnectionState,
    Event,
    EventReceived,
    ServerSession,
    SubscribeAsked,
    Unsubscribed,
)
from maestro_ray.studio import origin
from maestro_ray.studio.hub import Hub

# A client that does not read is closed when this many bytes wait for it, or when one frame has waited this many
# seconds to be taken; the others are not held up. Bytes and not frames: one commit may publish thousands of events,
# which wait for the sender's next turn with everybody who reads too. All subscribers share an event's text.
LARGEST_BACKLOG = 16 * 1024 * 1024
LONGEST_SEND = 20.0
# From as many frames as this on a client is not read either: its own questions must not fill the queue.
UNREAD_ANSWERS = 100
# A message of more bytes ends the connection (1009) before it is read; from `ServerLimits.message_bytes` up to this it
# is answered with an error.
LARGEST_MESSAGE = 1024 * 1024


class Connection:
    """One client: its session, and what waits to be sent to it."""

    def __init__(self, hub: Hub, websocket: WebSocket) -> None:
        socket_id = f"{secrets.randbelow(10**9)}.{secrets.randbelow(10**9)}"
        self._hub = hub
        self._websocket = websocket
        self._session = ServerSession(socket_id, hub.key, hub.secret, hub.limits)
        self.socket_id = socket_id
        # the persons and sign-ins it listens for, and since when
        self.held: dict[str, float] = {}
        self._outgoing: asyncio.Queue[str | tuple[int, str]] = asyncio.Queue()
        self._backlog = 0
        self._reads_answers = asyncio.Event()
        self._reads_answers.set()

    def deliver(self, channel: str, text: str) -> None:
        if self._session.deliver(channel, text):
            self._flush()

    def listens_to(self) -> int:
        """How many channels."""
        return len(self._session.channels)

    def hang_up(self, code: int, reason: str) -> None:
        self._put((code, reason))

    def turn_away(self, code: Code, reason: str) -> None:
        if self._session.state is ConnectionState.ESTABLISHED:
            self._apply(self._session.turn_away(code, reason))

    async def serve(self) -> None:
        """From the greeting to the end."""
        await self._websocket.accept()
        self._hub.arrive(self)
        tasks = [asyncio.create_task(work()) for work in (self._send, self._receive, self._keep_alive)]
        self._apply(self._greet())
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._hub.depart(self)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._apply(self._session.closed(None, "", time.monotonic()))

    def _greet(self) -> Sequence[Event]:
        asked = self._websocket
        if _is_foreign(asked):
            # told and not just refused: a library that sees a failed handshake tries again for ever
            return self._session.turn_away(Code.UNAUTHORIZED, "Origin not allowed")
        return self._session.open(
            asked.path_params["key"], asked.query_params.get("protocol"), time.monotonic()
        )

    async def _receive(self) -> None:
        while True:
            await self._reads_answers.wait()
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            data = text if text is not None else message.get("bytes") or b""
            self._apply(self._session.receive(data, time.monotonic()))

    async def _send(self) -> None:
        while True:
            item = await self._outgoing.get()
            self._backlog -= _weight(item)
            if self._outgoing.qsize() < UNREAD_ANSWERS:
                self._reads_answers.set()
            try:
                async with asyncio.timeout(LONGEST_SEND):
                    if isinstance(item, str):
                        await self._websocket.send_text(item)
                        continue
                    if self._websocket.application_state is WebSocketState.CONNECTED:
                        await self._websocket.close(*item)
            except (WebSocketDisconnect, RuntimeError, TimeoutError):
                pass
            return

    async def _keep_alive(self) -> None:
        while (deadline := self._session.next_deadline()) is not None:
            await asyncio.sleep(max(0.0, deadline - time.monotonic()))
            self._apply(self._session.handle_timer(time.monotonic()))
        # it closes on order only: the sender ends the connection after the last frame
        await asyncio.Event().wait()

    def _apply(self, events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case SubscribeAsked(channel, member) if is_ours(channel):
                    self._session.accept(channel, self._hub.enter(self, channel, member))
                case SubscribeAsked(channel):
                    self._session.refuse(channel, "there is no such channel")
                case Unsubscribed(channel):
                    self._hub.leave(self, channel)
                case EventReceived():
                    self._hub.relay(self, event)
        self._flush()
        for event in events:
            if isinstance(event, CloseSocket):
                self.hang_up(event.code, event.reason)

    def _flush(self) -> None:
        for text in self._session.data_to_send():
            self._put(text)
        if self._outgoing.qsize() >= UNREAD_ANSWERS:
            self._reads_answers.clear()
        if self._backlog > LARGEST_BACKLOG:
            self._cut_off()

    def _put(self, item: str | tuple[int, str]) -> None:
        self._backlog += _weight(item)
        self._outgoing.put_nowait(item)

    def _cut_off(self) -> None:
        """It gets nothing more from now on. Its leaving is told later: this is in the middle of telling others."""
        reason = "too slow"
        left = self._session.closed(Code.OVER_CAPACITY, reason, time.monotonic())
        asyncio.get_running_loop().call_soon(self._apply, left)
        while not self._outgoing.empty():
            self._backlog -= _weight(self._outgoing.get_nowait())
        self.hang_up(Code.OVER_CAPACITY, reason)


def _weight(item: str | tuple[int, str]) -> int:
    """How many bytes of memory it keeps."""
    return sys.getsizeof(item)


def _is_foreign(websocket: WebSocket) -> bool:
    """Whether a page of another site opened this. Programs send no `Origin`."""
    return origin.ours(websocket.headers) is False


async def serve_socket(websocket: WebSocket) -> None:
    """`/app/{key}?protocol=7`."""
    await Connection(websocket.app.state.studio.hub, websocket).serve()
