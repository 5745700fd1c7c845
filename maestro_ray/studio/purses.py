"""Purses: the accounts of runs, teams and days, and what runs that work have reserved of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from maestro_ray.model import channels
from maestro_ray.model.budget import (
    SMALLEST,
    USUAL,
    Amount,
    Cap,
    Granted,
    Ledger,
    Refused,
    decide,
)
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row, Transaction

RUN, TEAM, DAY = "run", "team", "day"
CAPS = tuple(f"{whose}_{unit}" for whose in (RUN, TEAM, DAY) for unit in ("tokens", "usd"))
_EMPTY: Row = {
    "tokens": 0,
    "usd": 0.0,
    "unpriced": 0,
    "more_tokens": 0,
    "more_usd": 0.0,
    "free": False,
    "card": "",
}

# how many runs of a kind say what the next one may use
LOOKED_AT = 20


@dataclass(frozen=True)
class Holder:
    """Who pays for a run: its session's team and user. Their day is one of UTC."""

    run: str
    team: str
    user: str
    day: str

    def scope(self, whose: str) -> str:
        """The account's name: `run:ID`, `team:ID` or `day:USER:DATE`."""
        return {RUN: f"run:{self.run}", TEAM: f"team:{self.team}", DAY: f"day:{self.user}:{self.day}"}[whose]

    @property
    def scopes(self) -> tuple[str, ...]:
        return tuple(self.scope(whose) for whose in (RUN, TEAM, DAY))


def holder(tx: Transaction, session: Row, run_id: str = "") -> Holder:
    return Holder(run_id, session["team_id"] or "", session["user_id"], day(tx.now))


def day(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).date().isoformat()


def find(tx: Transaction, scope: str) -> Row:
    """The purse of this name, empty as long as nothing was put down in it."""
    return tx.first(sa.select(t.purses).where(t.purses.c.scope == scope)) or {"scope": scope, **_EMPTY}


def change(tx: Transaction, scope: str, **values: Any) -> None:
    """Set columns of a purse, which is made when there is none."""
    if not tx.execute(t.purses.update().where(t.purses.c.scope == scope).values(values)).rowcount:
        tx.insert(t.purses, scope=scope, **values)


# ── caps ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def cap(tx: Transaction, team_id: str, caps: Mapping[str, float | None]) -> None:
    """What a new team may use at most."""
    given = {name: caps.get(name) for name in CAPS}
    if any(value is not None for value in given.values()):
        tx.insert(t.budgets, team_id=team_id, **given)


def caps(tx: Transaction, team_id: str | None) -> Row | None:
    """The caps of a team; None when it has none."""
    return tx.first(sa.select(t.budgets).where(t.budgets.c.team_id == (team_id or "")))


def said(budget: Row, whose: str) -> Cap:
    """One of the caps as it was given."""
    return Cap(budget[f"{whose}_tokens"], budget[f"{whose}_usd"])


def ledger(tx: Transaction, budget: Row, who: Holder, whose: str) -> Ledger:
    """An account as `who` sees it: reserved is what others have."""
    scope, given = who.scope(whose), said(budget, whose)
    purse = find(tx, scope)
    more = Cap(
        None if given.tokens is None else given.tokens + purse["more_tokens"],
        None if given.usd is None else given.usd + purse["more_usd"],
    )
    return Ledger(scope, more, Amount(purse["tokens"], purse["usd"]), _reserved(tx, who, whose))


def _reserved(tx: Transaction, who: Holder, whose: str) -> Amount:
    if whose == RUN:
        return Amount()
    column = t.reservations.c[whose]
    scope = column == who.scope(whose)
    if whose == DAY:
        # what was put aside before midnight is spent after it
        scope = column.startswith(f"{DAY}:{who.user}:", autoescape=True)
    names = ("tokens", "usd")
    sums = [sa.func.coalesce(sa.func.sum(t.reservations.c[name]), 0).label(name) for name in names]
    others = (scope, t.reservations.c.run_id != who.run)
    (row,) = tx.all(sa.select(*sums).where(*others))
    return Amount(int(row["tokens"]), float(row["usd"]))


# ── reservations ─────────────────────────────────────────────────────────────────────────────────────────────────────


