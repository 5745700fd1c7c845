"""Agent sessions: registered, kept alive, given work, ended."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from maestro_ray.errors import Forbidden
from maestro_ray.model.access import Action, Role
from maestro_ray.model.dispatch import JUDGING
from maestro_ray.studio import delegation, reports, sessions
from maestro_ray.studio import schema as t
from maestro_ray.studio.api.call import Call, Rest
from maestro_ray.studio.api.shapes import bodies


async def find(call: Call) -> Any:
    """Agent sessions."""
    query = sa.select(t.sessions)
    for name in ("project_id", "team_id"):
        if value := call.query(name):
            query = query.where(t.sessions.c[name] == value)
    if ending := call.query("ends"):
        query = query.where(t.sessions.c.id.endswith(ending, autoescape=True))
    return await call.rows(query, t.sessions)


async def create(call: Call) -> Any:
    """Register a session."""
    role = call.body.worker_role
    if role in JUDGING and not call.caller.may(Action.LEAD, call.body.project_id):
        raise Forbidden(f"join a team as {role}", "whoever may lead can add such a worker")
    values = call.body.model_dump()
    project = values.pop("project_id")
    lease = call.studio.config.session_lease
    return await call.change(sessions.register, project, lease=lease, user_id=call.caller.user, **values)


async def beat(call: Call) -> Any:
    """Renew the leases of sessions."""
    ids = [call.path("id"), *call.body.sessions]
    caller, lease = call.caller, call.studio.config.session_lease
    user = caller.user if caller.role(call.project) is Role.MEMBER else None
    over = await call.change(sessions.heartbeat, ids, lease, user)
    return {"ended": over}


async def end(call: Call) -> None:
    """End a session; a lead takes its team along."""
    await call.change(sessions.end, call.path("id"))


async def allocate(call: Call) -> Any:
    """Give a lead its team."""
    body: bodies.NewTeam = call.body
    return await call.change(
        sessions.allocate_team,
        call.path("id"),
        [worker.model_dump() for worker in body.workers],
        workspace=body.workspace,
        serves_all=body.serves_all,
        caps=body.budget.model_dump() if body.budget else {},
        lease=call.studio.config.session_lease,
    )


async def delegate(call: Call) -> Any:
    """Hand a run that nobody has begun to a session of the team."""
    body: bodies.Delegate = call.body
    return await call.change(
        delegation.delegate, call.path("id"), body.to, run_id=body.run_id, task_id=body.task_id
    )


async def spawn_queue(call: Call) -> Any:
    """Runs handed to the lead's team and not over."""
    return await call.read(sessions.spawn_queue, call.path("id"))


async def claim(call: Call) -> Any:
    """Claim a run under a fresh epoch."""
    return await call.change(reports.claim, call.path("id"), call.body.run_id)


QUERY = ("project_id", "team_id", "ends")
ROUTES = [
    Rest("GET", "agent-sessions", find, Action.READ, listing=True, query=QUERY, paged=True),
    Rest("POST", "agent-sessions", create, Action.WORK, "body", bodies.NewSession, status=201),
    Rest("POST", "agent-sessions/{id}/heartbeat", beat, Action.WORK, t.sessions, bodies.Heartbeat),
    Rest("DELETE", "agent-sessions/{id}", end, Action.WORK, t.sessions),
    Rest("POST", "agent-sessions/{id}/team", allocate, Action.LEAD, t.sessions, bodies.NewTeam, status=201),
    Rest("GET", "agent-sessions/{id}/spawn-queue", spawn_queue, Action.WORK, t.sessions),
    Rest("POST", "agent-sessions/{id}/run", claim, Action.WORK, t.sessions, bodies.Claim),
    Rest("POST", "agent-sessions/{id}/delegate", delegate, Action.LEAD, t.sessions, bodies.Delegate),
]
