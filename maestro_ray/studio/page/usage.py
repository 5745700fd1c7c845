"""Tokens and money that runs used, as the pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Transaction


def of(tx: Transaction, which: sa.ColumnElement[bool]) -> Mapping[str, Any]:
    """`usage`: `{name, runs, input, output, cost}` of each session with such runs, and the `total` of them all."""
    sums = (
        sa.func.count().label("runs"),
        sa.func.sum(t.runs.c.input_tokens).label("input"),
        sa.func.sum(t.runs.c.output_tokens).label("output"),
        sa.func.sum(t.runs.c.cost_usd).label("cost"),
    )
    query = (
        sa.select(t.sessions.c.name, *sums)
        .join(t.sessions, t.runs.c.session_id == t.sessions.c.id)
        .where(which, sa.or_(t.runs.c.input_tokens > 0, t.runs.c.output_tokens > 0, t.runs.c.cost_usd > 0))
        .group_by(t.sessions.c.name)
        .order_by(t.sessions.c.name)
    )
    rows = tx.all(query)
    total = {name: sum(row[name] for row in rows) for name in ("runs", "input", "output", "cost")}
    return {"usage": rows, "total": total}
