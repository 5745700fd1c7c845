"""A proxy that lets nothing out and keeps who wanted where: an agent of a test talks to loopback alone."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Door:
    """`wanted` has the places that were asked for, with their ports; `env` makes a program ask here."""

    def __init__(self) -> None:
        self.wanted: list[str] = []
        self.env: dict[str, str] = {}

    async def turn_away(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            request = (await reader.readline()).split()
            if len(request) > 1:
                self.wanted.append(request[1].decode("utf-8", "replace"))
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def closed_door() -> AsyncIterator[Door]:
    door = Door()
    server = await asyncio.start_server(door.turn_away, "127.0.0.1", 0)
    place = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    door.env = {spelt: place for name in names for spelt in (name, name.lower())}
    # node asks the environment only when it is told to
    door.env |= {
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "NODE_USE_ENV_PROXY": "1",
    }
    try:
        yield door
    finally:
        server.close()
        await server.wait_closed()
