"""A Pusher server with the habits of Laravel Reverb, each of which has broken some client.

Every code is a `pusher:error` and its `data` a JSON string; hardly anything closes the connection. Who may not come
in gets an error in place of the greeting and a socket that stays open. An unknown key gets its error and then a bare
end of TCP. A refused subscription does not say which. What cannot be read is 4200 on a connection that stays usable.
"""

from __future__ import annotations

import itertools
import json
from typing import Any
from urllib.parse import urlsplit

import websockets
from websockets.asyncio.server import Server, ServerConnection, serve

from maestro_ray.protocol.auth import needs_auth, verify_channel

KEY, SECRET = "app-key", "app-secret"
LARGEST_MESSAGE = 10_000


class Reverb:
    """`async with Reverb() as reverb:`; what is set on it counts from the next message on."""

    def __init__(self, activity_timeout: int = 30) -> None:
        self.url = ""
        self.key = KEY
        self.activity_timeout = activity_timeout
        # instead of the greeting; the socket stays open
        self.turned_away: tuple[int, str] | None = None
        # a client is heard and gets no answer
        self.silent = False
        self.forbidden: set[str] = set()
        self.arrived = 0
        self.heard: list[dict[str, Any]] = []
        self._ids = itertools.count(1)
        self._on: dict[ServerConnection, set[str]] = {}
        self._socket_ids: dict[ServerConnection, str] = {}
        self._server: Server

    async def __aenter__(self) -> Reverb:
        self._server = await serve(
            self._talk, "127.0.0.1", 0, max_size=LARGEST_MESSAGE, ping_interval=None, close_timeout=0.1
        )
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"ws://127.0.0.1:{port}/app/{KEY}?protocol=7"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    @property
    def connections(self) -> list[ServerConnection]:
        """Those that are open now, greeted or not."""
        return list(self._on)

    def names(self) -> list[str]:
        """The events that clients sent, in order."""
        return [frame["event"] for frame in self.heard]

    async def tell(self, event: str, data: Any = None, channel: str | None = None) -> None:
        """Send a frame to everybody, or to those on a channel."""
        for connection, channels in list(self._on.items()):
            if channel is None or channel in channels:
                await self._say(connection, event, data, channel)

    async def publish(self, channel: str, method: str, n: int) -> None:
        """A numbered JSON-RPC notification, as our Studio would send it."""
        params = {"id": f"e{n}", "n": n}
        await self.tell(method, {"jsonrpc": "2.0", "method": method, "params": params}, channel)

    async def say_raw(self, message: str | bytes, *, text: bool | None = None) -> None:
        for connection in self.connections:
            await connection.send(message, text=text)

    def cut(self) -> None:
        """The end of TCP, without a word, for everybody."""
        for connection in self.connections:
            connection.transport.close()

    async def _talk(self, connection: ServerConnection) -> None:
        self.arrived += 1
        self._on[connection] = set()
        try:
            await self._greet(connection)
            async for message in connection:
                await self._answer(connection, message)
        except websockets.ConnectionClosed:
            pass
        finally:
            del self._on[connection]

    async def _greet(self, connection: ServerConnection) -> None:
        assert connection.request
        if self.silent:
            return
        if urlsplit(connection.request.path).path != f"/app/{self.key}":
            await self._error(connection, 4001, "Application does not exist")
            connection.transport.close()
        elif self.turned_away:
            await self._error(connection, *self.turned_away)
        else:
            number = next(self._ids)
            self._socket_ids[connection] = socket_id = f"{number}.{number}"
            hello = {"socket_id": socket_id, "activity_timeout": self.activity_timeout}
            await self._say(connection, "pusher:connection_established", hello)

    async def _answer(self, connection: ServerConnection, message: str | bytes) -> None:
        try:
            frame = json.loads(message)
            name, data = frame["event"], frame.get("data") or {}
        except (ValueError, KeyError, TypeError):
            await self._error(connection, 4200, "Invalid message format")
            return
        self.heard.append(frame)
        if self.silent:
            return
        match name:
            case "pusher:subscribe":
                await self._subscribe(connection, data)
            case "pusher:unsubscribe":
                self._on[connection].discard(data["channel"])
            case "pusher:ping":
                await self._say(connection, "pusher:pong")
            case "pusher:pong":
                pass
            case _:
                # there is no `pusher:signin`, and client events are off
                await self._error(connection, 4200, "Invalid message format")

    async def _subscribe(self, connection: ServerConnection, data: dict[str, str]) -> None:
        channel = data["channel"]
        signed = verify_channel(
            KEY, SECRET, self._socket_ids[connection], channel, auth=data.get("auth"),
            channel_data=data.get("channel_data"),
        )  # fmt: skip
        if channel in self.forbidden or (needs_auth(channel) and not signed):
            await self._error(connection, 4009, "Connection is unauthorized")
            return
        self._on[connection].add(channel)
        await self._say(connection, "pusher_internal:subscription_succeeded", {}, channel)

    async def _error(self, connection: ServerConnection, code: int, message: str) -> None:
        await self._say(connection, "pusher:error", {"code": code, "message": message})

    async def _say(
        self, connection: ServerConnection, event: str, data: Any = None, channel: str | None = None
    ) -> None:
        frame = {"event": event} | ({} if data is None else {"data": json.dumps(data)})
        await connection.send(json.dumps(frame | ({} if channel is None else {"channel": channel})))
