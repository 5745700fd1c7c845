"""The page of all projects somebody may see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from maestro_ray.studio import schema as t
from maestro_ray.studio.page import frame
from maestro_ray.studio.page.view import Ask, Part, View
from maestro_ray.studio.store import Transaction


def visible(tx: Transaction, ask: Ask) -> list[str]:
    """The ids of the projects somebody may see, oldest first."""
    rows = tx.all(sa.select(t.projects.c.id).where(ask.visible(t.projects.c.id)).order_by(t.projects.c.id))
    return [row["id"] for row in rows]


def _frame(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    return frame.of_studio("Projects", visible(tx, ask))


def _list(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    """`projects`: each with how many `teams` live, `plans` are active and `cards` are open."""
    rows = tx.all(sa.select(t.projects).where(ask.visible(t.projects.c.id)).order_by(t.projects.c.name))
    counts = {
        "teams": _count(tx, t.teams, t.teams.c.status == "active"),
        "plans": _count(tx, t.plans, t.plans.c.status == "active"),
        "cards": _count(tx, t.decisions, t.decisions.c.status == "open"),
    }
    shown = [{**row, **{name: count.get(row["id"], 0) for name, count in counts.items()}} for row in rows]
    return {"projects": shown}


def _count(tx: Transaction, table: sa.Table, which: sa.ColumnElement[bool]) -> dict[str, int]:
    query = sa.select(table.c.project_id, sa.func.count().label("number")).where(which)
    return {row["project_id"]: row["number"] for row in tx.all(query.group_by(table.c.project_id))}


VIEW = View(
    "projects",
    "/",
    _frame,
    {"list": Part(_list, on=("team.allocated", "team.ended", "plan.", "decision."))},
)
