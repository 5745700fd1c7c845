"""A server that says something to all of its subscribers when it is told: `python -m bench.studio.speaker KIND HOME`.

It prints where it is, then hears lines: `say` sends an event that holds the present moment, `worked` prints the
milliseconds of processor so far.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection, broadcast, serve

from maestro_ray.home import Home
from maestro_ray.protocol.jsonrpc import Notification, encode
from maestro_ray.protocol.pusher import channel_event, encode_frame
from maestro_ray.testing import LocalStudio

CHANNEL = "private-project.0197e000-0000-7000-8000-000000000000"
EVENT = "task.updated"


def params() -> dict[str, Any]:
    """An event as large as most."""
    shown = {"title": "Write the parser", "status": "in_progress", "key": "parser", "revision_count": 1}
    return {"task": {"id": "0197e000-0000-7000-8000-000000000001", **shown}, "at": time.monotonic()}


class Studio:
    def __init__(self, directory: str) -> None:
        home = Home(Path(directory), Path(directory) / "run")
        home.prepare()
        self._studio = LocalStudio(home)

    async def start(self) -> dict[str, str]:
        await self._studio.start()
        hub = self._studio.hub
        return {"url": self._studio.ws_url, "channel": CHANNEL, "key": hub.key, "secret": hub.secret}

    def say(self) -> None:
        self._studio.hub.publish(CHANNEL, EVENT, params())


class Bare:
    def __init__(self, _directory: str) -> None:
        self._connections: set[ServerConnection] = set()

    async def start(self) -> dict[str, str]:
        self._server = await serve(self._hold, "127.0.0.1", 0, compression=None)
        return {"url": f"ws://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}", "channel": ""}

    async def _hold(self, connection: ServerConnection) -> None:
        self._connections.add(connection)
        await connection.wait_closed()

    def say(self) -> None:
        numbered = {"id": "0197e000-0000-7000-8000-000000000002", "n": 1_900_000_000_000_000, **params()}
        broadcast(
            self._connections,
            encode_frame(channel_event(CHANNEL, EVENT, encode(Notification(EVENT, numbered)))),
        )


async def main(kind: str, directory: str) -> None:
    speaker = Studio(directory) if kind == "Studio" else Bare(directory)
    print(json.dumps(await speaker.start()), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line == "say\n":
            speaker.say()
        else:
            print(time.process_time() * 1000, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
