"""Leases: how long Connections believes a silent member, and how long Studio believes a session.

A session is kept alive only while its member's own ping arrives, so a dead worker cannot look alive; and nobody is
silent because this process stood still.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from maestro_ray.actors.live_team import LiveTeam
from maestro_ray.clock import Lateness
from maestro_ray.errors import StudioRefused

if TYPE_CHECKING:
    from maestro_ray.actors.connections import Connections

log = logging.getLogger(__name__)


class Leases:
    """Those of every team of Connections."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._config, self._pool = connections.config, connections.pool
        self._lateness = Lateness(self._config.lease / 4, connections.clock.monotonic())

    # ── sessions, in Studio ──────────────────────────────────────────────────────────────────────────────────────

    async def keep_sessions(self) -> None:
        """All at the same time: the Studio of one team may hang."""
        while True:
            await asyncio.sleep(self._config.session_heartbeat)
            for team in list(self._connections.teams.values()):
                if not team.beating:
                    team.beating = True
                    self._connections.spawn(self._try_heartbeat(team))

    async def _try_heartbeat(self, team: LiveTeam) -> None:
        try:
            await self.heartbeat(team)
        except Exception as error:  # noqa: BLE001 - the next one may work
            log.warning("no heartbeat for %s: %r", team.record.name, error)
        finally:
            team.beating = False

    async def heartbeat(self, team: LiveTeam) -> None:
        """One call for the whole team, and only for those of it that have shown a sign of life within their lease.

        Those who are over for Studio are over here too, and what it holds for the others is looked at again.
        """
        self._discount()
        alive = [session for session in team.record.sessions if self._alive(team, session)]
        if alive:
            for session in await self._beat(team, alive):
                self._session_over(team, session)
            self._connections.assignments.look_again(team)

    async def _beat(self, team: LiveTeam, alive: Sequence[str]) -> Sequence[str]:
        """Those of them who are over. The first speaks for all, so Studio answers only for one that it knows."""
        path, others = f"agent-sessions/{alive[0]}/heartbeat", {"sessions": alive[1:]}
        try:
            answer = await self._connections.connection(team.record.key).rest.post(path, others)
        except StudioRefused as refused:
            if refused.args[:2] != (404, "not_found"):
                raise
            return alive[:1]
        return list((answer or {}).get("ended", ()))

    def _session_over(self, team: LiveTeam, session: str) -> None:
        member = team.record.member_of(session)
        if not member or team.ending is not None:
            return
        log.warning("the session of %s of %s has ended in Studio", member, team.record.name)
        if member == "lead":
            self._connections.end_team(team, "ended in Studio")
        else:
            self._connections.spawn(self._connections.leave(team, member))

    def _alive(self, team: LiveTeam, session: str) -> bool:
        place = self._pool.get(team.record.slots[team.record.member_of(session)])
        return bool(place and place.beat and place.beat >= self._late())

    # ── members, here ────────────────────────────────────────────────────────────────────────────────────────────

    async def watch_beats(self) -> None:
        """A member that is silent for a whole lease is told as lost; its slot decides whether it comes back."""
        while True:
            await asyncio.sleep(self._config.lease / 4)
            try:
                self._look_for_the_silent()
                self._connections.trim_pool()
            except Exception:
                log.exception("looking for silent members")

    def _look_for_the_silent(self) -> None:
        self._discount()
        late = self._late()
        for place in self._pool.all():
            if place.beat is None or place.beat >= late:
                continue
            team = self._connections.teams.get(place.team)
            if team and team.ending is None:
                self._connections.member_died(team, place)
            elif self._connections.switchboard.is_holder(place):
                self._connections.switchboard.lost(place)

    def _late(self) -> float:
        return self._connections.clock.monotonic() - self._config.lease

    def _discount(self) -> None:
        """Beats count from when they could have been read."""
        now = self._connections.clock.monotonic()
        late = self._lateness.since(now)
        for place in self._pool.all():
            if place.beat is not None:
                place.beat = max(place.beat, min(now, place.beat + late))
