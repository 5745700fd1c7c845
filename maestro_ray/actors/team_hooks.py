"""The hooks of teams at what happens to a team as a whole: its sessions, steering, and cards for the operator."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from maestro_ray.actors.equipping import untrusted
from maestro_ray.actors.hooking import Hooking
from maestro_ray.actors.live_team import LiveTeam
from maestro_ray.actors.messages import BeLead
from maestro_ray.errors import Conflict

if TYPE_CHECKING:
    from maestro_ray.actors.connections import Connections


class TeamHooks:
    """Those of every team of Connections."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def session_starts(self, team: LiveTeam, source: str, **said: Any) -> None:
        """`source` is `startup` for a team and `join` for a worker that comes later. Raises `Conflict` when denied, and
        when the team was stopped while its hooks took their time: its slots may be another's by then."""
        if denied := await self._ask(team, "SessionStart", source=source, **said):
            raise Conflict(f"a hook denies this session: {denied}", "see `maestro hooks list`")
        if team.ending is not None:
            raise Conflict(
                f"the team {team.record.name} was stopped meanwhile", "start another with `maestro team`"
            )

    async def session_ends(self, team: LiveTeam, reason: str, **said: Any) -> None:
        await self._ask(team, "SessionEnd", reason=reason, **said)

    async def steered(self, team: LiveTeam, text: str) -> str:
        """Why a directive may not be given to this team, or an empty text."""
        return await self._ask(team, "Steering", text=text)

    def card_asked(self, team: LiveTeam, card: Mapping[str, Any]) -> None:
        """Beside everything else: nobody waits for whoever is notified."""
        about = {key: card.get(key) for key in ("id", "kind", "question", "options", "plan_id", "task_id")}
        self._connections.spawn(self._ask(team, "Notification", **about))

    async def notes(self, team: LiveTeam) -> list[str]:
        """What of the team's extensions is not as somebody may believe, as it is now."""
        equipment, home = team.record.equipment, self._connections.home.root
        return [*equipment.notes, *await asyncio.to_thread(untrusted, equipment.hooks, home)]

    async def _ask(self, team: LiveTeam, event: str, **said: Any) -> str:
        if not team.record.equipment.hooks:
            return ""
        connections, record = self._connections, team.record
        lead = record.parts(connections.home, connections.config, team.env)[record.lead]
        assert isinstance(lead, BeLead)

        def tell(kind: str, body: Mapping[str, Any]) -> None:
            team.happenings.add(kind, connections.clock.wall(), sender="maestro", body=body)

        return await Hooking(lead.team, "team", tell).ask(event, **said)
