"""A further actor for project connections: it holds them, and knows nothing of teams.

It speaks to Connections alone. What it holds it is told, and told again after each of its deaths; so it keeps nothing
down. REST calls it has begun and not answered die with it: whoever asked is told so and asks again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any

from maestro_ray.actors.mail import Courier
from maestro_ray.actors.messages import Answered, Ask, BeHolder, Changed, Drop, Heard, Hold, Missed
from maestro_ray.background import Background
from maestro_ray.connection.project import ProjectConnection
from maestro_ray.connection.studios import Studios
from maestro_ray.connection.trouble import Trouble
from maestro_ray.errors import IllegalEvent, InternalError, MaestroError, StudioUnavailable

log = logging.getLogger(__name__)

CONNECTIONS = "connections"
# events of one project that wait for Connections; beyond that they are dropped, and told as missed
MOST_WAITING = 500


class Holder:
    """The occupant of a slot. A call of `handle` decides at once; what takes time is told as a message of its own."""

    def __init__(self, part: BeHolder, courier: Courier) -> None:
        self.id = part.team.id
        self._courier = courier
        self._studios = Studios()
        self._held: dict[str, ProjectConnection] = {}
        self._channels: dict[str, set[str]] = {}
        self._waiting: Counter[str] = Counter()
        self._dropped: dict[str, set[str]] = {}
        self._background = Background(lambda error: log.error("in the background: %r", error, exc_info=error))

    def start(self) -> None:
        """Nothing to do before it is told to hold something."""

    def handle(self, sender: str, message: Any) -> Any:
        match message:
            case Hold():
                self._hold(message)
            case Drop(key):
                self._drop(key)
            case Ask():
                self._background.spawn(self._ask(message))
            case _:
                raise IllegalEvent("holder", "any", f"{type(message).__name__} of {sender}")

    async def quit(self) -> None:
        await self.close()

    async def close(self) -> None:
        for connection in self._held.values():
            await connection.close()
        self._held.clear()
        await self._background.end()
        await self._studios.close()

    # ── what it is told ──────────────────────────────────────────────────────────────────────────────────────────

    def _hold(self, hold: Hold) -> None:
        held = self._held.get(hold.key)
        if held is not None and held.login != hold.login:
            self._drop(hold.key)
            held = None
        if held is None:
            access = self._studios.access(hold.login)
            held = self._held[hold.key] = ProjectConnection(hold.key, access, self)
        before, now = self._channels.get(hold.key, set()), set(hold.channels)
        self._channels[hold.key] = now
        for channel in sorted(before - now):
            held.unsubscribe(channel)
        for channel in sorted(now - before):
            held.subscribe(channel)
        self.changed(hold.key, held.trouble)

    def _drop(self, key: str) -> None:
        if held := self._held.pop(key, None):
            self._channels.pop(key, None)
            self._dropped.pop(key, None)
            self._background.spawn(held.close())

    async def _ask(self, ask: Ask) -> None:
        value, error = None, None
        try:
            if (held := self._held.get(ask.key)) is None:
                raise StudioUnavailable(ask.key, "its connection is not open")
            value = await held.rest.call(
                ask.method, ask.path, body=ask.body, params=ask.params, key=ask.idempotency
            )
        except MaestroError as known:
            error = known
        except Exception as unknown:
            log.exception("a call for %s", ask.key)
            error = InternalError(repr(unknown))
        self._courier.tell(CONNECTIONS, Answered(self.id, ask.number, value, error))

    # ── connection.project.Listener ──────────────────────────────────────────────────────────────────────────────

    def heard(self, key: str, channel: str, method: str, params: Mapping[str, Any]) -> None:
        if self._waiting[key] >= MOST_WAITING:
            self._dropped.setdefault(key, set()).add(channel)
            return
        self._waiting[key] += 1
        told = self._courier.tell(CONNECTIONS, Heard(self.id, key, channel, method, params))
        told.add_done_callback(lambda _: self._told(key))

    def missed(self, key: str, channel: str) -> None:
        self._courier.tell(CONNECTIONS, Missed(self.id, key, channel))

    def changed(self, key: str, trouble: Trouble) -> None:
        self._courier.tell(CONNECTIONS, Changed(self.id, key, trouble))

    def _told(self, key: str) -> None:
        self._waiting[key] -= 1
        if not self._waiting[key]:
            del self._waiting[key]
            for channel in self._dropped.pop(key, ()):
                self.missed(key, channel)
