"""What agents at work raise: blockers, which stand until the next run of their task has ended, and questions.

Neither holds anything back: the loop goes on, and whoever reads it may do something about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from maestro_ray.errors import Conflict
from maestro_ray.model import raised
from maestro_ray.model.run import LEAD_PURPOSES, OVER, Purpose
from maestro_ray.model.task import TERMINAL
from maestro_ray.studio import loop
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row, Transaction
from maestro_ray.studio.subtasks import at_work


def block(tx: Transaction, run_id: str, epoch: int, values: Mapping[str, Any]) -> Row:
    """Note a blocker of the run's task; the same text of the same run is it already. Raises `Conflict`."""
    run = _of_task(tx, run_id, epoch)
    text = _read(raised.read_blocker, values)["text"]
    known = tx.all(sa.select(t.reported).where(t.reported.c.run_id == run_id))
    for row in known:
        if row["text"] == text:
            return row
    _room(len(known), "blockers")
    identifier = tx.insert(t.reported, task_id=run["task_id"], run_id=run_id, text=text)
    loop.announce_task(tx, tx.get(t.tasks, run["task_id"]))
    return tx.get(t.reported, identifier)


def ask(tx: Transaction, run_id: str, epoch: int, values: Mapping[str, Any]) -> Row:
    """Put a question of the run's agent before the operator; one that it has put already is it. Raises `Conflict`."""
    run = _of_task(tx, run_id, epoch)
    asked = _read(raised.read_question, values)
    task = tx.get(t.tasks, run["task_id"])
    question = f"{task['title']}: {asked['question']}"
    of_run = (t.decisions.c.run_id == run_id, t.decisions.c.kind == raised.QUESTION)
    known = tx.all(sa.select(t.decisions).where(*of_run))
    for row in known:
        if row["question"] == question:
            return row
    _room(len(known), "questions")
    of = {"plan_id": run["plan_id"], "task_id": run["task_id"], "run_id": run_id}
    options = asked["options"]
    return tx.get(t.decisions, loop.put_card(tx, run["project_id"], raised.QUESTION, question, options, of))


def standing(tx: Transaction, task: Row) -> list[Row]:
    """`{kind, text, subject}` of what agents have raised about a task and is not settled."""
    if task["status"] in TERMINAL:
        return []
    over = sa.select(sa.func.max(t.runs.c.id)).where(t.runs.c.task_id == task["id"], t.runs.c.state.in_(OVER))
    last = tx.execute(over).scalar_one() or ""
    told = sa.select(t.reported).where(t.reported.c.task_id == task["id"], t.reported.c.run_id >= last)
    asked = sa.select(t.decisions).where(
        t.decisions.c.task_id == task["id"],
        t.decisions.c.status == "open",
        t.decisions.c.kind == raised.QUESTION,
    )
    return [
        *(
            {"kind": raised.REPORTED, "text": row["text"], "subject": row["run_id"]}
            for row in tx.all(told.order_by(t.reported.c.id))
        ),
        *(
            {"kind": raised.QUESTION, "text": row["question"], "subject": row["id"]}
            for row in tx.all(asked.order_by(t.decisions.c.id))
        ),
    ]


def _of_task(tx: Transaction, run_id: str, epoch: int) -> Row:
    run = at_work(tx, run_id, epoch)
    if not run["task_id"] or Purpose(run["purpose"]) in LEAD_PURPOSES:
        raise Conflict(f"a run of purpose {run['purpose']} has no task to raise anything about", "")
    return run


def _read(read: Any, values: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return dict(read(values))
    except ValueError as bad:
        raise Conflict(str(bad), "") from None


def _room(many: int, what: str) -> None:
    if reason := raised.refusal(many, what):
        raise Conflict(reason, "")
