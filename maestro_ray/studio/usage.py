"""What runs have used, in tokens and money, as their reports say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row

# `{input_tokens, output_tokens, cost_usd}` since the run's last report
Spent = Mapping[str, Any]
NOTHING: Spent = {}

COUNTED = (t.runs.c.input_tokens, t.runs.c.output_tokens, t.runs.c.cost_usd)
BY = {"project": t.runs.c.project_id, "plan": t.runs.c.plan_id, "run": t.runs.c.id}


def added(row: Row, spent: Spent) -> dict[str, Any]:
    """The columns of a run after one more report. A run that changes hands keeps what it has used."""
    return {column.name: row[column.name] + spent[column.name] for column in COUNTED if column.name in spent}


def sums(by: str, project_id: str = "", plan_id: str = "") -> sa.Subquery:
    """One row for each project, plan or run that has used something: its id, the sums and how many runs it were."""
    used = sa.or_(*(column > 0 for column in COUNTED))
    query = sa.select(
        BY[by].label("id"),
        *(sa.func.sum(column).label(column.name) for column in COUNTED),
        sa.func.count().label("runs"),
        sa.func.min(t.runs.c.project_id).label("project_id"),
    ).where(used, BY[by].is_not(None))
    if project_id:
        query = query.where(t.runs.c.project_id == project_id)
    if plan_id:
        query = query.where(t.runs.c.plan_id == plan_id)
    return query.group_by(BY[by]).subquery("sums")
