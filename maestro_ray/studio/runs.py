"""Runs in the database: queueing them, and moving them only along the arrows of `model.run`."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from maestro_ray.model import channels
from maestro_ray.model import run as machine
from maestro_ray.model.run import Purpose
from maestro_ray.studio import purses, unasked
from maestro_ray.studio.schema import plans, runs, sessions
from maestro_ray.studio.store import Row, Transaction

# the states in which a run may use what it has reserved
_SPENDS = (machine.State.DISPATCHED, machine.State.RUNNING)


def queue(
    tx: Transaction, plan_id: str, purpose: Purpose, *, task_id: str | None = None, **values: Any
) -> str:
    """A new run of a plan, that waits for a session."""
    of = (
        runs.c.task_id == task_id if task_id else sa.and_(runs.c.plan_id == plan_id, runs.c.task_id.is_(None))
    )
    earlier = sa.select(sa.func.count()).where(of, runs.c.purpose == purpose)
    attempt = int(tx.execute(earlier).scalar_one()) + 1
    project_id = tx.get(plans, plan_id)["project_id"]
    of_plan = {"project_id": project_id, "plan_id": plan_id, "task_id": task_id}
    return tx.insert(runs, purpose=purpose, attempt=attempt, **of_plan, **values)


def queue_for_project(tx: Transaction, project_id: str, purpose: Purpose, **values: Any) -> str:
    """A new run about a project and no plan of it."""
    return tx.insert(runs, project_id=project_id, purpose=purpose, **values)


def again(tx: Transaction, row: Row, attempt: int) -> str:
    """Another run like this one, which is about no plan and is over."""
    kept = {name: row[name] for name in ("note", "role", "base", "delegated_to")}
    return queue_for_project(tx, row["project_id"], Purpose(row["purpose"]), attempt=attempt, **kept)


def of_lead(row: Row) -> bool:
    """Whether it was made for the lead of one team, and is about no plan."""
    return row["plan_id"] is None and row["role"] == "lead" and bool(row["delegated_to"])


def step(tx: Transaction, row: Row, event: machine.Event, **also: Any) -> machine.Run:
    """Apply the event to a row of `runs`, store and announce it. Raises `StaleEpoch` or `IllegalEvent`."""
    after = machine.apply(as_run(row), event)
    if after.state in machine.OVER:
        also.setdefault("finished_at", tx.now)
        purses.withdraw(tx, f"{purses.RUN}:{row['id']}")
    if after.state not in _SPENDS:
        purses.release(tx, row["id"])
    tx.update(
        runs,
        row["id"],
        state=after.state,
        session_id=after.session if after.state not in machine.OVER else row["session_id"],
        epoch=after.epoch,
        resume_at=after.resume_at,
        **also,
    )
    if after.state not in machine.HELD:
        unasked.close(tx, row["id"])
    # who holds it now, or who held it last
    session = after.session or row["session_id"]
    announce(tx, {**row, "state": after.state, "epoch": after.epoch, "session_id": session, **also})
    return after


def announce(tx: Transaction, row: Row) -> None:
    """Tell the project what became of a run."""
    shown = {
        key: row[key]
        for key in ("id", "plan_id", "task_id", "session_id", "purpose", "state", "epoch", "reason")
    }
    tx.publish(channels.project(row["project_id"]), "run.updated", run=shown)


def live(tx: Transaction, *where: sa.ColumnElement[bool]) -> list[Row]:
    """Runs that are queued or held, oldest first."""
    return tx.all(sa.select(runs).where(runs.c.state.in_(machine.LIVE), *where).order_by(runs.c.id))


def of_team(team_id: str) -> sa.ColumnElement[bool]:
    """Runs that members of the team hold or held, and all others of the plans it worked on."""
    return sa.or_(runs.c.session_id.in_(_members(team_id)), runs.c.plan_id.in_(plans_of_team(team_id)))


def plans_of_team(team_id: str) -> sa.Select[Any]:
    """The ids of the plans that are the team's, or that it took up."""
    taken = sa.select(runs.c.plan_id).where(
        runs.c.session_id.in_(_members(team_id)), runs.c.plan_id.is_not(None)
    )
    return sa.select(plans.c.id).where(sa.or_(plans.c.team_id == team_id, plans.c.id.in_(taken)))


def _members(team_id: str) -> sa.Select[Any]:
    return sa.select(sessions.c.id).where(sessions.c.team_id == team_id)


def cancel(tx: Transaction, *where: sa.ColumnElement[bool]) -> None:
    for row in live(tx, *where):
        step(tx, row, machine.Cancelled())


def as_run(row: Row) -> machine.Run:
    return machine.Run(
        row["id"],
        Purpose(row["purpose"]),
        machine.State(row["state"]),
        row["session_id"],
        row["epoch"],
        row["resume_at"],
    )
