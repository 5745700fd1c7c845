"""The switchboard: every project's connection by its key, here or in a further actor, so many to each actor.

Soft state: a new life of Connections opens what its teams and reports need. A holder of an earlier life learns from
the answer to its ping that it belongs nowhere, and becomes blank.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from maestro_ray.actors.far import FarConnection, FarHolder
from maestro_ray.actors.mail import Courier
from maestro_ray.actors.messages import Answered, BeHolder, Changed, Heard, Leash, Missed
from maestro_ray.actors.pool import Place, SlotActors
from maestro_ray.config import Config
from maestro_ray.connection.client import StudioClient
from maestro_ray.connection.login import Identify
from maestro_ray.connection.project import Connection, ProjectConnection
from maestro_ray.connection.studios import Studios
from maestro_ray.connection.trouble import Trouble
from maestro_ray.ids import suffix

log = logging.getLogger(__name__)

# how long until a further actor that could not be had is asked for again, in seconds
PATIENCE = 1.0

Spawn = Callable[[Coroutine[Any, Any, Any]], "asyncio.Task[Any]"]


class Staff(Protocol):
    """Where further actors come from and go to."""

    def hire(self) -> Place:
        """A blank slot, which is nobody else's from now on."""
        ...

    async def dismiss(self, slot: str) -> None:
        """It is not needed any more: blank again, or ended."""
        ...


class Ear(Protocol):
    """Who is told what the connections hear."""

    def on_event(self, key: str, channel: str, method: str, params: dict[str, Any]) -> None: ...

    def on_gap(self, key: str, channel: str) -> None: ...


class Switchboard:
    """The first `connections_per_actor` connections are in this actor, the next as many in a further one, and so on."""

    def __init__(
        self,
        config: Config,
        identify: Identify,
        ear: Ear,
        staff: Staff,
        slots: SlotActors,
        courier: Courier,
        spawn: Spawn,
        pulses: str = "",
    ) -> None:
        """`pulses` is what `TeamSpec` says of it, for further actors."""
        self.studios = Studios()
        self._config = config
        self._identify = identify
        self._ear = ear
        self._staff = staff
        self._slots = slots
        self._courier = courier
        self._spawn = spawn
        self._pulses = pulses
        self._open: dict[str, Connection] = {}
        self._holders: dict[str, FarHolder] = {}
        self._counted = itertools.count(2)
        self._closed = False

    def __iter__(self) -> Any:
        return iter(list(self._open.values()))

    def connection(self, key: str) -> Connection:
        """The connection of this project, opened when it is first asked for."""
        if key not in self._open:
            self._open[key] = self._place(key)
        return self._open[key]

    def rest(self, key: str) -> StudioClient:
        """REST as the identity of this project, for questions that need no connection."""
        return self.studios.access(self._identify(key)).rest

    def rests(self) -> list[StudioClient]:
        """Every identity that is in use, that of this machine's Studio first."""
        return list(dict.fromkeys(self.rest(key) for key in ("", *self._open)))

    def slot_of(self, key: str) -> str:
        """The slot that holds this connection; empty for those that are here."""
        found = self._open.get(key)
        return found.holder.slot if isinstance(found, FarConnection) else ""

    def release(self, key: str) -> None:
        """Nobody needs this connection any more; the last one of a further actor takes the actor with it."""
        found = self._open.pop(key, None)
        if found is None:
            return
        if not isinstance(found, FarConnection):
            self._spawn(found.close())
            return
        found.drop()
        if not found.holder.held and found.holder.name in self._holders:
            del self._holders[found.holder.name]
            self._spawn(self._dismiss(found.holder))

    async def close(self) -> None:
        """End those that are here. Further actors are left alone: they learn that nobody asks for them."""
        self._closed = True
        for connection in self._open.values():
            if isinstance(connection, ProjectConnection):
                await connection.close()
        await self.studios.close()

    # ── what holders say ─────────────────────────────────────────────────────────────────────────────────────────

    def handle(self, message: Answered | Heard | Missed | Changed) -> None:
        """What comes from a holder that is none any more counts for nothing."""
        holder = self._holders.get(message.holder)
        if holder is None:
            return
        match message:
            case Answered():
                holder.answered(message)
            case Heard(_, key, channel, method, params):
                if key in holder.held:
                    self._ear.on_event(key, channel, method, dict(params))
            case Missed(_, key, channel):
                if key in holder.held:
                    self._ear.on_gap(key, channel)
            case Changed(_, key, trouble):
                if held := holder.held.get(key):
                    held.trouble = trouble

    def beat(self, place: Place) -> bool:
        """A slot shows that it lives; whether it belongs here."""
        holder = self._holders.get(place.team)
        if holder is None:
            return False
        if not holder.is_up:
            holder.up()
        return True

    def is_holder(self, place: Place) -> bool:
        return place.team in self._holders

    def lost(self, place: Place) -> None:
        """The process behind this slot is gone or silent."""
        place.beat = None
        if holder := self._holders.get(place.team):
            log.warning("%s is lost with %d connections", holder.name, len(holder.held))
            holder.lost()

    # ── connection.project.Listener, for those that are here ─────────────────────────────────────────────────────

    def heard(self, key: str, channel: str, method: str, params: dict[str, Any]) -> None:
        self._ear.on_event(key, channel, method, params)

    def missed(self, key: str, channel: str) -> None:
        self._ear.on_gap(key, channel)

    def changed(self, key: str, trouble: Trouble) -> None:
        log.info("the connection of %s is %s", key, trouble.value or "there")

    # ── places ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _place(self, key: str) -> Connection:
        login, most = self._identify(key), self._config.connections_per_actor
        here = sum(1 for each in self._open.values() if isinstance(each, ProjectConnection))
        if here < most:
            return ProjectConnection(key, self.studios.access(login), self)
        for holder in self._holders.values():
            if len(holder.held) < most:
                return FarConnection(key, login, holder)
        return FarConnection(key, login, self._hire())

    def _hire(self) -> FarHolder:
        name = f"connections-{next(self._counted)}-{suffix(4)}"
        place = self._staff.hire()
        place.team, place.member, place.beat = name, "connections", None
        leash = Leash(name, "Connections", self._config.ping, self._config.lease, self._pulses)
        place.part = BeHolder(leash)
        holder = self._holders[name] = FarHolder(name, place.name, self._courier)
        self._spawn(self._bring_up(holder, place.part))
        return holder

    async def _bring_up(self, holder: FarHolder, part: BeHolder) -> None:
        """Its first ping tells that it is up. One that cannot be made is asked for until it can, or is not needed."""
        while self._holders.get(holder.name) is holder and not self._closed:
            try:
                await self._slots.become(holder.slot, part)
                return
            except Exception as error:  # noqa: BLE001 - the actor may be there another time
                log.warning("%s does not start: %r", holder.name, error)
                await asyncio.sleep(PATIENCE)

    async def _dismiss(self, holder: FarHolder) -> None:
        holder.lost()
        await self._staff.dismiss(holder.slot)
