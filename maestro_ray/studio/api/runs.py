"""What sessions report about their runs. Every report is idempotent by its Idempotency-Key."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from maestro_ray.errors import Conflict
from maestro_ray.model import channels
from maestro_ray.model.access import Action, Role
from maestro_ray.model.plan_file import from_json
from maestro_ray.studio import budget, permissions, proposals, raised, reports, runs, subtasks
from maestro_ray.studio import schema as t
from maestro_ray.studio.api.call import Call, Rest
from maestro_ray.studio.api.shapes import bodies
from maestro_ray.studio.store import Transaction


async def complete(call: Call) -> None:
    """Report that a run succeeded."""
    body: bodies.Complete = call.body
    await call.change(reports.complete, call.path("id"), body.epoch, body.result, _spent(call))


async def fail(call: Call) -> None:
    """Report that a run failed."""
    body: bodies.Fail = call.body
    how: dict[str, Any] = {"retryable": body.retryable, "hold": body.hold, "spent": _spent(call)}
    identifier, epoch = call.path("id"), body.epoch
    if body.signed_out:
        await call.change(reports.signed_out, identifier, epoch, body.reason, spent=_spent(call))
    else:
        await call.change(reports.fail, identifier, epoch, body.reason, **how)


async def spent(call: Call) -> Any:
    """Report what a run has used so far, and ask for leave to use more."""
    body: bodies.Spent = call.body
    return await call.write(budget.spent, call.path("id"), body.epoch, _spent(call), ask=body.ask)


async def pause(call: Call) -> None:
    """Report that a run waits."""
    body: bodies.Pause = call.body
    how: dict[str, Any] = {"alone": body.alone, "spent": _spent(call)}
    await call.change(reports.pause, call.path("id"), body.epoch, body.resume_at, body.pool, **how)


async def resume(call: Call) -> None:
    """Report that a run goes on."""
    await call.change(reports.resume, call.path("id"), call.body.epoch)


async def interrupt(call: Call) -> None:
    """Report that a run was cut; it is queued again."""
    await call.change(reports.interrupt, call.path("id"), call.body.epoch)


async def subtask(call: Call) -> Any:
    """Add a part to the run's task."""
    body: bodies.NewSubtask = call.body
    values = body.model_dump(exclude={"epoch", "after_parent"}, exclude_none=True)
    return await call.change(
        subtasks.add, call.path("id"), body.epoch, values, after_parent=body.after_parent
    )


async def blocker(call: Call) -> Any:
    """Say what keeps the agent from its work."""
    values = call.body.model_dump(exclude={"epoch"})
    return await call.change(raised.block, call.path("id"), call.body.epoch, values)


async def decision(call: Call) -> Any:
    """Ask the operator to decide something."""
    values = call.body.model_dump(exclude={"epoch"})
    return await call.change(raised.ask, call.path("id"), call.body.epoch, values)


async def propose_plan(call: Call) -> Any:
    """Propose a plan for an operator to decide on."""
    draft = from_json(call.body.draft)
    return await call.change(proposals.propose, call.path("id"), call.body.epoch, draft)


async def permission(call: Call) -> None:
    """Say what an agent asks leave for, and how that was ruled or that a person must."""
    asked = call.body.model_dump(exclude={"epoch"})
    await call.write(permissions.report, call.path("id"), call.body.epoch, asked)


async def questions(call: Call) -> Any:
    """What its agents asked people, and the answers."""
    return await call.read(permissions.questions, call.path("id"))


async def chunk(call: Call) -> None:
    """Text of the agent for those who watch; none of it is written to the database."""
    run, body = call.path("id"), call.body
    channel = await _channel(call, run)
    await call.studio.store.say(channel, "run.chunk", run_id=run, worker=body.worker, text=body.text)


async def chunks(call: Call) -> Any:
    """The end of what the agent said, as far as it is remembered."""
    await call.read(lambda tx: tx.get(t.runs, call.path("id")))
    return {"text": call.studio.chunks.tail(call.path("id"))}


def _spent(call: Call) -> dict[str, Any]:
    """A member's report is at the cost of a session of theirs, whichever it names."""
    member = call.caller.role(call.project) is Role.MEMBER
    return {**call.body.spent, "only_of": call.caller.user if member else ""}


async def _channel(call: Call, run: str) -> str:
    """The channel of the team that holds the run; a run that nobody holds says nothing. Raises `Conflict`."""

    def find(tx: Transaction) -> str:
        session = tx.find(t.sessions, tx.get(t.runs, run)["session_id"] or "")
        if session is None or session["team_id"] is None:
            raise Conflict("nobody holds this run", "")
        return channels.team(tx.get(t.teams, session["team_id"])["name"])

    return await call.read(find)


async def find(call: Call) -> Any:
    """Runs, with what came of them."""
    query = sa.select(t.runs)
    for name in ("project_id", "plan_id", "task_id", "session_id"):
        if value := call.query(name):
            query = query.where(t.runs.c[name] == value)
    if team := call.query("team_id"):
        query = query.where(runs.of_team(team))
    if ending := call.query("ends"):
        query = query.where(t.runs.c.id.endswith(ending, autoescape=True))
    return await call.rows(query, t.runs)


async def show(call: Call) -> Any:
    """One run."""
    return await call.read(lambda tx: tx.get(t.runs, call.path("id")))


QUERY = ("project_id", "plan_id", "task_id", "session_id", "team_id", "ends")
ROUTES = [
    Rest("GET", "cli-runs", find, Action.READ, listing=True, query=QUERY, paged=True),
    Rest("GET", "cli-runs/{id}", show, Action.READ, t.runs),
    Rest("POST", "cli-runs/{id}/chunks", chunk, Action.WORK, t.runs, bodies.Chunk, soft=True),
    Rest("GET", "cli-runs/{id}/chunks", chunks, Action.READ, t.runs),
    Rest("POST", "cli-runs/{id}/complete", complete, Action.WORK, t.runs, bodies.Complete),
    Rest("POST", "cli-runs/{id}/fail", fail, Action.WORK, t.runs, bodies.Fail),
    Rest("POST", "cli-runs/{id}/spent", spent, Action.WORK, t.runs, bodies.Spent),
    Rest("POST", "cli-runs/{id}/pause", pause, Action.WORK, t.runs, bodies.Pause),
    Rest("POST", "cli-runs/{id}/resume", resume, Action.WORK, t.runs, bodies.Epoch),
    Rest("POST", "cli-runs/{id}/interrupt", interrupt, Action.WORK, t.runs, bodies.Epoch),
    Rest("POST", "cli-runs/{id}/permission", permission, Action.WORK, t.runs, bodies.Permission),
    Rest("GET", "cli-runs/{id}/permissions", questions, Action.READ, t.runs),
    Rest("POST", "cli-runs/{id}/subtask", subtask, Action.WORK, t.runs, bodies.NewSubtask, status=201),
    Rest("POST", "cli-runs/{id}/blocker", blocker, Action.WORK, t.runs, bodies.NewBlocker, status=201),
    Rest("POST", "cli-runs/{id}/decision", decision, Action.WORK, t.runs, bodies.NewQuestion, status=201),
    Rest(
        "POST", "cli-runs/{id}/plan-proposal", propose_plan, Action.WORK, t.runs, bodies.Proposal, status=201
    ),
]
