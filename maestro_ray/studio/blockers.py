"""Why a task does not start: the facts `model.blockers` judges, gathered."""

from __future__ import annotations

from dataclasses import asdict

import sqlalchemy as sa

from maestro_ray.model import blockers as decide
from maestro_ray.model import dependency
from maestro_ray.model import dispatch as dispatching
from maestro_ray.model import run as run_machine
from maestro_ray.model import task as task_machine
from maestro_ray.model.raised import QUESTION
from maestro_ray.studio import loop, queue, raised, runs, seats
from maestro_ray.studio import schema as t
from maestro_ray.studio.nodes import nodes
from maestro_ray.studio.store import Row, Transaction


def blockers(tx: Transaction, task_id: str) -> list[Row]:
    """`{kind, text, subject}` for each reason, what agents have raised first; of a task that is over there is none, and
    of one that somebody works on nothing but what they raised."""
    row = tx.get(t.tasks, task_id)
    told = raised.standing(tx, row)
    plan = tx.get(t.plans, row["plan_id"])
    run, begun = _next_run(tx, row)
    if begun:
        return told
    all_seats = seats.of_project(tx, plan["project_id"])
    situation = decide.Situation(
        loop.as_task(row),
        loop.as_plan(plan),
        _unmet(tx, row),
        _cards(tx, row),
        run,
        all_seats,
        seats.busy(tx, all_seats),
        seats.moment(tx),
    )
    return [*told, *(asdict(blocker) for blocker in decide.blockers(situation))]


def _next_run(tx: Transaction, row: Row) -> tuple[dispatching.Waiting | None, bool]:
    """The run that waits, or that a draft will need; and whether a session has one already."""
    live = runs.live(tx, t.runs.c.task_id == row["id"])
    if any(run["state"] != run_machine.State.QUEUED for run in live):
        return None, True
    if live:
        return queue.find(tx, live[0]["id"]), False
    draft = row["status"] == task_machine.Status.DRAFT
    return (queue.work_of(tx, row["id"]) if draft else None), False


def _unmet(tx: Transaction, row: Row) -> list[dependency.Node]:
    if row["status"] != task_machine.Status.DRAFT:
        return []
    plan = nodes(tx, row["plan_id"])
    return dependency.unmet(plan, [plan[row["id"]]])[row["id"]]


def _cards(tx: Transaction, row: Row) -> list[tuple[str, str]]:
    """Of the task, and of its plan as a whole."""
    about = sa.or_(
        t.decisions.c.task_id == row["id"],
        sa.and_(t.decisions.c.plan_id == row["plan_id"], t.decisions.c.task_id.is_(None)),
    )
    query = sa.select(t.decisions).where(
        t.decisions.c.status == "open", t.decisions.c.kind != QUESTION, about
    )
    return [(card["id"], card["question"]) for card in tx.all(query.order_by(t.decisions.c.id))]
