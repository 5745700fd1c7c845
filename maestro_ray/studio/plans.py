"""Plans as they come in, and what a person does with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from maestro_ray.errors import Conflict
from maestro_ray.ids import new_id, slug, suffix
from maestro_ray.model import plan as machine
from maestro_ray.model.dependency import Node, levels
from maestro_ray.model.plan_file import PlanDraft, TaskDraft
from maestro_ray.studio import loop
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row, Transaction


def create(tx: Transaction, project_id: str, draft: PlanDraft, **values: Any) -> dict[str, Any]:
    """Store a draft as a plan with its tasks, as `view` shows it; its epic branch is named here, once and for all.

    `values` are further columns. Raises `NotFound` and `Conflict` for a project or team it cannot belong to.
    """
    tx.get(t.projects, project_id)
    team_id = values.get("team_id")
    if team_id and tx.get(t.teams, team_id)["project_id"] != project_id:
        raise Conflict("the team belongs to another project", "")
    plan = {
        "project_id": project_id,
        "title": draft.title,
        "description": draft.description,
        "test": draft.test,
        "epic_branch": f"epic/{slug(draft.title)}-{suffix()}",
        "base_branch": draft.base,
        **values,
    }
    (row,) = tx.add(t.plans, plan)
    tasks = tx.add(t.tasks, *_tasks(tx, row["id"], draft))
    # nobody has done anything about it yet
    return {**row, "tasks": tasks, "runs": [], "verdicts": [], "decisions": []}


def _tasks(tx: Transaction, plan_id: str, draft: PlanDraft) -> list[dict[str, Any]]:
    """The columns of its tasks, in the order of the plan. Its phases are stored."""
    phases = [
        {"plan_id": plan_id, "position": number, "title": phase.title}
        for number, phase in enumerate(draft.phases)
    ]
    stored = zip(tx.add(t.phases, *phases), draft.phases, strict=True)
    rows = [_task(plan_id, phase["id"], task) for phase, drafted in stored for task in drafted.tasks]
    ids = {row["key"]: row["id"] for row in rows}
    for position, (row, task) in enumerate(zip(rows, draft.tasks, strict=True)):
        row |= {"position": position, "depends_on_task_ids": [ids[key] for key in task.depends]}
    deep = levels({row["id"]: Node(row["id"], tuple(row["depends_on_task_ids"])) for row in rows})
    return [{**row, "level": deep[row["id"]]} for row in rows]


def _task(plan_id: str, phase_id: str, task: TaskDraft) -> dict[str, Any]:
    return {
        "id": new_id(),
        "plan_id": plan_id,
        "phase_id": phase_id,
        "key": task.key,
        "title": task.title,
        "description": task.description,
        "role": task.role,
        "skill": task.skill,
        "required_proficiency": task.proficiency,
        "test": task.test,
        "priority": task.priority,
    }


EVENTS: Mapping[str, type] = {
    "activate": machine.Activated,
    "pause": machine.Paused,
    "resume": machine.Resumed,
    "cancel": machine.Cancelled,
    "archive": machine.Archived,
}


def act(tx: Transaction, plan_id: str, word: str) -> Row:
    """One of `EVENTS`."""
    loop.plan_event(tx, plan_id, EVENTS[word]())
    return view(tx, plan_id)


# of a run; its result may be large
_SHOWN = [
    t.runs.c[name]
    for name in ("id", "task_id", "session_id", "purpose", "state", "attempt", "commit", "reason",
                 "resume_at", "created_at", "started_at", "finished_at")
]  # fmt: skip


def view(tx: Transaction, plan_id: str) -> dict[str, Any]:
    """A plan with its tasks, their runs' counts, verdicts and open cards."""
    plan = dict(tx.get(t.plans, plan_id))
    tasks = tx.all(sa.select(t.tasks).where(t.tasks.c.plan_id == plan_id).order_by(t.tasks.c.position))
    plan["tasks"] = [dict(row) for row in tasks]
    plan["runs"] = tx.all(sa.select(*_SHOWN).where(t.runs.c.plan_id == plan_id).order_by(t.runs.c.id))
    ids = [row["id"] for row in tasks]
    plan["verdicts"] = tx.all(
        sa.select(t.verdicts).where(t.verdicts.c.task_id.in_(ids)).order_by(t.verdicts.c.id)
    )
    cards = sa.select(t.decisions).where(t.decisions.c.plan_id == plan_id, t.decisions.c.status == "open")
    plan["decisions"] = tx.all(cards.order_by(t.decisions.c.id))
    return plan
