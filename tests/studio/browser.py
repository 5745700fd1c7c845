"""A browser's Pusher client, by hand: one that also says what no library would."""

from __future__ import annotations

import asyncio
import json
from typing import Any, ClassVar

import websockets
from websockets.asyncio.client import ClientConnection, connect

from maestro_ray.protocol.auth import sign_channel

ROOM = "private-team.shop"
MEMBERS = "presence-team.shop"


class Client:
    """One connection. Every one that arrived is closed by `all_leave`."""

    arrived: ClassVar[list[Client]] = []

    def __init__(self, websocket: ClientConnection, key: str, secret: str) -> None:
        self.websocket = websocket
        self.socket_id = ""
        self._key, self._secret = key, secret
        self.arrived.append(self)

    @classmethod
    async def knock(cls, port: int, path: str, *, secret: str = "secret", **options: Any) -> Client:
        """Open a WebSocket at this path, and hear nothing yet."""
        websocket = await connect(f"ws://127.0.0.1:{port}{path}", proxy=None, **options)
        return cls(websocket, path.split("?", maxsplit=1)[0].rpartition("/")[2], secret)

    @classmethod
    async def arrive(cls, port: int, key: str = "key", **options: Any) -> Client:
        client = await cls.knock(port, f"/app/{key}?protocol=7", **options)
        name, data = await client.next()
        assert name == "pusher:connection_established"
        client.socket_id = data["socket_id"]
        return client

    @classmethod
    async def all_leave(cls) -> None:
        for client in cls.arrived:
            await client.websocket.close()
        cls.arrived.clear()

    async def next(self) -> tuple[str, Any]:
        """What comes next; a ping is answered, as on a machine so slow that one is due."""
        while (heard := event(await asyncio.wait_for(self.websocket.recv(), 60)))[0] == "pusher:ping":
            await self.say("pusher:pong", {})
        return heard

    async def subscribe(
        self, channel: str = ROOM, member: Any = None, *, secret: str = ""
    ) -> tuple[str, Any]:
        """`member` is the `channel_data` of a presence channel, as a value or as the text itself."""
        data = member if isinstance(member, str | None) else json.dumps(member)
        auth = sign_channel(self._key, secret or self._secret, self.socket_id, channel, data)
        more = {} if data is None else {"channel_data": data}
        await self.say("pusher:subscribe", {"channel": channel, "auth": auth, **more})
        return await self.next()

    async def joins(self, user_id: str, name: str, channel: str = MEMBERS) -> Any:
        """Subscribe to a presence channel; who is there, by user id."""
        told, data = await self.subscribe(channel, {"user_id": user_id, "user_info": {"name": name}})
        assert told == "pusher_internal:subscription_succeeded"
        return data["presence"]["hash"]

    async def say(self, name: str, data: Any, **more: str) -> None:
        await self.websocket.send(json.dumps({"event": name, "data": data, **more}))

    async def error(self) -> int:
        """The code of the `pusher:error` that comes next."""
        name, data = await self.next()
        assert name == "pusher:error", (name, data)
        assert data["message"]
        return int(data["code"])

    async def until_closed(self) -> int | None:
        """The code of the close; what comes before it is dropped."""
        try:
            while True:
                await self.next()
        except websockets.ConnectionClosed:
            return self.websocket.close_code

    async def nothing_more(self) -> None:
        """What is said in between would have come before the answer to a ping."""
        await self.say("pusher:ping", {})
        assert (await self.next())[0] == "pusher:pong"


def event(text: str | bytes) -> tuple[str, Any]:
    frame = json.loads(text)
    data = frame.get("data")
    return frame["event"], json.loads(data) if isinstance(data, str) else data
