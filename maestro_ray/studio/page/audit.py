"""The page of the audit log: who asked for what, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from maestro_ray.model.access import EVERYWHERE, Action
from maestro_ray.studio import schema as t
from maestro_ray.studio.page import frame, projects
from maestro_ray.studio.page.view import Ask, Part, View
from maestro_ray.studio.store import Transaction

PAGE = 50


def _frame(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    if ask.project == EVERYWHERE:
        return frame.of_studio("Audit log", projects.visible(tx, ask))
    return frame.of_project(tx, ask.project, "Audit log")


def _log(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    """`entries`, and `older`, the id after which the next page begins, empty at the end."""
    query = (
        sa.select(t.audit, t.users.c.name.label("who"), t.projects.c.name.label("project_name"))
        .outerjoin(t.users, t.audit.c.user_id == t.users.c.id)
        .outerjoin(t.projects, t.audit.c.project_id == t.projects.c.id)
    )
    if ask.project != EVERYWHERE:
        query = query.where(t.audit.c.project_id == ask.project)
    if before := ask.query.get("before"):
        query = query.where(t.audit.c.id < before)
    rows = tx.all(query.order_by(t.audit.c.id.desc()).limit(PAGE + 1))
    return {"entries": rows[:PAGE], "older": rows[PAGE - 1]["id"] if len(rows) > PAGE else ""}


_PARTS = {"log": Part(_log)}
ALL = View("audit", "/audit", _frame, _PARTS, Action.MANAGE)
OF_PROJECT = View("audit", "/projects/{id}/audit", _frame, _PARTS, Action.MANAGE, t.projects)
