"""soketi, a third-party Pusher server, as a process of the tests."""

from __future__ import annotations

import asyncio
import os
import socket
from asyncio.subprocess import DEVNULL, Process

import pusher

from .program import HERE

KEY, SECRET = "app-key", "app-secret"


class Soketi:
    """`start` and `kill` may be repeated: same port."""

    def __init__(self) -> None:
        self._port, self._usage_port = _free_ports(2)
        self._process: Process | None = None
        self.url = f"ws://127.0.0.1:{self._port}/app/{KEY}?protocol=7"
        self._http = pusher.Pusher("1", KEY, SECRET, host="127.0.0.1", port=self._port, ssl=False)

    async def start(self) -> None:
        """Returns when it answers."""
        settings = {
            "HOST": "127.0.0.1", "PORT": self._port, "METRICS_HOST": "127.0.0.1",
            "METRICS_SERVER_PORT": self._usage_port, "DEFAULT_APP_ID": "1", "DEFAULT_APP_KEY": KEY,
            "DEFAULT_APP_SECRET": SECRET,
        }  # fmt: skip
        env = os.environ | {f"SOKETI_{name}": str(value) for name, value in settings.items()}
        self._process = await asyncio.create_subprocess_exec(
            "node", "node_modules/@soketi/soketi/bin/server.js", "start",
            cwd=HERE, env=env, stdout=DEVNULL, stderr=DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(60):
            while not await self._answers():
                assert self._process.returncode is None, "soketi did not start"
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """At once: its own way to end waits for its clients. Harmless when it does not run."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None

    async def trigger(self, channel: str, event: str, data: object) -> None:
        """Through its HTTP API, by Pusher's own library for Python."""
        await asyncio.to_thread(self._http.trigger, channel, event, data)

    async def channels(self) -> set[str]:
        """Those that somebody is on."""
        return set((await asyncio.to_thread(self._http.channels_info))["channels"])

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True


def _free_ports(count: int) -> list[int]:
    """Ports that nothing has at the moment; different ones, as all are taken before one is given back."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
