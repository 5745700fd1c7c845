"""Subscribers of either kind of server in one process: `python -m bench.studio.listeners COUNT`, the place on its input.

Once all are there it prints their number, and for each event the milliseconds until half, 95 % and all had it.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from maestro_ray.protocol.auth import sign_channel

# the moment at which it was said, whatever it is wrapped in
_AT = re.compile(r'at\\?":([0-9.]+)')


class Listeners:
    def __init__(self, where: dict[str, str], count: int) -> None:
        self._where, self._count = where, count
        self._there = 0
        self._heard: list[float] = []

    async def listen(self) -> None:
        async with connect(
            self._where["url"], proxy=None, compression=None, ping_interval=None, open_timeout=60
        ) as websocket:
            if self._where["channel"]:
                await self._subscribe(websocket)
            self._there += 1
            if self._there == self._count:
                print(self._count, flush=True)
            async for text in websocket:
                self._hear(str(text), time.monotonic())

    async def _subscribe(self, websocket: ClientConnection) -> None:
        hello = json.loads(json.loads(await websocket.recv())["data"])
        channel, key, secret = (self._where[name] for name in ("channel", "key", "secret"))
        data: dict[str, Any] = {
            "channel": channel,
            "auth": sign_channel(key, secret, hello["socket_id"], channel),
        }
        await websocket.send(json.dumps({"event": "pusher:subscribe", "data": data}))
        assert "subscription_succeeded" in str(await websocket.recv())

    def _hear(self, text: str, now: float) -> None:
        self._heard.append(now)
        if len(self._heard) < self._count:
            return
        found = _AT.search(text)
        assert found, text
        took = [(at - float(found[1])) * 1000 for at in self._heard]
        self._heard = []
        print(json.dumps([took[len(took) // 2], took[int(len(took) * 0.95) - 1], took[-1]]), flush=True)


async def main(count: int) -> None:
    crowd = Listeners(json.loads(sys.stdin.readline()), count)
    await asyncio.gather(*(crowd.listen() for _ in range(count)))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
