"""Projects: the repositories Studio knows."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from maestro_ray.model.access import Action
from maestro_ray.studio import bodies, sessions
from maestro_ray.studio import schema as t
from maestro_ray.studio.api.call import Call, Rest


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


ROUTES = [
    Rest("GET", "projects", find, Action.READ, listing=True, query=("key",), paged=True),
    Rest("POST", "projects", create, Action.MANAGE, body=bodies.NewProject, status=201),
    Rest("GET", "projects/{id}", show, Action.READ, t.projects),
]
