"""The tasks of a plan as nodes of its dependencies."""

from __future__ import annotations

import sqlalchemy as sa

from maestro_ray.model import dependency
from maestro_ray.model.task import Status
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Transaction

# a plan's tasks are read after every change of one of them: nothing here that is large
_COLUMNS = [t.tasks.c[name] for name in ("id", "depends_on_task_ids", "parent_task_id", "status", "title")]


def nodes(tx: Transaction, plan_id: str) -> dict[str, dependency.Node]:
    """By id, in the order of the plan."""
    query = sa.select(*_COLUMNS).where(t.tasks.c.plan_id == plan_id).order_by(t.tasks.c.position)
    return {
        row["id"]: dependency.Node(
            row["id"],
            tuple(row["depends_on_task_ids"]),
            row["parent_task_id"],
            Status(row["status"]),
            row["title"],
        )
        for row in tx.all(query)
    }


def write_levels(tx: Transaction, plan_id: str) -> None:
    """Note how deep each task stands, which decides who goes first."""
    found = dependency.levels(nodes(tx, plan_id))
    query = sa.select(t.tasks.c.id, t.tasks.c.level).where(t.tasks.c.plan_id == plan_id)
    for row in tx.all(query):
        if row["level"] != found[row["id"]]:
            tx.update(t.tasks, row["id"], level=found[row["id"]])
