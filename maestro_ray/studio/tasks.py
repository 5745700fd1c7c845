"""Tasks as people change them: written anew, assigned, accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from maestro_ray.errors import Conflict, Forbidden, NotFound
from maestro_ray.model import dependency
from maestro_ray.model import task as machine
from maestro_ray.model.access import EVERYWHERE, Action, Caller
from maestro_ray.model.assignment import refusal
from maestro_ray.model.plan_file import TaskDraft, task_from_json
from maestro_ray.model.run import HELD
from maestro_ray.studio import loop, queue, seats
from maestro_ray.studio import schema as t
from maestro_ray.studio.identity import roles
from maestro_ray.studio.nodes import nodes, write_levels
from maestro_ray.studio.store import Row, Transaction

# columns, and what a plan file calls them
WRITTEN = {
    "title": "title",
    "description": "description",
    "role": "role",
    "skill": "skill",
    "required_proficiency": "proficiency",
    "test": "test",
    "priority": "priority",
}


def edit(tx: Transaction, task_id: str, changes: Mapping[str, Any]) -> Row:
    """Change a draft, or whom an open task is for. Raises `IllegalEvent` when it is too late for that.

    What it says is checked as in a plan file (`PlanFileError`); what it depends on must be of the same plan and make
    no circle (`Conflict`).
    """
    row = tx.get(t.tasks, task_id)
    written = {name: value for name, value in changes.items() if name in WRITTEN}
    values = columns(read({**row, **written})) if written else {}
    if "depends_on" in changes:
        values["depends_on_task_ids"] = _depends(tx, row, changes["depends_on"])
    if values:
        loop.task_event(tx, task_id, machine.Edited(), **values)
    if "depends_on" in changes:
        write_levels(tx, row["plan_id"])
    if changes.get("assignee", row["assignee"]) != row["assignee"]:
        _may_be_assigned(tx, row, changes["assignee"])
        loop.task_event(tx, task_id, machine.Assigned(changes["assignee"]))
    return tx.get(t.tasks, task_id)


def read(values: Mapping[str, Any]) -> TaskDraft:
    """Columns of a task, checked as a plan file's. Raises `PlanFileError`."""
    return task_from_json({theirs: values[ours] for ours, theirs in WRITTEN.items()})


def columns(draft: TaskDraft) -> dict[str, Any]:
    return {ours: getattr(draft, theirs) for ours, theirs in WRITTEN.items()}


def _depends(tx: Transaction, row: Row, wanted: Sequence[str]) -> list[str]:
    plan = nodes(tx, row["plan_id"])
    wanted = list(dict.fromkeys(wanted))
    if foreign := [identifier for identifier in wanted if identifier not in plan]:
        raise Conflict(
            f"no task of this plan has the id {foreign[0]}", "a task depends on tasks of its own plan"
        )
    changed = {**plan, row["id"]: replace(plan[row["id"]], needs=tuple(wanted))}
    if around := dependency.circle(changed):
        words = " → ".join(plan[identifier].title for identifier in around)
        raise Conflict(f"these tasks would wait for each other: {words}", "")
    return wanted


def _may_be_assigned(tx: Transaction, row: Row, assignee: str) -> None:
    """A worker's session of the project that has not ended, or a user with a role in it."""
    if not assignee:
        return
    project_id = tx.get(t.plans, row["plan_id"])["project_id"]
    session = tx.find(t.sessions, assignee)
    if session is not None and session["project_id"] == project_id:
        if session["role"] != "worker" or session["status"] == "ended":
            raise Conflict("a task is for a worker's session that has not ended, or for a user", "")
        return
    of = t.memberships.c.project.in_([project_id, EVERYWHERE])
    member = tx.first(sa.select(t.memberships).where(t.memberships.c.user_id == assignee, of))
    if member is None:
        raise NotFound("user or session of this project", assignee)


