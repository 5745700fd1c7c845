"""The page of one plan: its state, what a person can do with it, and the board of its tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from maestro_ray.model import plan as plan_machine
from maestro_ray.model import run as run_machine
from maestro_ray.model import task as machine
from maestro_ray.model.task import Status
from maestro_ray.studio import plans
from maestro_ray.studio import schema as t
from maestro_ray.studio.page import cards, frame, usage
from maestro_ray.studio.page.view import Ask, Part, View
from maestro_ray.studio.store import Row, Transaction


@dataclass(frozen=True)
class Column:
    """A column of the board: the states whose tasks stand in it."""

    name: str
    title: str
    states: Sequence[Status]


@dataclass(frozen=True)
class Move:
    """What a person can do with a task: the last word of the REST call, and the column it leads to."""

    word: str
    label: str
    column: str
    event: type
    asks: str = ""


COLUMNS = (
    Column("draft", "Draft", (Status.DRAFT,)),
    Column("work", "In progress", (Status.DISPATCHED, Status.IN_PROGRESS)),
    Column("review", "Awaiting review", (Status.AWAITING_REVIEW,)),
    Column("waiting", "Waiting for you", (Status.WAITING_FOR_RESUME,)),
    Column("done", "Merged", (Status.MERGED, Status.COMPLETED, Status.APPROVED, Status.COMPLETED_BY_CLIENT)),
    Column("cancelled", "Cancelled", (Status.CANCELLED,)),
)
MOVES = (
    Move("pause", "Pause", "waiting", machine.Paused),
    Move("resume", "Resume", "draft", machine.Resumed),
    Move("complete", "Done by hand", "done", machine.CompletedByClient, "Its work is in the plan's branch already?"),
    Move("abort", "Abort", "cancelled", machine.Aborted, "What its branch holds is not merged."),
)  # fmt: skip


def moves(status: str) -> list[Move]:
    """What can be done with a task in this state: the arrows of `model.task` that a person may take."""
    return [move for move in MOVES if (Status(status), move.event) in machine.ARROWS]


def actions(status: str) -> list[str]:
    """The words that a plan in this state understands."""
    state = plan_machine.Status(status)
    return [word for word, event in plans.EVENTS.items() if (state, event) in plan_machine.ARROWS]


def _frame(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    plan = tx.get(t.plans, ask.id)
    return frame.of_project(tx, ask.project, plan["title"])


def _head(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    plan = tx.get(t.plans, ask.id)
    team = tx.find(t.teams, plan["team_id"] or "")
    return {"plan": plan, "team": team, "actions": actions(plan["status"])}


def _cards(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    return cards.still_open(tx, ask, t.decisions.c.plan_id == ask.id)


def _board(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    """`columns`: pairs of a column and its tasks, each with its `moves`, `needs` and live `runs`."""
    query = sa.select(t.tasks).where(t.tasks.c.plan_id == ask.id)
    tasks = tx.all(query.order_by(t.tasks.c.priority.desc(), t.tasks.c.position))
    titles = {task["id"]: task["title"] for task in tasks}
    done = {task["id"] for task in tasks if Status(task["status"]) in machine.DONE}
    at_work = _at_work(tx, ask.id)
    shown = [
        {
            **task,
            "moves": moves(task["status"]),
            "needs": [titles[each] for each in task["depends_on_task_ids"] if each not in done],
            "runs": at_work.get(task["id"], []),
        }
        for task in tasks
    ]
    columns = [(column, [task for task in shown if task["status"] in column.states]) for column in COLUMNS]
    return {
        "columns": [pair for pair in columns if pair[1] or pair[0].name != "cancelled"],
        "total": len(tasks),
    }


def _usage(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    return usage.of(tx, t.runs.c.plan_id == ask.id)


def _at_work(tx: Transaction, plan_id: str) -> dict[str, list[Row]]:
    """Who does what for each task now."""
    query = (
        sa.select(t.runs.c.task_id, t.runs.c.purpose, t.runs.c.state, t.sessions.c.name)
        .join(t.sessions, t.runs.c.session_id == t.sessions.c.id)
        .where(t.runs.c.plan_id == plan_id, t.runs.c.state.in_(run_machine.HELD))
    )
    found: dict[str, list[Row]] = {}
    for row in tx.all(query):
        found.setdefault(row["task_id"] or "", []).append(row)
    return found


VIEW = View(
    "plan",
    "/plans/{id}",
    _frame,
    {
        "head": Part(_head, on=("plan.",)),
        "cards": Part(_cards, on=("decision.",)),
        "board": Part(_board, on=("task.", "run.", "plan.", "merge.")),
        "usage": Part(_usage, on=("run.updated", "budget.")),
    },
    about=t.plans,
)
