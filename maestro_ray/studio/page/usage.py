"""Tokens and money that runs used, as the pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from maestro_ray.model import budget as model
from maestro_ray.studio import bills
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


def by(tx: Transaction, what: str, team_id: str) -> list[Mapping[str, Any]]:
    """What a team has used by `role` or `model`, the dearest first: rows as those of `usage`."""
    rows = tx.all(bills.sums(what, team_id=team_id))
    rows.sort(key=lambda row: (-row["cost_usd"], -row["input_tokens"], row["id"]))
    names = {"name": "id", "input": "input_tokens", "output": "output_tokens", "cost": "cost_usd"}
    return [{ours: row[theirs] for ours, theirs in names.items()} for row in rows]


def words(standing: Mapping[str, Any]) -> Mapping[str, Any]:
    """A budget as a page shows it: its `burn`, the `share` that is used of the cap that is nearest (None without one),
    what is `reserved`, and the caps of a run and a day, `also`."""
    unit = {"usd": standing["usd"], "tokens": standing["tokens"]}
    shares = [used / cap for name, used in unit.items() if (cap := standing[f"cap_{name}"])]
    reserved = model.Amount(standing["reserved_tokens"], round(standing["reserved_usd"], 2))
    caps = standing["caps"]
    each = {
        whose: model.Amount(caps.get(f"{whose}_tokens") or 0, caps.get(f"{whose}_usd") or 0.0)
        for whose in ("run", "day")
    }
    also = [f"{model.worth(amount)} a {whose}" for whose, amount in each.items() if model.worth(amount)]
    return {
        "burn": standing["burn"],
        "share": max(shares, default=None),
        "reserved": model.worth(reserved),
        "also": also,
    }
