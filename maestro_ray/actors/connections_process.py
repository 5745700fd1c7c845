"""The process that holds Connections: it waits for Studio's address, then serves its end of the local line."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from typing import Any

from maestro_ray.actors.connections import Connections
from maestro_ray.actors.ledger import Ledger
from maestro_ray.actors.mail import Courier, Letter, Send
from maestro_ray.actors.pool import SlotActors
from maestro_ray.actors.service import Service
from maestro_ray.actors.slot import CONNECTIONS
from maestro_ray.clock import SystemClock
from maestro_ray.config import Config
from maestro_ray.connection.line import LineServer
from maestro_ray.connection.login import Login
from maestro_ray.home import Home
from maestro_ray.ids import suffix


class ConnectionsProcess:
    """Wires Connections to this machine: its files, sockets and clock."""

    def __init__(self, home: Home, send: Send, slots: SlotActors, begun: Sequence[str] = ()) -> None:
        """`begun` are slots that are being made already, and will say hello in a moment."""
        self._home = home
        self._begun = begun
        self._slots = slots
        self._courier = Courier(f"{CONNECTIONS}#{os.getpid()}-{suffix()}", send)
        self._connections: Connections | None = None

    async def start(self) -> None:
        info = await self._studio()
        while not (self._home.run / "tokens.json").exists():
            await asyncio.sleep(0.02)
        clock = SystemClock()
        login = Login(info["url"], info["ws_url"], str(self._home.run / "tokens.json"))
        self._connections = Connections(
            self._home,
            Config.load(self._home),
            lambda _key: login,
            self._slots,
            self._courier,
            clock,
            await Ledger.open(self._home.connections_journal, clock),
        )
        self._connections.start()
        for name in self._begun:
            if self._connections.pool.get(name) is None:
                self._connections.pool.add(name)
                self._slots.make(name)
        self._line = LineServer(self._home.connections_socket, Service(self._connections).handle)
        await self._line.start()

    async def receive(self, sender: str, batch: Sequence[Letter]) -> list[Any]:
        assert self._connections is not None
        return await self._connections.receive(sender, batch)

    async def _studio(self) -> dict[str, Any]:
        """Studio starts, and the daemon signs in, beside Ray; both are nearly always there first."""
        path = self._home.run / "studio.json"
        while True:
            try:
                return dict(json.loads(path.read_text()))
            except (FileNotFoundError, ValueError):
                await asyncio.sleep(0.02)
