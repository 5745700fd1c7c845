"""Subtasks: an agent at work splits something off its task.

A part does not keep its task from review. A verdict is about one commit, and a part is built on the plan's branch and
merged into it on its own verdict: waiting would change nothing of what is judged, and would hold finished work back.
What does wait is what needs the whole: tasks that depend on the split one, and the release.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from maestro_ray.errors import Conflict, StaleEpoch
from maestro_ray.model.run import LEAD_PURPOSES, Purpose, State
from maestro_ray.model.subtask import refusal
from maestro_ray.studio import loop, tasks
from maestro_ray.studio import schema as t
from maestro_ray.studio.nodes import write_levels
from maestro_ray.studio.store import Row, Transaction


def at_work(tx: Transaction, run_id: str, epoch: int) -> Row:
    """The run, which the caller holds. Raises `StaleEpoch` or `Conflict`."""
    row = tx.get(t.runs, run_id)
    if epoch != row["epoch"]:
        raise StaleEpoch(run_id, epoch, row["epoch"])
    if row["state"] not in (State.RUNNING, State.PAUSED):
        raise Conflict(f"the run is {row['state']}: nobody works on it", "")
    return row


def add(
    tx: Transaction, run_id: str, epoch: int, values: Mapping[str, Any], *, after_parent: bool = False
) -> Row:
    """A part of the run's task, in its plan and phase; one with the same title is it already.

    What `values` lack is as in the task. Raises `PlanFileError` for values no task may have, `Conflict` beyond the
    bounds.
    """
    run = at_work(tx, run_id, epoch)
    if not run["task_id"] or Purpose(run["purpose"]) in LEAD_PURPOSES:
        raise Conflict(f"a run of purpose {run['purpose']} has nothing to split", "")
    parent = tx.get(t.tasks, run["task_id"])
    draft = tasks.columns(tasks.read({**parent, "description": "", **values}))
    parts = tx.all(sa.select(t.tasks).where(t.tasks.c.parent_task_id == parent["id"]))
    for part in parts:
        if part["title"] == draft["title"]:
            return part
    if reason := refusal(_depth(tx, parent), len(parts)):
        raise Conflict(reason, "")
    number = len(parts) + 1
    identifier = tx.insert(
        t.tasks,
        plan_id=parent["plan_id"],
        phase_id=parent["phase_id"],
        parent_task_id=parent["id"],
        position=_last(tx, parent["plan_id"]) + 1,
        key=f"{parent['key'][:56]}.{number}",
        depends_on_task_ids=[parent["id"]] if after_parent else [],
        **draft,
    )
    write_levels(tx, parent["plan_id"])
    row = tx.get(t.tasks, identifier)
    loop.announce_task(tx, row)
    return row


def _depth(tx: Transaction, row: Row) -> int:
    depth = 0
    while row["parent_task_id"]:
        row, depth = tx.get(t.tasks, row["parent_task_id"]), depth + 1
    return depth


def _last(tx: Transaction, plan_id: str) -> int:
    query = sa.select(sa.func.max(t.tasks.c.position)).where(t.tasks.c.plan_id == plan_id)
    return int(tx.execute(query).scalar_one())
