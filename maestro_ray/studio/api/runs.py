"""What sessions report about their runs. Every report is idempotent by its Idempotency-Key."""

from __future__ import annotations

from typing import Any

from maestro_ray.model.access import Action
from maestro_ray.model.plan_file import from_json
from maestro_ray.studio import bodies, proposals, reports, subtasks
from maestro_ray.studio import schema as t
from maestro_ray.studio.api.call import Call, Rest


async def complete(call: Call) -> Any:
    body: bodies.Complete = call.body
    await call.change(reports.complete, call.path("id"), body.epoch, body.result, body.spent)


async def fail(call: Call) -> Any:
    body: bodies.Fail = call.body
    how: dict[str, Any] = {"retryable": body.retryable, "hold": body.hold, "spent": body.spent}
    await call.change(reports.fail, call.path("id"), body.epoch, body.reason, **how)


async def pause(call: Call) -> Any:
    body: bodies.Pause = call.body
    await call.change(reports.pause, call.path("id"), body.epoch, body.resume_at, body.pool, body.spent)


async def resume(call: Call) -> Any:
    await call.change(reports.resume, call.path("id"), call.body.epoch)


async def interrupt(call: Call) -> Any:
    await call.change(reports.interrupt, call.path("id"), call.body.epoch)


async def subtask(call: Call) -> Any:
    body: bodies.NewSubtask = call.body
    values = body.model_dump(exclude={"epoch", "after_parent"}, exclude_none=True)
    return await call.change(
        subtasks.add, call.path("id"), body.epoch, values, after_parent=body.after_parent
    )


async def propose_plan(call: Call) -> Any:
    draft = from_json(call.body.draft)
    return await call.change(proposals.propose, call.path("id"), call.body.epoch, draft)


async def show(call: Call) -> Any:
    return await call.read(lambda tx: tx.get(t.runs, call.path("id")))


ROUTES = [
    Rest("GET", "cli-runs/{id}", show, Action.READ, t.runs),
    Rest("POST", "cli-runs/{id}/complete", complete, Action.WORK, t.runs, bodies.Complete),
    Rest("POST", "cli-runs/{id}/fail", fail, Action.WORK, t.runs, bodies.Fail),
    Rest("POST", "cli-runs/{id}/pause", pause, Action.WORK, t.runs, bodies.Pause),
    Rest("POST", "cli-runs/{id}/resume", resume, Action.WORK, t.runs, bodies.Epoch),
    Rest("POST", "cli-runs/{id}/interrupt", interrupt, Action.WORK, t.runs, bodies.Epoch),
    Rest("POST", "cli-runs/{id}/subtask", subtask, Action.WORK, t.runs, bodies.NewSubtask, status=201),
    Rest(
        "POST", "cli-runs/{id}/plan-proposal", propose_plan, Action.WORK, t.runs, bodies.Proposal, status=201
    ),
]