def reserve(tx: Transaction, row: Row, session: Row) -> Granted | Refused:
    """Put aside what the next turn of this run may use; what it had put aside before is given back."""
    budget, who = caps(tx, session["team_id"]), holder(tx, session, row["id"])
    if budget is None:
        return Granted()
    release(tx, row["id"])
    if find(tx, who.scope(RUN))["free"]:
        return Granted()
    decision = decide(
        [ledger(tx, budget, who, whose) for whose in (RUN, TEAM, DAY)], _wanted(tx, row, session)
    )
    if isinstance(decision, Granted):
        amount = decision.amount()
        of = {"team": who.scope(TEAM), "day": who.scope(DAY)}
        tx.insert(t.reservations, run_id=row["id"], tokens=amount.tokens, usd=amount.usd, **of)
    return decision


def room(tx: Transaction, session: Row) -> Refused | None:
    """Why no run of this session's team can begin now; None when one can."""
    budget, who = caps(tx, session["team_id"]), holder(tx, session)
    if budget is None:
        return None
    decision = decide([ledger(tx, budget, who, whose) for whose in (TEAM, DAY)], SMALLEST)
    return decision if isinstance(decision, Refused) else None


def release(tx: Transaction, run_id: str) -> None:
    """What the run had put aside is free again. Harmless when it had nothing."""
    tx.execute(t.reservations.delete().where(t.reservations.c.run_id == run_id))


def _wanted(tx: Transaction, row: Row, session: Row) -> Amount:
    """What runs of this purpose used so far, those of the same role in this team first: they have the same agent."""
    role = sa.and_(
        t.sessions.c.team_id == session["team_id"], t.sessions.c.worker_role == session["worker_role"]
    )
    found = _average(tx, row, role) or _average(tx, row, sa.true())
    return (found or USUAL).at_least(SMALLEST)


def _average(tx: Transaction, row: Row, which: sa.ColumnElement[bool]) -> Amount | None:
    last = (
        sa.select((t.runs.c.input_tokens + t.runs.c.output_tokens).label("tokens"), t.runs.c.cost_usd)
        .join(t.sessions, t.runs.c.session_id == t.sessions.c.id)
        .where(t.runs.c.project_id == row["project_id"], t.runs.c.purpose == row["purpose"], which)
        .where(t.runs.c.state.in_(("succeeded", "failed")))
        .order_by(t.runs.c.id.desc())
        .limit(LOOKED_AT)
    )
    rows = tx.all(last)
    if not rows:
        return None
    return Amount(
        sum(each["tokens"] for each in rows) // len(rows), sum(each["cost_usd"] for each in rows) / len(rows)
    )


# ── what was used ────────────────────────────────────────────────────────────────────────────────────────────────────


def settle(tx: Transaction, who: Holder, used: Amount, unpriced: int) -> None:
    """Put down what the run has used; its reservation shrinks by it. A correction may be less than nothing."""
    for scope in who.scopes:
        purse = find(tx, scope)
        now = {name: purse[name] + more for name, more in (("tokens", used.tokens), ("usd", used.usd))}
        change(tx, scope, **now, unpriced=purse["unpriced"] + unpriced)
    kept = tx.first(sa.select(t.reservations).where(t.reservations.c.run_id == who.run))
    if kept is not None:
        left = Amount(kept["tokens"], kept["usd"]).less(Amount(max(0, used.tokens), max(0.0, used.usd)))
        mine = t.reservations.c.run_id == who.run
        tx.execute(t.reservations.update().where(mine).values(tokens=left.tokens, usd=left.usd))


# ── cards about them ─────────────────────────────────────────────────────────────────────────────────────────────────


def card(tx: Transaction, scope: str) -> Row | None:
    """The open card that asks for more of this account."""
    found = tx.find(t.decisions, find(tx, scope)["card"])
    return found if found is not None and found["status"] == "open" else None


def withdraw(tx: Transaction, scope: str) -> None:
    """Nobody needs to decide about this account any more."""
    if open_card := card(tx, scope):
        values = {"status": "withdrawn", "answered_at": tx.now}
        tx.update(t.decisions, open_card["id"], **values)
        shown = {**open_card, **values}
        tx.publish(channels.project(open_card["project_id"]), "decision.answered", decision=shown)


def past(tx: Transaction) -> list[str]:
    """The days that are over and of which a card still asks: what waits may go on at the cost of this one."""
    asked = sa.and_(t.decisions.c.id == t.purses.c.card, t.decisions.c.status == "open")
    days = sa.select(t.purses.c.scope).join(t.decisions, asked).where(t.purses.c.scope.like(f"{DAY}:%"))
    today = day(tx.now)
    return [row["scope"] for row in tx.all(days) if row["scope"].rpartition(":")[2] < today]
