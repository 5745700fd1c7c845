"""A slot: a warm, blank place for work that becomes a lead, a channel or a worker by one call.

Ray fixes an actor's name and arguments when it is made, so the pool is made of these. What a slot is, is a fact of
Connections; a slot that was started again asks it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import Any, Protocol

from maestro_ray.actors.mail import Courier, Letter, Mailbox, Send
from maestro_ray.actors.messages import BeChannel, BeHolder, BeLead, BeWorker, Part, Quit, WhoAmI
from maestro_ray.actors.pinging import Pinging
from maestro_ray.clock import Clock
from maestro_ray.errors import IllegalEvent

log = logging.getLogger(__name__)

CONNECTIONS = "connections"
# A blank slot says hello again this often (seconds): Connections may have begun a new life and know nothing of it.
HELLO_EVERY = 5.0


class Occupant(Protocol):
    """What a slot has become."""

    def start(self) -> None: ...

    def handle(self, sender: str, message: Any) -> Any: ...

    async def quit(self) -> None:
        """The team is over: leave nothing behind."""
        ...

    async def close(self) -> None:
        """Let go of what this process holds and leave the team as it is, for the next life to go on."""
        ...


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
        self._leaving: asyncio.Task[None] | None = None
        self._quitting = 0

    async def hello(self) -> None:
        """Report to Connections for ever, while blank, and be again what this slot was before it was started anew."""
        while True:
            if self._occupant is None and not self._quitting:
                await self._ask_who()
            await asyncio.sleep(HELLO_EVERY)
            if self._occupant is None:
                warm_up()

    async def _ask_who(self) -> None:
        try:
            part = await self._courier.insist(CONNECTIONS, WhoAmI(self.name, self._pid, self._node))
            if part is not None and self._occupant is None and not self._quitting:
                await self.become(part)
        except Exception:
            log.exception("%s cannot be what it was", self.name)

    async def become(self, part: Part) -> None:
        """Take a part. Repeating the same one is harmless; another one needs a blank slot."""
        if self._part == part:
            return
        if self._occupant is not None:
            raise IllegalEvent("slot", type(self._part).__name__, type(part).__name__)
        self._occupant, self._part = occupant(part, self._courier, self._clock), part
        self._occupant.start()
        self._pinging = asyncio.get_running_loop().create_task(self._ping(part))

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
            self._quitting += 1
            try:
                await leaving.quit()
            finally:
                self._quitting -= 1

    async def close(self) -> None:
        """End this life as its process would, but in order. The team is not told."""
        leaving, self._occupant = self._occupant, None
        if self._pinging:
            self._pinging.cancel()
        self._courier.close()
        if leaving is not None:
            await leaving.close()

    async def _ping(self, part: Part) -> None:
        """Show that this slot lives until it is blank, or learns that it should be."""
        tell = partial(self._courier.tell, CONNECTIONS)
        pinging = Pinging(self.name, self._pid, self._node, part.team, tell, self._clock)
        try:
            while self._part is part:
                belongs = await pinging.once(*getattr(self._occupant, "handover", ("", 0)))
                if not belongs and self._part is part:
                    log.warning("%s is no part of %s any more", self.name, part.team.name)
                    self._leaving = asyncio.get_running_loop().create_task(self._quit())
                    return
                await asyncio.sleep(pinging.pause)
        finally:
            pinging.end()


def warm_up() -> None:
    """Load what any part needs, some time after the start, when nobody waits for this slot or its processor."""
    for name in ("channel", "lead", "worker"):
        import_module(f"maestro_ray.actors.{name}")


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
        case BeHolder():
            from maestro_ray.actors.holder import Holder

            return Holder(part, courier)
