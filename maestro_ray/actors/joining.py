"""Joining: one more worker for a team that runs, which leaves nothing behind when it does not come up."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from maestro_ray.actors.connections import Connections
from maestro_ray.actors.equipment import Outfit
from maestro_ray.actors.live_team import LiveTeam
from maestro_ray.actors.messages import Joined, Members
from maestro_ray.actors.request import check_name
from maestro_ray.actors.result import workers
from maestro_ray.actors.start import UP_WITHIN
from maestro_ray.actors.team_record import MemberRecord
from maestro_ray.errors import Conflict, StartFailed
from maestro_ray.ports import ProviderSpec
from maestro_ray.providers.registry import build


async def joined(
    connections: Connections,
    team: LiveTeam,
    wanted: str,
    role: str,
    skills: Mapping[str, int],
    provider: ProviderSpec,
    outfit: Outfit,
) -> dict[str, Any]:
    """The worker, when it has shown that it lives. Raises `Conflict` and `StartFailed`."""
    async with team.changing:
        if team.ending is not None:
            raise Conflict(f"the team {team.record.name} is ending", "start another with `maestro team`")
        name = _name_for(team, wanted, role)
        await connections.hooks.session_starts(team, "join", worker=name, role=role)
        await _add_worker(connections, team, name, role, skills, provider, outfit)
    connections.refill_pool()
    added = next(each for each in workers(team, connections.pool) if each["name"] == name)
    return {"team": team.record.name, "worker": added}


async def _add_worker(
    connections: Connections,
    team: LiveTeam,
    name: str,
    role: str,
    skills: Mapping[str, int],
    provider: ProviderSpec,
    outfit: Outfit,
) -> None:
    body = {"name": name, "role": role, "skills": skills, "pool": build(provider).account}
    rest = connections.connection(team.record.key).rest
    session = await rest.post(f"teams/{team.record.id}/workers", body)
    connections.fill_pool(1)
    slot = connections.pool.take(1)[0].name
    team.up.clear()
    member = MemberRecord(name, role, session["id"], slot, provider)
    try:
        record = team.record.with_member(member)
        record = replace(record, equipment=record.equipment.with_outfit(name, outfit))
        await connections.record(record, team.env)
        parts = team.record.parts(connections.home, connections.config, team.env)
        connections.courier.tell(team.record.lead, Joined(name, role, session["id"], slot))
        slots = {each.name: each.slot for each in team.record.members}
        connections.courier.tell(team.record.channel, Members(slots))
        async with asyncio.timeout(UP_WITHIN):
            await connections.slots.become(slot, parts[slot])
            await team.up.wait()
    except Exception as error:
        await connections.remove_worker(team, name)
        if isinstance(error, TimeoutError):
            raise StartFailed(name, f"no sign of life within {UP_WITHIN:.0f} s") from None
        raise


def _name_for(team: LiveTeam, wanted: str, role: str) -> str:
    """The name asked for, or the first free `<role>-<n>`."""
    taken = {each.name for each in team.record.members}
    if wanted in taken:
        raise Conflict(f"the team has a worker {wanted!r} already", "choose another with --name")
    if wanted:
        return check_name(wanted, "a worker")
    return next(name for n in itertools.count(1) if (name := f"{role}-{n}") not in taken)
