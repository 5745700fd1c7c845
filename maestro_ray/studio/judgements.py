"""Judgements: what reviewers and tests said of a task, as a decision card carries it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Transaction

# of the last verdicts, and how much of the end of a test's output, in characters
MOST, LONGEST_OUTPUT = 6, 2000


def of(tx: Transaction, task_id: str) -> dict[str, Any]:
    """`verdicts`, the last ones first, each with its `worker`, and the `evidence` of the last; empty without any."""
    query = (
        sa.select(t.verdicts, t.sessions.c.name.label("worker"))
        .join(t.runs, t.verdicts.c.run_id == t.runs.c.id)
        .outerjoin(t.sessions, t.runs.c.session_id == t.sessions.c.id)
        .where(t.verdicts.c.task_id == task_id)
    )
    rows = tx.all(query.order_by(t.verdicts.c.id.desc()).limit(MOST))
    if not rows:
        return {}
    shown = ("verdict", "reason", "commit", "worker")
    found = rows[0]["evidence"] or {}
    kept = {key: found[key] for key in ("command", "exit_code", "counts", "commit") if key in found}
    if isinstance(output := found.get("output"), str):
        kept["output"] = output[-LONGEST_OUTPUT:]
    return {"verdicts": [{key: row[key] for key in shown} for row in rows], "evidence": kept}
