"""Plans: drafted, started, paused, cancelled, looked at."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from maestro_ray.errors import NotFound
from maestro_ray.model.access import Action
from maestro_ray.model.plan_file import from_json
from maestro_ray.studio import plans
from maestro_ray.studio import schema as t
from maestro_ray.studio.api.call import Call, Rest
from maestro_ray.studio.api.shapes import bodies
from maestro_ray.studio.store import Row, Transaction


async def create(call: Call) -> Any:
    """Draft a plan."""
    body: bodies.NewPlan = call.body
    draft = from_json(body.draft)

    def write(tx: Transaction) -> Row:
        values: dict[str, Any] = {"team_id": body.team_id, "workspace": body.workspace}
        if body.base_branch:
            values["base_branch"] = body.base_branch
        caps: dict[str, Any] = {"attempt_cap": body.attempts, "revision_cap": body.revision_cap}
        caps |= {"reviewers": body.reviewers, "review_policy": body.review_policy}
        return plans.create(tx, body.project_id, draft, **values, **caps)

    # of a draft nothing begins
    return await call.write(write)


async def find(call: Call) -> Any:
    """Plans."""
    query = sa.select(t.plans)
    for name in ("project_id", "status", "team_id"):
        if value := call.query(name):
            query = query.where(t.plans.c[name] == value)
    return await call.rows(query, t.plans)


async def show(call: Call) -> Any:
    """One plan with its tasks, runs, verdicts and open cards."""
    return await call.read(plans.view, call.path("id"))


async def act(call: Call) -> Any:
    """Activate, pause, resume or cancel a plan, or archive a completed one."""
    word = call.path("word")
    if word not in plans.EVENTS:
        raise NotFound("action on a plan", word, f"one of {', '.join(plans.EVENTS)}")

    def write(tx: Transaction) -> Row:
        call.unchanged(plans.view(tx, call.path("id")))
        return plans.act(tx, call.path("id"), word)

    return await call.change(write)


CREATE = Rest("POST", "plans", create, Action.PLAN, "body", bodies.NewPlan, status=201)
ACT = Rest("POST", "plans/{id}/{word}", act, Action.PLAN, t.plans, guarded=True)

ROUTES = [
    CREATE,
    Rest(
        "GET", "plans", find, Action.READ, listing=True, query=("project_id", "status", "team_id"), paged=True
    ),
    Rest("GET", "plans/{id}", show, Action.READ, t.plans, tagged=True),
    ACT,
]
