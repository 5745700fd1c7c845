"""Bills: what was used by run, model and day, put down once however often it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from maestro_ray.model.budget import Amount
from maestro_ray.studio import purses
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row, Transaction

BY = ("team", "day", "role", "model")
COUNTED = ("input_tokens", "cached_tokens", "output_tokens", "unpriced_tokens", "cost_usd")
Sums = Mapping[str, Any]


def book(tx: Transaction, run: Row, spent: Mapping[str, Any]) -> dict[str, Any]:
    """Put down what a report says; what of it was not known, in all.

    With a `meter` a report says all that this meter has counted, and its `number` which of two is newer: one that is
    lost, late or told again changes nothing. Without one it says what came since the last.
    """
    session = _payer(tx, run, spent)
    meter, number = spent.get("meter", ""), spent.get("number", 0)
    known = _known(tx, run["id"], meter) if meter else []
    if known and number <= max(row["number"] for row in known):
        return {}
    told = _by_model(spent)
    news = {
        model: _without(counts, [row for row in known if row["model"] == model])
        for model, counts in told.items()
    }
    news = {model: counts for model, counts in news.items() if any(counts.values())}
    for model, counts in news.items():
        of = {"run_id": run["id"], "meter": meter, "model": model, "day": purses.day(tx.now)}
        _add(tx, of, counts, number, _about(run, session, spent))
    total = {name: sum(counts[name] for counts in news.values()) for name in COUNTED}
    if news and session is not None:
        used = Amount(total["input_tokens"] + total["output_tokens"], total["cost_usd"])
        purses.settle(tx, purses.holder(tx, session, run["id"]), used, total["unpriced_tokens"])
    return total if news else {}


def _payer(tx: Transaction, run: Row, spent: Mapping[str, Any]) -> Row | None:
    """The session that did it: the holder's, or of a run that has changed hands the one that the report names."""
    named = tx.find(t.sessions, spent.get("session_id") or "")
    whose = spent.get("only_of") or (named and named["user_id"])
    if named and (named["project_id"], named["user_id"]) == (run["project_id"], whose):
        return named
    return tx.find(t.sessions, run["session_id"] or "")


def _by_model(spent: Mapping[str, Any]) -> dict[str, Sums]:
    if spent.get("meter"):
        return {each["model"]: {name: each[name] for name in COUNTED} for each in spent["models"]}
    return {"": {name: spent.get(name, 0) for name in COUNTED}}


def _known(tx: Transaction, run_id: str, meter: str) -> list[Row]:
    return tx.all(sa.select(t.bills).where(t.bills.c.run_id == run_id, t.bills.c.meter == meter))


def _without(counts: Sums, before: Sequence[Row]) -> dict[str, Any]:
    return {name: counts[name] - sum(row[name] for row in before) for name in COUNTED}


def _about(run: Row, session: Row | None, spent: Mapping[str, Any]) -> dict[str, Any]:
    who = session or {"team_id": "", "user_id": "", "worker_role": "", "role": ""}
    return {
        "project_id": run["project_id"],
        "team_id": who["team_id"] or "",
        "user_id": who["user_id"],
        "role": who["worker_role"] or who["role"],
        "provider": spent.get("provider", ""),
    }


def _add(tx: Transaction, of: Mapping[str, Any], counts: Sums, number: int, about: Mapping[str, Any]) -> None:
    which = sa.and_(*(t.bills.c[name] == value for name, value in of.items()))
    more: dict[str, Any] = {name: t.bills.c[name] + counts[name] for name in COUNTED}
    if not tx.execute(t.bills.update().where(which).values(**more, number=number)).rowcount:
        tx.insert(t.bills, **of, **about, number=number, **counts)


_UNKNOWN = sa.literal("unknown")
# what a page of rows is about has a name, also where nobody said which
_OF: Mapping[str, sa.ColumnElement[str]] = {
    "team": sa.func.coalesce(sa.func.nullif(t.bills.c.team_id, ""), _UNKNOWN),
    "day": t.bills.c.day,
    "role": sa.func.coalesce(sa.func.nullif(t.bills.c.role, ""), _UNKNOWN),
    "model": sa.func.coalesce(
        sa.func.nullif(t.bills.c.model, ""), sa.func.nullif(t.bills.c.provider, ""), _UNKNOWN
    ),
}


def sums(by: str, project_id: str = "", plan_id: str = "", team_id: str = "") -> sa.Select[Any]:
    """One row for each team, day, role or model of a project: what was used, and in how many runs."""
    # PostgreSQL adds up whole numbers to something wider, that is no JSON
    sums: list[sa.ColumnElement[Any]] = [
        sa.cast(sa.func.sum(t.bills.c[name]), t.bills.c[name].type).label(name) for name in COUNTED
    ]
    runs = sa.func.count(sa.distinct(t.bills.c.run_id)).label("runs")
    columns = [_OF[by].label("id"), *sums, runs, t.bills.c.project_id]
    query = sa.select(*columns).group_by(_OF[by], t.bills.c.project_id)
    if plan_id:
        query = query.join(t.runs, t.bills.c.run_id == t.runs.c.id).where(t.runs.c.plan_id == plan_id)
    for name, value in (("project_id", project_id), ("team_id", team_id)):
        query = query.where(t.bills.c[name] == value) if value else query
    return query
