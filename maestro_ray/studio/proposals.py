"""Plan proposals: a run of purpose `plan` hands in a draft, and a person decides whether it is carried out."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from maestro_ray.errors import Conflict
from maestro_ray.model.plan_file import PlanDraft
from maestro_ray.model.run import Purpose
from maestro_ray.studio import loop, plans
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row, Transaction
from maestro_ray.studio.subtasks import at_work


def propose(tx: Transaction, run_id: str, epoch: int, draft: PlanDraft) -> Row:
    """`{plan_id, decision_id}` of the draft and its card. Raises `Conflict` for a run that may not, or has already."""
    run = at_work(tx, run_id, epoch)
    if run["purpose"] != Purpose.PLAN:
        raise Conflict(f"a run of purpose {run['purpose']} proposes no plan", "")
    return put(tx, run, draft)


def put(tx: Transaction, run: Row, draft: PlanDraft, **values: Any) -> Row:
    """The same for a run that its caller knows; `values` are further columns of the plan."""
    run_id = run["id"]
    of_project = t.plans.c.project_id == run["project_id"]
    if tx.first(sa.select(t.plans.c.id).where(of_project, t.plans.c.proposed_by == run_id)):
        raise Conflict("this run has proposed a plan already", "")
    team = tx.get(t.teams, tx.get(t.sessions, run["session_id"])["team_id"])
    # what a team that works for its own plans proposes, no other may ever take up
    own = {} if team["serves_all"] else {"team_id": team["id"], "workspace": team["workspace"]}
    plan_id = plans.create(tx, run["project_id"], draft, proposed_by=run_id, **own, **values)["id"]
    count = len(draft.tasks)
    question = f"proposed plan {draft.title!r} with {count} task{'s' if count > 1 else ''}: carry it out?"
    about = {"team": team["id"]}
    card = loop.ask(tx, plan_id, "proposal", question, options=(loop.APPROVE, loop.REJECT), about=about)
    return {"plan_id": plan_id, "decision_id": card}
