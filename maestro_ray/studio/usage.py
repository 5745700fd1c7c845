"""What runs have used, in tokens and money, as their reports say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from maestro_ray.studio import bills
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row, Transaction

# `{input_tokens, output_tokens, cost_usd}` since the run's last report, or what `bills.book` takes of a meter
Spent = Mapping[str, Any]
NOTHING: Spent = {}

COUNTED = (t.runs.c.input_tokens, t.runs.c.output_tokens, t.runs.c.cost_usd)
NAMES = tuple(column.name for column in COUNTED)
BY = ("project", "plan", "run", *bills.BY)

# in `spent` the plan of the sums of a whole project
WHOLE = ""
_ADD = (
    t.spent.update()
    .where(t.spent.c.project_id == sa.bindparam("of_project"), t.spent.c.plan_id == sa.bindparam("of_plan"))
    .values({name: t.spent.c[name] + sa.bindparam(f"more_{name}") for name in (*NAMES, "runs")})
)


def spend(tx: Transaction, row: Row, spent: Spent) -> dict[str, Any]:
    """Add one more report of a run to the sums; its columns afterwards. A run that changes hands keeps what it used."""
    counted = bills.book(tx, row, spent) if spent else {}
    more = {name: counted[name] for name in NAMES if counted.get(name)}
    if more:
        sums = {**more, "runs": int(not any(row[name] for name in NAMES))}
        for plan_id in {WHOLE, row["plan_id"] or WHOLE}:
            _add(tx, row["project_id"], plan_id, sums)
    return {name: row[name] + value for name, value in more.items()}


def _add(tx: Transaction, project_id: str, plan_id: str, more: Mapping[str, Any]) -> None:
    bound = {f"more_{name}": more.get(name, 0) for name in (*NAMES, "runs")}
    if not tx.execute(_ADD, of_project=project_id, of_plan=plan_id, **bound).rowcount:
        tx.insert(t.spent, project_id=project_id, plan_id=plan_id, **more)


def sums(by: str, project_id: str = "", plan_id: str = "", team_id: str = "") -> sa.Subquery:
    """One row for each project, plan, run and so on that has used something: its id, the sums and how many runs it
    were."""
    if by in bills.BY:
        return bills.sums(by, project_id, plan_id, team_id).subquery("sums")
    query = _of_runs(plan_id) if by == "run" else _added_up(by, plan_id)
    if project_id:
        query = query.where(query.selected_columns.project_id == project_id)
    return query.subquery("sums")


def _of_runs(plan_id: str) -> sa.Select[Any]:
    used = sa.or_(*(column > 0 for column in COUNTED))
    query = sa.select(t.runs.c.id, *COUNTED, sa.literal(1).label("runs"), t.runs.c.project_id).where(used)
    return query.where(t.runs.c.plan_id == plan_id) if plan_id else query


def _added_up(by: str, plan_id: str) -> sa.Select[Any]:
    of = t.spent.c.plan_id if by == "plan" else t.spent.c.project_id
    counted = [t.spent.c[name] for name in (*NAMES, "runs", "project_id")]
    which = t.spent.c.plan_id == plan_id if plan_id or by == "project" else t.spent.c.plan_id != WHOLE
    return sa.select(of.label("id"), *counted).where(which)
