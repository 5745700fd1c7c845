"""Follows the planning of teams that were started with a goal: who is told what, and what becomes of the team.

Studio knows how it stands; an event is only a reason to look. So it does not matter which of them is lost, nor how
often this actor begins a new life.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from maestro_ray.actors.goal import LEAD, Goal
from maestro_ray.actors.live_team import LiveTeam
from maestro_ray.actors.messages import Members
from maestro_ray.errors import MaestroError, StudioUnavailable, Unauthenticated

if TYPE_CHECKING:
    from maestro_ray.actors.connections import Connections

log = logging.getLogger(__name__)

EVENTS = ("run.updated", "plan.updated", "decision.requested", "decision.answered")
# how long a Studio that did not answer is left alone, in seconds
PATIENCE = 0.5


class Planning:
    """That of every team of Connections that has a goal and no plan yet."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        # one look after the other, by team; a team that is not here has nothing to be looked at
        self._looking: dict[str, asyncio.Lock] = {}
        self._shown: dict[str, str] = {}

    async def begin(self, team: LiveTeam, goal: Goal) -> None:
        """Ask the lead for a plan. Raises what Studio raises."""
        rest = self._connections.connection(team.record.key).rest
        body = {
            "purpose": "plan",
            "note": goal.text,
            "session_id": team.record.session,
            "base_branch": goal.base,
        }
        await rest.post(f"projects/{team.record.project}/analysis", body)
        self._take_up(team)

    async def resume(self, team: LiveTeam) -> None:
        """In a new life. A team whose lead was never asked for a plan ends: nobody was told of it."""
        self._take_up(team)
        await self.look(team)

    def on_event(self, team: LiveTeam, method: str) -> None:
        if method in EVENTS and team.record.id in self._looking:
            self._connections.spawn(self.look(team))

    def on_gap(self, team: LiveTeam) -> None:
        if team.record.id in self._looking:
            self._connections.spawn(self.look(team))

    def tells_of(self, team: LiveTeam, method: str, params: Mapping[str, Any]) -> bool:
        """Whether it is the card of a plan that this team's lead has proposed: that is told together with the plan."""
        if method != "decision.requested" or team.record.id not in self._looking:
            return False
        card = params["decision"]
        return (card["kind"], card["about"].get("team")) == ("proposal", team.record.id)

    def on_up(self, team: LiveTeam) -> None:
        """A member has begun a new life, or is new: a channel that has forgotten who is steered is told again."""
        if team.record.id in self._looking:
            self._tell_members(team, {LEAD: team.record.lead})

    async def look(self, team: LiveTeam) -> None:
        """Do what the state of the planning asks for. Repeating it is harmless."""
        lock = self._looking.get(team.record.id)
        if lock is None or team.ending is not None:
            return
        async with lock:
            if team.record.id in self._looking and team.ending is None:
                stands = await self._connections.assignments.from_studio(
                    team, f"teams/{team.record.id}/planning"
                )
                # it may have taken long: a team that has ended meanwhile has no slots any more
                if team.ending is None:
                    await self._follow(team, stands)

    def _take_up(self, team: LiveTeam) -> None:
        """While it plans, the lead has an agent that can be steered."""
        self._looking.setdefault(team.record.id, asyncio.Lock())
        self._tell_members(team, {LEAD: team.record.lead})

    async def _follow(self, team: LiveTeam, stands: Mapping[str, Any]) -> None:
        match stands["state"]:
            case "proposed" | "asked" if card := stands["decision"]:
                await self._show(team, stands, card)
            case "accepted":
                # when it cannot be written down now, the next event is a reason to look again
                await self._connections.add_plan(team, stands["plan"]["id"])
                self._let_go(team)
                # what was said of it before it was the team's own was heard by nobody
                await self._connections.assignments.look_at_plans(team)
            case "over":
                self._let_go(team)
                self._connections.end_team(team, stands["reason"])

    async def _show(self, team: LiveTeam, stands: Mapping[str, Any], card: Mapping[str, Any]) -> None:
        """Once for each card."""
        if self._shown.get(team.record.id) == card["id"]:
            return
        self._shown[team.record.id] = card["id"]
        now, goal = self._connections.clock.wall(), team.record.goal
        if stands["plan"]:
            team.happenings.add("plan.proposed", now, plan=_plan(stands["plan"]), decision=card)
        if stands["plan"] and goal and goal.yes:
            await self._approve(team, card["id"])
        else:
            team.happenings.add("team.waiting", now, decisions=[card])

    async def _approve(self, team: LiveTeam, card: str) -> None:
        """In the name of the operator, who has said so beforehand."""
        rest = self._connections.connection(team.record.key).rest
        while team.ending is None:
            try:
                await rest.post(f"decisions/{card}/answer", {"answer": "approve"})
            except (StudioUnavailable, Unauthenticated):
                await asyncio.sleep(PATIENCE)
            except MaestroError as error:
                log.info("the plan of %s is not approved: %s", team.record.name, error)
                return
            else:
                return

    def forget(self, team: LiveTeam) -> None:
        """Nothing is looked at any more."""
        self._looking.pop(team.record.id, None)
        self._shown.pop(team.record.id, None)

    def _let_go(self, team: LiveTeam) -> None:
        self.forget(team)
        self._tell_members(team, {})

    def _tell_members(self, team: LiveTeam, also: Mapping[str, str]) -> None:
        slots = {each.name: each.slot for each in team.record.members}
        self._connections.courier.tell(team.record.channel, Members({**slots, **also}))


def _plan(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What a person reads before they decide; dependencies by key."""
    keys = {task["id"]: task["key"] for task in plan["tasks"]}
    return {
        **{key: plan[key] for key in ("id", "title", "description", "test")},
        "tasks": [
            {
                **{
                    key: task[key] for key in ("id", "key", "title", "description", "role", "skill", "status")
                },
                "depends_on": [keys.get(each, "") for each in task["depends_on_task_ids"]],
            }
            for task in plan["tasks"]
        ],
    }
