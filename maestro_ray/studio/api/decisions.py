"""Decision cards, and the log of who did what."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from maestro_ray.model.access import Action
from maestro_ray.studio import audit, budget, permissions, runs, unasked
from maestro_ray.studio import schema as t
from maestro_ray.studio.api.call import Call, Rest
from maestro_ray.studio.api.shapes import bodies
from maestro_ray.studio.store import Row, Transaction

ANY = "any"


async def find(call: Call) -> Any:
    """Decision cards: the open ones, or those of another status."""
    query = sa.select(t.decisions)
    if (status := call.query("status") or "open") != ANY:
        query = query.where(t.decisions.c.status == status)
    if project := call.query("project_id"):
        query = query.where(t.decisions.c.project_id == project)
    if team := call.query("team_id"):
        of_runs = sa.select(t.runs.c.id).where(runs.of_team(team))
        of_plans = t.decisions.c.plan_id.in_(runs.plans_of_team(team))
        query = query.where(sa.or_(of_plans, t.decisions.c.run_id.in_(of_runs)))
    return await call.rows(query, t.decisions)


async def answer(call: Call) -> Any:
    """Answer a decision card."""
    body: bodies.Answer = call.body

    def give(tx: Transaction) -> Row:
        if tx.get(t.decisions, call.path("id"))["kind"] == unasked.PERMISSION:
            return permissions.answer(tx, call.path("id"), body.answer, body.reason, call.caller.user)
        card = budget.answer(tx, call.path("id"), body.answer, body.reason)
        if card["kind"] == "budget":
            said = {"answer": card["answer"], "question": card["question"]}
            audit.note(tx, call.caller, Action.DECIDE, call.project, f"budget/{card['id']}", **said)
        return card

    return await call.change(give)


async def read_audit(call: Call) -> Any:
    """Who asked for what, and when."""
    query = sa.select(t.audit)
    if project := call.query("project_id"):
        query = query.where(t.audit.c.project_id == project)
    if action := call.query("action"):
        query = query.where(t.audit.c.action == action)
    return await call.rows(query, t.audit)


QUERY = ("project_id", "team_id", "status")
ROUTES = [
    Rest("GET", "decisions", find, Action.READ, listing=True, query=QUERY, paged=True),
    Rest("POST", "decisions/{id}/answer", answer, Action.DECIDE, t.decisions, bodies.Answer),
    Rest("GET", "audit", read_audit, Action.MANAGE, query=("project_id", "action"), paged=True),
]
