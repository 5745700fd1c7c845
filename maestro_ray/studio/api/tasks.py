"""Tasks, what is said about them, and the verdicts on them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from maestro_ray.model.access import Action, Caller
from maestro_ray.model.task import Aborted, CompletedByClient, Paused, Resumed
from maestro_ray.studio import blockers, loop, tasks
from maestro_ray.studio import schema as t
from maestro_ray.studio.api.call import Call, Rest
from maestro_ray.studio.api.shapes import bodies
from maestro_ray.studio.store import Row, Transaction


async def find(call: Call) -> Any:
    """Tasks."""
    query = sa.select(t.tasks)
    for name in ("plan_id", "status"):
        if value := call.query(name):
            query = query.where(t.tasks.c[name] == value)
    return await call.rows(query, t.tasks)


async def show(call: Call) -> Any:
    """One task."""
    return await call.read(lambda tx: tx.get(t.tasks, call.path("id")))


async def edit(call: Call) -> Any:
    """Change a task that is still a draft."""
    changes = call.body.model_dump(exclude_unset=True)

    def write(tx: Transaction) -> Row:
        call.unchanged(tx.get(t.tasks, call.path("id")))
        return tasks.edit(tx, call.path("id"), changes)

    return await call.change(write)


async def accept(call: Call) -> Any:
    """Accept a task for a session."""
    return await call.change(tasks.accept, call.path("id"), call.caller, call.body.session_id)


async def list_blockers(call: Call) -> Any:
    """Why a task does not go on."""
    return await call.read(blockers.blockers, call.path("id"))


async def abort(call: Call) -> None:
    """Abort a task."""
    await call.change(loop.task_event, call.path("id"), Aborted())


async def pause(call: Call) -> None:
    """Its run is taken back; to resume it lets it go on where it stood."""
    await call.change(loop.task_event, call.path("id"), Paused())


async def resume(call: Call) -> None:
    """Attempts and revisions are counted anew."""
    await call.change(loop.task_event, call.path("id"), Resumed())


async def complete(call: Call) -> None:
    """A person did the work and says so."""
    await call.change(loop.task_event, call.path("id"), CompletedByClient())


async def prioritise(call: Call) -> None:
    """Of two tasks that can begin, the one with the higher priority begins first."""
    await call.change(loop.prioritise, call.path("id"), call.body.priority)


async def add_comment(call: Call) -> Any:
    """Comment on a task."""

    def add(tx: Transaction) -> Row:
        plan = tx.get(t.plans, tx.get(t.tasks, call.path("id"))["plan_id"])
        author = _author(tx, call.caller, plan["project_id"])
        return {"id": loop.comment(tx, call.path("id"), author, call.body.body)}

    return await call.change(add)


def _author(tx: Transaction, caller: Caller, project: str) -> str:
    """As agents and people read it. Whoever may steer is the operator; nobody else is, whatever their name."""
    if caller.may(Action.STEER, project):
        return "operator"
    user = tx.find(t.users, caller.user)
    return f"member {user['name'] if user else caller.user}"


async def list_comments(call: Call) -> Any:
    """What was said about a task."""
    return await call.rows(sa.select(t.comments).where(t.comments.c.task_id == call.path("id")), t.comments)


async def list_verdicts(call: Call) -> Any:
    """The verdicts on a task with their evidence."""
    query = sa.select(t.verdicts).where(t.verdicts.c.task_id == call.path("id")).order_by(t.verdicts.c.id)

    def given(tx: Transaction) -> list[Row]:
        tx.get(t.tasks, call.path("id"))
        return tx.all(query)

    return await call.read(given)


ROUTES = [
    Rest("GET", "tasks", find, Action.READ, listing=True, query=("plan_id", "status"), paged=True),
    Rest("GET", "tasks/{id}", show, Action.READ, t.tasks, tagged=True),
    Rest("PATCH", "tasks/{id}", edit, Action.PLAN, t.tasks, bodies.TaskChange, tagged=True, guarded=True),
    Rest("POST", "tasks/{id}/accept", accept, Action.WORK, t.tasks, bodies.Accept),
    Rest("GET", "tasks/{id}/blockers", list_blockers, Action.READ, t.tasks),
    Rest("POST", "tasks/{id}/abort", abort, Action.PLAN, t.tasks),
    Rest("POST", "tasks/{id}/pause", pause, Action.PLAN, t.tasks),
    Rest("POST", "tasks/{id}/resume", resume, Action.PLAN, t.tasks),
    Rest("POST", "tasks/{id}/complete", complete, Action.PLAN, t.tasks),
    Rest("POST", "tasks/{id}/priority", prioritise, Action.PLAN, t.tasks, bodies.Priority),
    Rest("POST", "tasks/{id}/comments", add_comment, Action.COMMENT, t.tasks, bodies.NewComment, status=201),
    Rest("GET", "tasks/{id}/comments", list_comments, Action.READ, t.tasks, paged=True),
    Rest("GET", "tasks/{id}/verdicts", list_verdicts, Action.READ, t.tasks),
]
