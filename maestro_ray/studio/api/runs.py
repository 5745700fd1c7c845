"""What sessions report about their runs. Every report is idempotent by its Idempotency-Key."""

from __future__ import annotations

from typing import Any

from maestro_ray.model.access import Action
from maestro_ray.studio import bodies, reports
from maestro_ray.studio import schema as t
from maestro_ray.studio.api.call import Call, Rest


async def complete(call: Call) -> None:
    """Report that a run succeeded."""
    await call.change(reports.complete, call.path("id"), call.body.epoch, call.body.result)


async def fail(call: Call) -> None:
    """Report that a run failed."""
    body: bodies.Fail = call.body
    await call.change(
        reports.fail, call.path("id"), body.epoch, body.reason, retryable=body.retryable, hold=body.hold
    )


async def pause(call: Call) -> None:
    """Report that a run waits."""
    await call.change(reports.pause, call.path("id"), call.body.epoch, call.body.resume_at)


async def resume(call: Call) -> None:
    """Report that a run goes on."""
    await call.change(reports.resume, call.path("id"), call.body.epoch)


async def interrupt(call: Call) -> None:
    """Report that a run was cut; it is queued again."""
    await call.change(reports.interrupt, call.path("id"), call.body.epoch)


async def show(call: Call) -> Any:
    """One run."""
    return await call.read(lambda tx: tx.get(t.runs, call.path("id")))


ROUTES = [
    Rest("GET", "cli-runs/{id}", show, Action.READ, t.runs),
    Rest("POST", "cli-runs/{id}/complete", complete, Action.WORK, t.runs, bodies.Complete),
    Rest("POST", "cli-runs/{id}/fail", fail, Action.WORK, t.runs, bodies.Fail),
    Rest("POST", "cli-runs/{id}/pause", pause, Action.WORK, t.runs, bodies.Pause),
    Rest("POST", "cli-runs/{id}/resume", resume, Action.WORK, t.runs, bodies.Epoch),
    Rest("POST", "cli-runs/{id}/interrupt", interrupt, Action.WORK, t.runs, bodies.Epoch),
]