def give_up(tx: Transaction, user: str) -> None:
    """Open tasks for a user who has no role in their project any more are open to all."""
    held = roles(tx, user)
    if EVERYWHERE in held:
        return
    query = sa.select(t.tasks.c.id).join(t.plans, t.tasks.c.plan_id == t.plans.c.id)
    theirs = (t.tasks.c.assignee == user, t.tasks.c.status.not_in(sorted(machine.TERMINAL)))
    for row in tx.all(query.where(*theirs, t.plans.c.project_id.not_in(sorted(held)))):
        loop.task_event(tx, row["id"], machine.HolderEnded(user))


# ── accepting ────────────────────────────────────────────────────────────────────────────────────────────────────────


def accept(tx: Transaction, task_id: str, caller: Caller, session_id: str | None = None) -> Row:
    """The assignee says yes; from now on this session gets the task's work.

    Without `session_id` it is the session the task is assigned to, or the caller's only one that may. Raises
    `Conflict` with the reason, `Forbidden` when the session is somebody else's.
    """
    row = tx.get(t.tasks, task_id)
    chosen = session_id or _session_for(tx, row, caller)
    _speaks_for(tx, row, caller, chosen)
    if reason := _refusal(tx, row, chosen):
        raise Conflict(f"the session cannot accept this task: {reason}", "")
    loop.task_event(tx, task_id, machine.Accepted(chosen))
    return tx.get(t.tasks, task_id)


def _session_for(tx: Transaction, row: Row, caller: Caller) -> str:
    if tx.find(t.sessions, row["assignee"]):
        return str(row["assignee"])
    mine = _sessions_of(caller).where(t.sessions.c.status == "connected")
    able = [each["id"] for each in tx.all(mine) if not _refusal(tx, row, each["id"])]
    if len(able) != 1:
        few = "none" if not able else f"{len(able)}"
        raise Conflict(f"{few} of your connected sessions can accept this task", "name one with session_id")
    return str(able[0])


def _speaks_for(tx: Transaction, row: Row, caller: Caller, session_id: str) -> None:
    session = tx.find(t.sessions, session_id)
    project_id = tx.get(t.plans, row["plan_id"])["project_id"]
    if session is None or session["project_id"] != project_id:
        raise NotFound("session", session_id)
    if session["user_id"] != caller.user and not caller.may(Action.LEAD, project_id):
        raise Forbidden("accept for somebody else's session")


def _refusal(tx: Transaction, row: Row, session_id: str) -> str:
    seat = seats.of_session(tx, session_id)
    if seat is None:
        return "it is in no team, or not connected"
    user = tx.get(t.sessions, session_id)["user_id"]
    return refusal(row["assignee"], queue.work_of(tx, row["id"]), seat, user)


# ── mine ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def mine(caller: Caller, status: str = "") -> sa.Select[Any]:
    """Open tasks (or those of one status) that are for the caller or their sessions, or held by one of these."""
    sessions = _sessions_of(caller)
    held = sa.select(t.runs.c.task_id).where(t.runs.c.session_id.in_(sessions), t.runs.c.state.in_(HELD))
    theirs = sa.or_(
        t.tasks.c.assignee == caller.user,
        t.tasks.c.assignee.in_(sessions),
        t.tasks.c.accepted_by.in_(sessions),
        t.tasks.c.id.in_(held.where(t.runs.c.task_id.is_not(None))),
    )
    over = sorted(machine.TERMINAL)
    which = t.tasks.c.status == status if status else t.tasks.c.status.not_in(over)
    return sa.select(t.tasks).where(theirs, which)


def _sessions_of(caller: Caller) -> sa.Select[Any]:
    return sa.select(t.sessions.c.id).where(t.sessions.c.user_id == caller.user)


def my_skills(tx: Transaction, user_id: str) -> Row:
    """`{skills}`: what sessions of this user can do that bring no skills of their own."""
    return {"skills": tx.get(t.users, user_id)["skills"]}


def set_my_skills(tx: Transaction, user_id: str, skills: Mapping[str, int]) -> Row:
    tx.get(t.users, user_id)
    tx.update(t.users, user_id, skills=dict(skills))
    return my_skills(tx, user_id)
