"""Projects: the repositories Studio knows."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from maestro_ray.errors import Conflict
from maestro_ray.model.access import Action
from maestro_ray.model.run import Purpose
from maestro_ray.studio import analysis, planning, sessions
from maestro_ray.studio import schema as t
from maestro_ray.studio.api.call import Call, Rest
from maestro_ray.studio.api.shapes import bodies


async def find(call: Call) -> Any:
    """Projects."""
    query = sa.select(t.projects)
    if key := call.query("key"):
        query = query.where(t.projects.c.key == key)
    return await call.rows(query, t.projects)


async def create(call: Call) -> Any:
    """The project with this key, made when there is none."""
    return await call.change(sessions.create_project, call.body.key, call.body.name)


async def show(call: Call) -> Any:
    """One project."""
    return await call.read(lambda tx: tx.get(t.projects, call.path("id")))


async def analyse(call: Call) -> Any:
    """Ask for a run about the repository."""
    body: bodies.NewAnalysis = call.body
    purpose = Purpose(body.purpose)
    if purpose is Purpose.PLAN and not body.note.strip():
        raise Conflict("a plan needs a note that says what it is for", "")
    if purpose is Purpose.PLAN and body.session_id:
        lead, base = body.session_id, body.base_branch
        return await call.change(planning.start, call.path("id"), body.note.strip(), lead, base)
    return await call.change(analysis.start, call.path("id"), purpose, body.note, body.role)


async def knowledge(call: Call) -> Any:
    """What analyses found."""
    await show(call)
    query = sa.select(t.knowledge).where(t.knowledge.c.project_id == call.path("id"))
    for name in ("kind", "path"):
        if value := call.query(name):
            query = query.where(t.knowledge.c[name] == value)
    return await call.rows(query, t.knowledge)


async def put_knowledge(call: Call) -> Any:
    """Say what a survey found."""
    body: bodies.NewKnowledge = call.body
    return await call.change(analysis.replace, call.path("id"), body.source, body.items)


ROUTES = [
    Rest("GET", "projects", find, Action.READ, listing=True, query=("key",), paged=True),
    Rest("POST", "projects", create, Action.MANAGE, body=bodies.NewProject, status=201),
    Rest("GET", "projects/{id}", show, Action.READ, t.projects),
    Rest("POST", "projects/{id}/analysis", analyse, Action.PLAN, t.projects, bodies.NewAnalysis, status=201),
    Rest(
        "GET",
        "projects/{id}/knowledge",
        knowledge,
        Action.READ,
        t.projects,
        query=("kind", "path"),
        paged=True,
    ),
    Rest("PUT", "projects/{id}/knowledge", put_knowledge, Action.PLAN, t.projects, bodies.NewKnowledge),
]
