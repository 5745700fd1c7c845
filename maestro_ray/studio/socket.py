"""The WebSocket side: one hub of channels, and the shell around each connection's `ServerSession`."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from maestro_ray.ids import new_id
from maestro_ray.protocol.jsonrpc import Notification, encode
from maestro_ray.protocol.pusher import Frame, channel_event, encode_frame
from maestro_ray.protocol.session import (
    CloseSocket,
    Event,
    EventReceived,
    ServerLimits,
    ServerSession,
    SubscribeAsked,
)
from maestro_ray.studio import origin

# A client that does not read is closed when this many frames wait for it, or when one frame has waited this many
# seconds; the others are not held up.
LONGEST_QUEUE = 1000
LONGEST_SEND = 20.0


class Hub:
    """Who is subscribed to what in this process. Every event gets an id and the channel's next number."""

    def __init__(self, key: str, secret: str, limits: ServerLimits | None = None) -> None:
        self.key = key
        self.secret = secret
        self.limits = limits
        self._connections: set[Connection] = set()
        self._numbers: dict[str, int] = {}

    def publish(self, channel: str, method: str, params: dict[str, Any]) -> None:
        """Send a JSON-RPC notification to the subscribers of a channel. Never waits for any of them."""
        number = self._numbers[channel] = self._numbers.get(channel, 0) + 1
        notification = Notification(method, {"id": new_id(), "n": number, **params})
        text = encode_frame(channel_event(channel, method, encode(notification)))
        # one that is too slow leaves in the middle of this
        for connection in tuple(self._connections):
            connection.deliver(channel, text)

    def number(self, channel: str) -> int:
        """The last number given on a channel; 0 when none was."""
        return self._numbers.get(channel, 0)

    def relay(self, sender: Connection, event: EventReceived) -> None:
        """Pass a client's own event on to the other subscribers."""
        text = encode_frame(Frame(event.event, event.data, event.channel, event.user_id))
        for connection in self._connections - {sender}:
            connection.deliver(event.channel, text)

    def join(self, connection: Connection) -> None:
        self._connections.add(connection)

    def leave(self, connection: Connection) -> None:
        self._connections.discard(connection)

    async def close(self) -> None:
        """Ask every client to come back soon: the server stops."""
        for connection in list(self._connections):
            connection.hang_up(4200, "the server is restarting")


class Connection:
    """One client: its session, and what waits to be sent to it."""

    def __init__(self, hub: Hub, websocket: WebSocket) -> None:
        socket_id = f"{secrets.randbelow(10**9)}.{secrets.randbelow(10**9)}"
        self._hub = hub
        self._websocket = websocket
        self._session = ServerSession(socket_id, hub.key, hub.secret, hub.limits)
        self._outgoing: asyncio.Queue[str | tuple[int, str]] = asyncio.Queue()

    def deliver(self, channel: str, text: str) -> None:
        if self._session.deliver(channel, text):
            self._flush()

    def hang_up(self, code: int, reason: str) -> None:
        self._outgoing.put_nowait((code, reason))

    async def serve(self) -> None:
        """From the greeting to the end."""
        await self._websocket.accept()
        self._hub.join(self)
        tasks = [asyncio.create_task(work()) for work in (self._send, self._receive, self._keep_alive)]
        self._apply(
            self._session.open(self._websocket.path_params["key"], self._asked_protocol(), time.monotonic())
        )
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._hub.leave(self)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._session.closed(None, "", time.monotonic())

    def _asked_protocol(self) -> str | None:
        return self._websocket.query_params.get("protocol")

    async def _receive(self) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            data = text if text is not None else message.get("bytes") or b""
            self._apply(self._session.receive(data, time.monotonic()))

    async def _send(self) -> None:
        while True:
            item = await self._outgoing.get()
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
                case SubscribeAsked(channel):
                    self._session.accept(channel, {"n": self._hub.number(channel)})
                case EventReceived():
                    self._hub.relay(self, event)
        self._flush()
        for event in events:
            if isinstance(event, CloseSocket):
                self.hang_up(event.code, event.reason)

    def _flush(self) -> None:
        for text in self._session.data_to_send():
            self._outgoing.put_nowait(text)
        if self._outgoing.qsize() > LONGEST_QUEUE:
            self._hub.leave(self)
            while not self._outgoing.empty():
                self._outgoing.get_nowait()
            self.hang_up(4100, "too slow")


async def serve_socket(websocket: WebSocket) -> None:
    """`/app/{key}?protocol=7`: a connection from another site's page is refused before it is accepted."""
    if origin.ours(websocket.headers) is False:
        await websocket.close(4009)
        return
    await Connection(websocket.app.state.studio.hub, websocket).serve()
