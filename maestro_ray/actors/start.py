"""Starting a team: from a checked request to workers that have shown that they live."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from typing import Any

from maestro_ray.actors.connections import Connections
from maestro_ray.actors.live_team import LiveTeam
from maestro_ray.actors.pool import Place
from maestro_ray.actors.request import TeamRequest, reviewers_of, warnings
from maestro_ray.actors.result import workers
from maestro_ray.actors.team_record import MemberRecord, TeamRecord
from maestro_ray.agent import sandbox
from maestro_ray.errors import MaestroError, StartFailed
from maestro_ray.model.plan_file import to_json

log = logging.getLogger(__name__)

# a slot that was not in the pool costs the start of a process; on a busy machine some seconds
UP_WITHIN = 60.0


class Phases:
    """How long each phase took, in seconds, for `--timings`."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self.seconds: dict[str, float] = {}

    def ended(self, name: str) -> None:
        now = time.monotonic()
        self.seconds[name] = round(now - self._last, 4)
        self._last = now


async def start_team(connections: Connections, request: TeamRequest) -> dict[str, Any]:
    """Allocate, place, wait until every worker is up, then hand the plan to Studio.

    When something fails on the way, what was made is ended again. Raises whatever it was.
    """
    phases = Phases()
    mode = connections.config.sandbox.mode
    if mode == "require":
        await asyncio.to_thread(sandbox.layer, mode)
    # beside everything else: a team need not wait for a look at every file
    warned = connections.spawn(
        asyncio.to_thread(warnings, request, connections.config, connections.home.root)
    )
    with connections.using(request.key):
        record = await _allocate(connections, request)
        phases.ended("allocate")
        try:
            team = await connections.record(record, request.env)
        except MaestroError as error:
            # agents and a plan it has none yet
            connections.end_team(connections.teams[record.id], f"it could not be written down: {error}")
            raise
    try:
        await connections.hooks.session_starts(
            team, "startup", repo=record.repo, workers=[*team.record.slots][2:]
        )
        await _bring_up(connections, team, phases)
        plan = await _hand_over_plan(connections, team, request) if request.draft else None
        if request.goal:
            await connections.planning.begin(team, request.goal)
        phases.ended("plan")
        told = await warned
    except (
        Exception
    ) as error:  # a start that is cancelled is a life that ends: the next one finds it in the journal
        await _cancel_plans(connections, team)
        await connections.end_team(team, f"it could not be started: {error}")
        raise
    connections.refill_pool()
    return {
        "team": {"id": record.id, "name": record.name},
        "repo": record.repo,
        "base": request.base,
        "goal": request.goal.text if request.goal else "",
        "plan": plan,
        "workers": workers(team, connections.pool),
        "warnings": told,
        "timings": phases.seconds,
    }


async def _cancel_plans(connections: Connections, team: LiveTeam) -> None:
    """A plan that is active although nobody was told so would be done by the next team that serves all."""
    for plan in team.record.plans:
        with contextlib.suppress(MaestroError):
            await connections.connection(team.record.key).rest.post(f"plans/{plan}/cancel")


async def _project(connections: Connections, key: str) -> str:
    """The id of the project with this key, which is asked for once: it never changes."""
    if key not in connections.projects:
        rest = connections.connection(key).rest
        found = await rest.post("projects", {"key": key, "name": key.rpartition("/")[2] or key})
        connections.projects[key] = found["id"]
    return connections.projects[key]


async def _allocate(connections: Connections, request: TeamRequest) -> TeamRecord:
    rest = connections.connection(request.key).rest
    project = await _project(connections, request.key)
    lead = await rest.post("agent-sessions", {"project_id": project, "role": "lead", "name": request.bot})
    try:
        return await _allocate_team(connections, request, project, lead["id"])
    except Exception:
        # nobody would ever end this session in order
        with contextlib.suppress(MaestroError):
            await rest.delete(f"agent-sessions/{lead['id']}")
        raise


async def _allocate_team(
    connections: Connections, request: TeamRequest, project: str, lead: str
) -> TeamRecord:
    wanted = request.workers
    body = {
        "workers": wanted,
        "workspace": _workspace(connections, request),
        "serves_all": request.serves_all,
        **({"budget": caps} if (caps := request.budget.to_json()) else {}),
    }
    given = await connections.connection(request.key).rest.post(f"agent-sessions/{lead}/team", body)
    # from here to the record of the team nothing is awaited: the places taken are free until then
    places = _take_slots(connections, len(wanted) + 2)
    members = tuple(
        MemberRecord(
            each["name"], each["worker_role"], each["id"], place.name, request.providers[each["worker_role"]]
        )
        for each, place in zip(given["members"], places[2:], strict=True)
    )
    return TeamRecord(
        id=given["id"],
        name=given["name"],
        channel_name=given["channel"],
        project=project,
        key=request.key,
        repo=str(request.repo.root),
        bot=request.bot,
        session=lead,
        lead=places[0].name,
        channel=places[1].name,
        members=members,
        serves_all=request.serves_all,
        goal=request.goal,
        started_at=connections.clock.wall(),
        equipment=request.equipment,
    )


def _workspace(connections: Connections, request: TeamRequest) -> str:
    """Two teams see the same branches when they work in the same repository of the same machine."""
    return f"{connections.home.machine_id()}:{request.repo.git_common_dir}"


def _take_slots(connections: Connections, count: int) -> list[Place]:
    """Blank slots from the pool; what it lacks is made now."""
    connections.fill_pool(count)
    return connections.pool.take(count)


async def _bring_up(connections: Connections, team: LiveTeam, phases: Phases) -> None:
    try:
        async with asyncio.timeout(UP_WITHIN):
            await _place(connections, team)
            phases.ended("place")
            await team.up.wait()
            phases.ended("up")
    except TimeoutError:
        missing = sorted({"lead", "channel", *(each.name for each in team.record.members)} - team.beaten)
        raise StartFailed(
            f"{', '.join(missing)} of the team", f"no sign of life within {UP_WITHIN:.0f} s"
        ) from None


async def _place(connections: Connections, team: LiveTeam) -> None:
    """The channel first: the others post to it as soon as they are there."""
    parts = team.record.parts(connections.home, connections.config, team.env)
    channel = team.record.channel
    await connections.slots.become(channel, parts[channel])
    others = [slot for slot in parts if slot != channel]
    await asyncio.gather(*(connections.slots.become(slot, parts[slot]) for slot in others))


def _reviews(request: TeamRequest) -> dict[str, Any]:
    """A Studio of an earlier version knows of one reviewer."""
    count = reviewers_of(request.config, request.roles)
    return {"reviewers": count, "review_policy": request.config.review_policy} if count > 1 else {}


async def _hand_over_plan(
    connections: Connections, team: LiveTeam, request: TeamRequest
) -> Mapping[str, Any]:
    assert request.draft is not None
    rest = connections.connection(request.key).rest
    plan = await rest.post(
        "plans",
        {
            "project_id": team.record.project,
            "draft": to_json(request.draft),
            "team_id": team.record.id,
            "workspace": _workspace(connections, request),
            "base_branch": request.base,
            "attempts": max(1, request.config.attempts),
            "revision_cap": request.config.revision_cap,
            **_reviews(request),
        },
    )
    await connections.add_plan(team, plan["id"])
    await rest.post(f"plans/{plan['id']}/activate")
    tasks = [{key: task[key] for key in ("id", "key", "title", "status")} for task in plan["tasks"]]
    return {"id": plan["id"], "title": plan["title"], "epic": plan["epic_branch"], "tasks": tasks}
