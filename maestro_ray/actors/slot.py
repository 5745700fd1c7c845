"""A slot: a warm, blank place for work that becomes a lead, a channel or a worker by one call.

Ray fixes an actor's name and arguments when it is made, so the pool is made of these. What a slot is, is a fact of
Connections; a slot that was started again asks it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Protocol

from maestro_ray.actors.mail import Courier, Letter, Mailbox, Send
from maestro_ray.actors.messages import BeChannel, BeLead, BeWorker, Part, Ping, Quit, TeamSpec, WhoAmI
from maestro_ray.clock import Clock
from maestro_ray.errors import IllegalEvent

log = logging.getLogger(__name__)

CONNECTIONS = "connections"
# A slot that has heard nothing of Connections for this many worker leases ends its part: detached never means leaked.
ORPHANED_AFTER = 10


class Occupant(Protocol):
    """What a slot has become."""

    def start(self) -> None: ...

    def handle(self, sender: str, message: Any) -> Any: ...

    async def quit(self) -> None: ...


class Slot:
    """One place for work. `send` is one try to reach another actor, `pid` and `node` say where this one runs."""

    def __init__(self, name: str, send: Send, clock: Clock, *, pid: int, node: str, incarnation: str) -> None:
        self.name = name
        self._clock = clock
        self._pid, self._node = pid, node
        # a new life numbers its letters anew, so it writes under a new name
        self._courier = Courier(f"{name}#{incarnation}", send)
        self._mailbox = Mailbox(self._handle)
        self._occupant: Occupant | None = None
        self._part: Part | None = None
        self._pinging: asyncio.Task[None] | None = None

    async def hello(self) -> None:
        """Report to Connections, and be again what this slot was before it was started anew."""
        part = await self._courier.tell(CONNECTIONS, WhoAmI(self.name, self._pid, self._node))
        if part is not None and self._occupant is None:
            await self.become(part)

    async def become(self, part: Part) -> None:
        """Take a part. Repeating the same one is harmless; another one needs a blank slot."""
        if self._part == part:
            return
        if self._occupant is not None:
            raise IllegalEvent("slot", type(self._part).__name__, type(part).__name__)
        self._occupant, self._part = occupant(part, self._courier, self._clock), part
        self._occupant.start()
        self._pinging = asyncio.get_running_loop().create_task(self._ping(part.team))

    async def receive(self, sender: str, batch: Sequence[Letter]) -> list[Any]:
        """Take a batch of letters and give the reply to each."""
        return await self._mailbox.receive(sender, batch)

    def _handle(self, sender: str, message: Any) -> Any:
        if isinstance(message, Quit):
            return self._quit()
        if self._occupant is None:
            raise IllegalEvent("slot", "blank", type(message).__name__)
        return self._occupant.handle(sender, message)

    async def _quit(self) -> None:
        leaving, self._occupant, self._part = self._occupant, None, None
        if self._pinging:
            self._pinging.cancel()
        if leaving is not None:
            await leaving.quit()

    async def _ping(self, team: TeamSpec) -> None:
        heard = self._clock.monotonic()
        while True:
            run = getattr(self._occupant, "run", "")
            try:
                ping = Ping(self.name, self._pid, self._node, run)
                await asyncio.wait_for(self._courier.tell(CONNECTIONS, ping), team.lease)
                heard = self._clock.monotonic()
            except Exception as error:  # noqa: BLE001 - whatever keeps Connections from answering counts as silence
                log.info("Connections did not answer a ping: %r", error)
            if self._clock.monotonic() - heard > ORPHANED_AFTER * team.lease:
                log.warning(
                    "nothing heard of Connections for %s s: leaving the team", ORPHANED_AFTER * team.lease
                )
                asyncio.get_running_loop().create_task(self._quit())
                return
            await asyncio.sleep(team.ping)


def occupant(part: Part, courier: Courier, clock: Clock) -> Occupant:
    """The plain object for a part; each is imported when a slot first becomes one."""
    match part:
        case BeLead():
            from maestro_ray.actors.lead import Lead

            return Lead(part, courier, clock)
        case BeWorker():
            from maestro_ray.actors.worker import Worker

            return Worker(part, courier, clock)
        case BeChannel():
            from maestro_ray.actors.channel import Channel

            return Channel(part, courier, clock)
