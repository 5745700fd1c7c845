"""Studio behind uvicorn: how it is served, the same for its own process and for tests."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
from collections.abc import Callable, Sequence
from typing import Any, cast

import uvicorn
from starlette.applications import Starlette

from maestro_ray.studio.outside import Door
from maestro_ray.studio.socket import LARGEST_MESSAGE


class Server(uvicorn.Server):
    """One application behind sockets. `grace` is how long requests have to end when it stops, in seconds.

    Without `signals` the process's handlers are left alone: `stop` ends it. `outside` is one more door.
    """

    def __init__(
        self,
        app: Starlette,
        *,
        port: int = 0,
        grace: int = 2,
        signals: bool = True,
        outside: Door | None = None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app, port=port, log_config=None, access_log=False, ws="websockets-sansio",
                ws_max_size=LARGEST_MESSAGE, server_header=False, timeout_graceful_shutdown=grace,
                # whoever is at the door may not say that they are somebody else, or have come over TLS
                proxy_headers=False,
            )
        )  # fmt: skip
        self._outside = outside
        self._signals = signals
        self._serving: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._outside is not None and self.started:
            door = self._outside
            protocol: Callable[..., asyncio.Protocol] = functools.partial(
                cast("Any", self.config.http_protocol_class),
                config=self.config,
                server_state=self.server_state,
                app_state=self.lifespan.state,
            )
            listening = await asyncio.get_running_loop().create_server(
                protocol, sock=door.listener, ssl=door.context
            )
            self.servers.append(listening)

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
