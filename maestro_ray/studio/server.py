"""Studio behind uvicorn: how it is served, the same for its own process and for tests."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from typing import Any

import uvicorn
from starlette.applications import Starlette

from maestro_ray.studio.socket import LARGEST_MESSAGE


class Server(uvicorn.Server):
    """One application behind sockets. `grace` is how long requests have to end when it stops, in seconds.

    Without `signals` the process's handlers are left alone: `stop` ends it.
    """

    def __init__(self, app: Starlette, *, port: int = 0, grace: int = 2, signals: bool = True) -> None:
        super().__init__(
            uvicorn.Config(
                app, port=port, log_config=None, access_log=False, ws="websockets-sansio",
                ws_max_size=LARGEST_MESSAGE, server_header=False, timeout_graceful_shutdown=grace,
            )
        )  # fmt: skip
        self._signals = signals
        self._serving: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        if not self._signals:
            yield
            return
        with super().capture_signals():
            yield

    async def begin(self, sockets: Sequence[socket.socket] | None = None) -> int:
        """Returns the port it answers at; without sockets one of loopback is bound."""
        self._serving = asyncio.get_running_loop().create_task(self.serve(list(sockets) if sockets else None))
        while not self.started and not self._serving.done():
            await asyncio.sleep(0.002)
        if not self.started:
            await self._serving
            raise RuntimeError("Studio did not start")
        return int(self.servers[0].sockets[0].getsockname()[1])

    async def ended(self) -> None:
        """When it has stopped."""
        assert self._serving is not None
        await self._serving

    async def stop(self) -> None:
        """Connections are cut, and the application is closed."""
        self.should_exit = True
        await self.ended()
