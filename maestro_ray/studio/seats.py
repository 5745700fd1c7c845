"""Sessions as seats: who could take a run now, and what was handed out already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import sqlalchemy as sa

from maestro_ray.model import dispatch as decide
from maestro_ray.model import run as run_machine
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row, Transaction

_LEADS = t.sessions.alias("leads")
_SEATS = (
    sa.select(
        *(
            t.sessions.c[name]
            for name in ("id", "project_id", "team_id", "role", "worker_role", "skills", "user_id")
        ),
        sa.func.coalesce(_LEADS.c.user_id, "").label("leader"),
        t.teams.c.workspace,
        t.teams.c.serves_all,
        t.breakers.c.until,
    )
    .join(t.teams, t.sessions.c.team_id == t.teams.c.id)
    .outerjoin(_LEADS, sa.and_(_LEADS.c.team_id == t.teams.c.id, _LEADS.c.role == "lead"))
    .outerjoin(
        t.breakers,
        sa.and_(t.breakers.c.user_id == t.sessions.c.user_id, t.breakers.c.pool == t.sessions.c.pool),
    )
    .where(
        t.sessions.c.status == "connected",
        t.teams.c.status == "active",
        # nobody is a lead by what their worker's role is called
        sa.or_(t.sessions.c.role == "lead", t.sessions.c.worker_role != "lead"),
    )
    .order_by(t.sessions.c.created_at, t.sessions.c.name)
)

_BUSY = sa.select(t.runs.c.session_id).where(
    t.runs.c.state.in_(run_machine.HELD), t.runs.c.session_id.is_not(None)
)


_NOW: sa.BindParameter[float] = sa.bindparam("now", type_=sa.Float)
_IDLE = _SEATS.where(
    t.sessions.c.lease_until > _NOW,
    t.sessions.c.id.not_in(_BUSY),
    sa.or_(t.breakers.c.until.is_(None), t.breakers.c.until <= _NOW),
)
_HANDED_OUT = (
    sa.select(t.runs.c.state, t.runs.c.purpose, t.runs.c.plan_id, t.sessions.c.team_id)
    .join(t.sessions, t.runs.c.session_id == t.sessions.c.id)
    .where(
        t.runs.c.state.in_(run_machine.HELD),
        sa.or_(t.runs.c.state == run_machine.State.DISPATCHED, t.runs.c.purpose.in_(sorted(decide.SERIAL))),
    )
)


def idle(tx: Transaction) -> list[decide.Seat]:
    """Every connected session of a team that holds no run and does not rest from a rate limit."""
    return [as_seat(row) for row in tx.all(_IDLE, now=tx.now)]


def of_project(tx: Transaction, project_id: str) -> list[decide.Seat]:
    """Every connected session of the project's teams, also those that are busy or rest."""
    query = _SEATS.where(t.sessions.c.lease_until > tx.now, t.sessions.c.project_id == project_id)
    return [as_seat(row) for row in tx.all(query)]


def of_session(tx: Transaction, session_id: str) -> decide.Seat | None:
    """This one; None when it is not connected, or in no team."""
    row = tx.first(_SEATS.where(t.sessions.c.id == session_id))
    return None if row is None else as_seat(row)


def busy(tx: Transaction, seats: Iterable[decide.Seat]) -> frozenset[str]:
    found = tx.all(_BUSY.where(t.runs.c.session_id.in_([seat.session for seat in seats])))
    return frozenset(row["session_id"] for row in found)


def moment(tx: Transaction, waiting: Iterable[Row] = ()) -> decide.Moment:
    """What was handed out before, and when each plan of the `waiting` rows was last served."""
    rows = tx.all(_HANDED_OUT)
    offered = Counter(row["team_id"] for row in rows if row["state"] == run_machine.State.DISPATCHED)
    serial = frozenset(row["plan_id"] for row in rows if row["purpose"] in decide.SERIAL)
    served = {row["plan_id"] or "": row["served_at"] or 0.0 for row in waiting}
    return decide.Moment(tx.now, served, offered, serial)


def as_seat(row: Row) -> decide.Seat:
    return decide.Seat(
        row["id"],
        row["project_id"],
        row["team_id"],
        row["workspace"],
        "lead" if row["role"] == "lead" else row["worker_role"],
        row["skills"],
        bool(row["serves_all"]),
        rests_until=row["until"] or 0.0,
        user=row["user_id"],
        leader=row["leader"],
    )
