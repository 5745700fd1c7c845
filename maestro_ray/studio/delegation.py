"""Delegation: a lead says which session of its team is to do a run that nobody has begun."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from maestro_ray.errors import Conflict, NotFound
from maestro_ray.model.dispatch import misfit
from maestro_ray.model.run import State
from maestro_ray.studio import queue, reports, runs, seats
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row, Transaction

WAITING = (State.QUEUED, State.DISPATCHED)


def delegate(tx: Transaction, lead_id: str, to: str, run_id: str | None, task_id: str | None) -> Row:
    """Let the run, or that of the task, wait for `to` (a session's id or name) alone, from whoever it was offered to.

    A lead chooses among those who may do it at all: the skill a task needs was said by those who planned it. Raises
    `Conflict` with the reason, `NotFound`.
    """
    lead = tx.get(t.sessions, lead_id)
    if lead["role"] != "lead" or not lead["team_id"] or lead["status"] == "ended":
        raise Conflict("only the lead of a team delegates", "")
    run = _run(tx, lead, run_id, task_id)
    session = _member(tx, lead["team_id"], to)
    _may_have(tx, run, session)
    if run["session_id"] != session["id"]:
        if run["session_id"]:
            _within(tx, lead["team_id"], run["session_id"])
            reports.interrupt(tx, run["id"], costs=False)
        tx.update(t.runs, run["id"], delegated_to=session["id"])
    return {"run_id": run["id"], "session_id": session["id"], "name": session["name"]}


def _run(tx: Transaction, lead: Row, run_id: str | None, task_id: str | None) -> Row:
    if (run_id is None) == (task_id is None):
        raise Conflict("either run_id or task_id says what is delegated", "")
    if run_id is not None:
        row = tx.find(t.runs, run_id)
    else:
        found = runs.live(tx, t.runs.c.task_id == task_id)
        row = found[0] if found else None
    if row is None or row["project_id"] != lead["project_id"]:
        raise NotFound("run" if run_id else "run of the task", run_id or task_id)
    if row["state"] not in WAITING:
        raise Conflict(f"the run is {row['state']}: only one that nobody has begun can be delegated", "")
    return row


def _member(tx: Transaction, team_id: str, to: str) -> Row:
    named = sa.or_(t.sessions.c.id == to, t.sessions.c.name == to)
    query = sa.select(t.sessions).where(
        named, t.sessions.c.team_id == team_id, t.sessions.c.status != "ended"
    )
    found = tx.all(query.limit(2))
    if not found:
        raise NotFound("session of the team", to)
    if len(found) > 1:
        raise Conflict(f"two sessions of the team are called {to!r}", "name one by its id")
    return found[0]


def _may_have(tx: Transaction, run: Row, session: Row) -> None:
    if run["task_id"] and run["purpose"] == "execute" and tx.get(t.tasks, run["task_id"])["assignee"]:
        raise Conflict("the task is assigned: its assignee alone does it", "")
    seat = seats.of_session(tx, session["id"])
    reason = "it is away" if seat is None else misfit(replace(queue.find(tx, run["id"]), session=None), seat)
    if reason:
        raise Conflict(f"{session['name']} cannot do it: {reason}", "")


def _within(tx: Transaction, team_id: str, session_id: str) -> None:
    if tx.get(t.sessions, session_id)["team_id"] != team_id:
        raise Conflict("the run was offered to another team", "")
