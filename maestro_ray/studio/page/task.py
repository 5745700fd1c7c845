"""The page of one task: what is to be done, how far it is, every verdict and run, and what was said about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from maestro_ray.studio import blockers
from maestro_ray.studio import schema as t
from maestro_ray.studio.page import cards, frame
from maestro_ray.studio.page.plan import moves
from maestro_ray.studio.page.view import Ask, Part, View
from maestro_ray.studio.store import Transaction

SHOWN_RUNS = 40


def _frame(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    task = tx.get(t.tasks, ask.id)
    plan = tx.get(t.plans, task["plan_id"])
    return frame.of_project(tx, ask.project, task["title"], (plan["title"], f"/plans/{plan['id']}"))


def _facts(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    task = tx.get(t.tasks, ask.id)
    needed = sa.select(t.tasks).where(t.tasks.c.id.in_(task["depends_on_task_ids"]))
    # what waits for a person is a card, and stands in a part of its own
    asked = {card["id"] for card in tx.all(sa.select(t.decisions).where(*_about(tx, ask)))}
    held_up = [each for each in blockers.blockers(tx, ask.id) if each["subject"] not in asked]
    return {
        "task": task,
        "held_up": held_up,
        "needs": tx.all(needed.order_by(t.tasks.c.position)),
        "moves": moves(task["status"]),
    }


def _cards(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    return cards.still_open(tx, ask, *_about(tx, ask))


def _about(tx: Transaction, ask: Ask) -> tuple[sa.ColumnElement[bool], ...]:
    """Open cards of the task, and of its plan as a whole."""
    card, plan = t.decisions.c, tx.get(t.tasks, ask.id)["plan_id"]
    of_plan = sa.and_(card.plan_id == plan, card.task_id.is_(None))
    return card.status == "open", sa.or_(card.task_id == ask.id, of_plan)


def _verdicts(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    query = (
        sa.select(t.verdicts, t.sessions.c.name.label("worker"))
        .join(t.runs, t.verdicts.c.run_id == t.runs.c.id)
        .outerjoin(t.sessions, t.runs.c.session_id == t.sessions.c.id)
        .where(t.verdicts.c.task_id == ask.id)
    )
    return {"verdicts": tx.all(query.order_by(t.verdicts.c.id.desc()))}


def _runs(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    """`runs`, newest first, each with the `worker` that held it, and what came of it: `output` and `exit_code`."""
    query = (
        sa.select(t.runs, t.sessions.c.name.label("worker"))
        .outerjoin(t.sessions, t.runs.c.session_id == t.sessions.c.id)
        .where(t.runs.c.task_id == ask.id)
    )
    rows = tx.all(query.order_by(t.runs.c.id.desc()).limit(SHOWN_RUNS))
    return {"runs": [{**row, **_came_of_it(row["result"])} for row in rows]}


def _came_of_it(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result is what an agent reported: nothing of it need be there."""
    return {name: result.get(name) for name in ("output", "exit_code")}


def _comments(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    query = sa.select(t.comments).where(t.comments.c.task_id == ask.id).order_by(t.comments.c.id)
    return {"comments": tx.all(query)}


VIEW = View(
    "task",
    "/tasks/{id}",
    _frame,
    {
        "cards": Part(_cards, on=("decision.",)),
        "facts": Part(_facts, on=("task.", "decision.")),
        "verdicts": Part(_verdicts, on=("verdict.",)),
        "runs": Part(_runs, on=("run.updated", "run.dispatched")),
        "comments": Part(_comments, on=("task.", "verdict.", "merge.")),
    },
    about=t.tasks,
)
