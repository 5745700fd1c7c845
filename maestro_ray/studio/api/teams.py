"""Teams, their workers, and Studio's mirror of their channels."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from maestro_ray.model.access import Action
from maestro_ray.studio import budget, messages, planning, sessions
from maestro_ray.studio import schema as t
from maestro_ray.studio.api.call import Call, Rest
from maestro_ray.studio.api.shapes import bodies
from maestro_ray.studio.store import Row, Transaction


async def find(call: Call) -> Any:
    """Teams."""
    query = sa.select(t.teams)
    for name in ("project_id", "status", "name"):
        if value := call.query(name):
            query = query.where(t.teams.c[name] == value)
    return await call.rows(query, t.teams)


async def show(call: Call) -> Any:
    """One team with its sessions."""

    def view(tx: Transaction) -> Row:
        team = tx.get(t.teams, call.path("id"))
        members = sa.select(t.sessions).where(t.sessions.c.team_id == team["id"]).order_by(t.sessions.c.id)
        return {**team, "sessions": tx.all(members), "budget": budget.standing(tx, team)}

    return await call.read(view)


async def end(call: Call) -> None:
    """End a team."""
    await call.change(sessions.end_team, call.path("id"))


async def add_worker(call: Call) -> Any:
    """Add a worker to a team."""
    worker, lease = call.body.model_dump(), call.studio.config.session_lease
    return await call.change(sessions.add_worker, call.path("id"), worker, call.caller.user, lease=lease)


async def mirror(call: Call) -> None:
    """Mirror messages of the team's channel; known numbers stay as they are."""
    await call.change(messages.mirror, call.path("id"), [m.model_dump() for m in call.body.messages])


async def list_messages(call: Call) -> Any:
    """Messages of the team with higher numbers."""
    return await call.read(messages.after, call.path("id"), call.number("after"))


async def show_planning(call: Call) -> Any:
    """How the planning of a team with a goal stands."""
    return await call.read(planning.of_team, call.path("id"))


ROUTES = [
    Rest("GET", "teams/{id}/planning", show_planning, Action.READ, t.teams),
    Rest("GET", "teams", find, Action.READ, listing=True, query=("project_id", "status", "name"), paged=True),
    Rest("GET", "teams/{id}", show, Action.READ, t.teams),
    Rest("DELETE", "teams/{id}", end, Action.LEAD, t.teams),
    Rest("POST", "teams/{id}/workers", add_worker, Action.LEAD, t.teams, bodies.NewWorker, status=201),
    Rest("POST", "teams/{id}/messages", mirror, Action.WORK, t.teams, bodies.NewMessages),
    Rest("GET", "teams/{id}/messages", list_messages, Action.READ, t.teams, query=("after",)),
]
