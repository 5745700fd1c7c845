"""Decision cards as the pages show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from maestro_ray.model.access import Action
from maestro_ray.model.raised import QUESTION
from maestro_ray.studio import schema as t
from maestro_ray.studio.page.view import Ask
from maestro_ray.studio.store import Row, Transaction

# how many open cards stand in a part
MOST = 50
BUDGET, PROPOSAL = "budget", "proposal"

LABELS: Mapping[str, str] = {
    "retry": "Try again",
    "untested": "Go on without tests",
    "approve": "Carry it out",
    "reject": "Reject for good",
    "finish": "Let what has begun end",
    "stop": "Stop now",
    "allow": "Allow once",
    "allow-run": "Allow for this run",
    "deny": "Deny",
}
# what `retry` is where nothing is tried again
GO_ON: Mapping[str, str] = {
    "signed_out": "I have signed in: go on",
    "dependency": "Go on without it",
    "no_progress": "Go on",
    "over_budget": "Go on",
}
# what follows from an answer whose label does not say all of it
FOLLOWS: Mapping[str, str] = {
    "raise": "agents go on where they were",
    "finish": "whatever it uses; nothing else begins",
    "stop": "its runs end, and their tasks wait for you",
}
# answers after which something is over that cannot be had back
ENDS = ("abort", "stop", "reject")


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
    rows = tx.all(query.order_by(order).limit(most))
    proposed = _proposed(tx, (row["plan_id"] for row in rows if _waits(row, PROPOSAL)))
    return [{**_shown(row, ask), "tasks": proposed.get(row["plan_id"], [])} for row in rows]


def still_open(tx: Transaction, ask: Ask, *which: sa.ColumnElement[bool]) -> Mapping[str, Any]:
    """The facts of a part that shows open cards: the oldest, and how many `more` there are.

    Those come when these are answered, so that none is out of sight for ever.
    """
    waits = (t.decisions.c.status == "open", *which)
    count = sa.select(sa.func.count()).select_from(t.decisions)
    count = count.where(ask.visible(t.decisions.c.project_id), *waits)
    shown = cards(tx, ask, *waits, order=t.decisions.c.id.asc(), most=MOST)
    return {"cards": shown, "more": tx.execute(count).scalar_one() - len(shown)}


def _proposed(tx: Transaction, plans: Iterable[str]) -> dict[str, list[Row]]:
    """The tasks of plans that somebody is to decide on, by plan, each with the titles of those it `needs`."""
    tasks = tx.all(sa.select(t.tasks).where(t.tasks.c.plan_id.in_(list(plans))).order_by(t.tasks.c.position))
    titles = {task["id"]: task["title"] for task in tasks}
    found: dict[str, list[Row]] = {}
    for task in tasks:
        needs = [titles[each] for each in task["depends_on_task_ids"]]
        found.setdefault(task["plan_id"], []).append({**task, "needs": needs})
    return found


def _waits(row: Row, kind: str) -> bool:
    return bool(row["kind"] == kind and row["status"] == "open")


def _shown(row: Row, ask: Ask) -> Row:
    # the question of a task's card begins with the title that stands above it anyway
    question = str(row["question"]).removeprefix(f"{row['task_title']}: ")
    if _waits(row, BUDGET):  # its second line is what the answers mean, and beside each of them is that
        question = question.partition("\n")[0]
    answers = [_answer(row, word) for word in row["options"]]
    return {
        **row,
        "question": question,
        "answers": answers,
        "mine": ask.caller.may(Action.DECIDE, row["project_id"]),
    }


def _answer(row: Row, word: str) -> Mapping[str, Any]:
    """`{word, label, follows, ends}`: the last is whether something is over with it."""
    if row["kind"] == QUESTION:  # the words are an agent's
        return {"word": word, "label": word, "follows": "", "ends": False}
    return {
        "word": word,
        "label": _label(row, word),
        "follows": FOLLOWS.get(word, ""),
        "ends": word in ENDS,
    }


def _label(row: Row, word: str) -> str:
    if word == "raise":
        return f"Raise it by {row['about'].get('more', 'the same amount')}"
    if word == "retry":
        return GO_ON.get(row["kind"], LABELS[word])
    if word == "abort":
        return "Cancel the task" if row["task_id"] else "Cancel the plan" if row["plan_id"] else "Give up"
    return LABELS.get(word, word)
