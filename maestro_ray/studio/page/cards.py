"""Decision cards as the pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from maestro_ray.model.access import Action
from maestro_ray.model.raised import QUESTION
from maestro_ray.studio import schema as t
from maestro_ray.studio.page.view import Ask
from maestro_ray.studio.store import Row, Transaction

# how many open cards stand in a part
MOST = 50

LABELS: Mapping[str, str] = {
    "retry": "Try again",
    "untested": "Go on without tests",
    "approve": "Approve",
    "reject": "Reject",
    "raise": "Raise it by the same amount",
    "finish": "Let what has begun end",
    "stop": "Stop",
    "allow": "Allow once",
    "allow-run": "Allow for this run",
    "deny": "Deny",
}


def cards(
    tx: Transaction, ask: Ask, *which: sa.ColumnElement[bool], order: sa.ColumnElement[str], most: int
) -> list[Row]:
    """Cards with the titles of their plan and task, their project, and whether the asker may answer."""
    query = (
        sa.select(
            t.decisions,
            t.plans.c.title.label("plan_title"),
            t.tasks.c.title.label("task_title"),
            t.projects.c.name.label("project_name"),
        )
        .outerjoin(t.plans, t.decisions.c.plan_id == t.plans.c.id)
        .join(t.projects, t.decisions.c.project_id == t.projects.c.id)
        .outerjoin(t.tasks, t.decisions.c.task_id == t.tasks.c.id)
        .where(ask.visible(t.decisions.c.project_id), *which)
    )
    return [_shown(row, ask) for row in tx.all(query.order_by(order).limit(most))]


def still_open(tx: Transaction, ask: Ask, *which: sa.ColumnElement[bool]) -> Mapping[str, Any]:
    """The facts of a part that shows open cards: the oldest, and how many `more` there are.

    Those come when these are answered, so that none is out of sight for ever.
    """
    waits = (t.decisions.c.status == "open", *which)
    count = sa.select(sa.func.count()).select_from(t.decisions)
    count = count.where(ask.visible(t.decisions.c.project_id), *waits)
    shown = cards(tx, ask, *waits, order=t.decisions.c.id.asc(), most=MOST)
    return {"cards": shown, "more": tx.execute(count).scalar_one() - len(shown)}


def _shown(row: Row, ask: Ask) -> Row:
    # the question of a task's card begins with the title that stands above it anyway
    question = str(row["question"]).removeprefix(f"{row['task_title']}: ")
    answers = [(word, _label(row, word)) for word in row["options"]]
    return {
        **row,
        "question": question,
        "answers": answers,
        "mine": ask.caller.may(Action.DECIDE, row["project_id"]),
    }


def _label(row: Row, word: str) -> str:
    if row["kind"] == QUESTION:  # the words are an agent's
        return word
    if word == "abort":
        return "Cancel the task" if row["task_id"] else "Cancel the plan" if row["plan_id"] else "Give up"
    return LABELS.get(word, word)
