"""Planning: a team that was started with a goal, from the run that drafts a plan to the plan that is carried out.

Its runs are of purpose `plan`, pinned to the team's lead, and have the goal as their note. What they propose is decided
by a person; a plan that is rejected with a reason is drafted again, a few times.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from maestro_ray.errors import Conflict
from maestro_ray.model import plan as plan_machine
from maestro_ray.model.plan_file import from_json
from maestro_ray.model.review import Agreement
from maestro_ray.model.run import LIVE, Purpose
from maestro_ray.studio import plans, proposals, runs
from maestro_ray.studio import schema as t
from maestro_ray.studio.answers import PROPOSALS
from maestro_ray.studio.store import Row, Transaction

# of what is known about a project, the newest come along
FACTS = 50
LONGEST_COUNT = 100


def start(tx: Transaction, project_id: str, goal: str, session_id: str, base: str) -> Row:
    """A run of the lead with this session that drafts a plan for the goal; one that waits or works already is it.

    Raises `Conflict` for a session that leads no team of the project.
    """
    session = tx.get(t.sessions, session_id)
    if session["role"] != "lead" or session["project_id"] != project_id or not session["team_id"]:
        raise Conflict("only the lead of a team plans for it", "")
    if session["status"] == "ended":
        raise Conflict("the session is over", "")
    for row in _runs(tx, session_id):
        if row["state"] in LIVE and row["note"] == goal:
            return row
    values = {"note": goal, "role": "lead", "base": base, "delegated_to": session_id}
    return tx.get(t.runs, runs.queue_for_project(tx, project_id, Purpose.PLAN, **values))


def context(tx: Transaction, row: Row) -> dict[str, Any]:
    """What the agent that drafts a plan should know: its `team`, `knowledge`, and what was `rejected`, and why."""
    return {"team": _crew(tx, row), "knowledge": _knowledge(tx, row), "rejected": _rejected(tx, row)}


def propose(tx: Transaction, row: Row, result: Mapping[str, Any]) -> None:
    """A run that ended with a `draft` proposes it; how often it may be tried and sent back, and how many must approve,
    stand beside it."""
    draft = result.get("draft")
    if draft is None:
        return
    limits: dict[str, Any] = {
        "attempt_cap": _count(result, "attempts", 1),
        "revision_cap": _count(result, "revision_cap", 0),
        "reviewers": _count(result, "reviewers", 1),
        "review_policy": _agreement(result),
    }
    kept = {name: value for name, value in limits.items() if value is not None}
    plan = from_json(draft)
    proposals.put(tx, row, plan, base_branch=row["base"] or plan.base, **kept)


def of_team(tx: Transaction, team_id: str) -> Row:
    """How the planning of a team stands: `{state, reason, plan, decision}`, the last two rows or None.

    `planning`: a run is at it; `proposed`: the card waits; `asked`: another card about a run of it does, because it has
    failed, or its agent wants leave or money; `accepted`: the plan is carried out; `over`: nothing will come of it, for
    that reason.
    """
    tx.get(t.teams, team_id)
    lead = tx.first(sa.select(t.sessions).where(t.sessions.c.team_id == team_id, t.sessions.c.role == "lead"))
    found = _runs(tx, lead["id"]) if lead else []
    drafted = _drafted(tx, found)
    for plan in drafted:
        if plan["status"] not in (plan_machine.Status.DRAFT, plan_machine.Status.CANCELLED):
            return _stands("accepted", plan=plan)
    cards = _cards(tx, t.decisions.c.run_id.in_([row["id"] for row in found]))
    if asked := [card for card in cards if card["status"] == "open"]:
        return _stands("asked", asked[-1]["question"], decision=asked[-1])
    if any(row["state"] in LIVE for row in found):
        return _stands("planning")
    for plan in drafted:
        if plan["status"] == plan_machine.Status.DRAFT:
            about = _cards(tx, t.decisions.c.plan_id == plan["id"])
            return _stands("proposed", plan=plans.view(tx, plan["id"]), decision=about[-1] if about else None)
    return _stands("over", _why_over(found, cards, drafted))


def _stands(state: str, reason: str = "", *, plan: Row | None = None, decision: Row | None = None) -> Row:
    return {"state": state, "reason": reason, "plan": plan, "decision": decision}


def _why_over(found: list[Row], cards: list[Row], drafted: list[Row]) -> str:
    if not found:
        return "nobody was asked for a plan"
    if len(drafted) >= PROPOSALS:
        return f"{len(drafted)} plans were rejected"
    if drafted and drafted[-1]["proposed_by"] == found[-1]["id"]:
        return "the plan was rejected"
    if failed := [card for card in cards if card["kind"] == Purpose.PLAN]:
        return f"no plan was made: {failed[-1]['question']}"
    return found[-1]["reason"] or "no plan was proposed"


def _runs(tx: Transaction, session_id: str) -> list[Row]:
    """The planning runs that were made for this session, oldest first."""
    query = sa.select(t.runs).where(t.runs.c.purpose == Purpose.PLAN, t.runs.c.delegated_to == session_id)
    return tx.all(query.order_by(t.runs.c.id))


def _drafted(tx: Transaction, found: list[Row]) -> list[Row]:
    query = sa.select(t.plans).where(t.plans.c.proposed_by.in_([row["id"] for row in found]))
    return tx.all(query.order_by(t.plans.c.id))


def _cards(tx: Transaction, which: sa.ColumnElement[bool]) -> list[Row]:
    return tx.all(sa.select(t.decisions).where(which).order_by(t.decisions.c.id))


def _crew(tx: Transaction, row: Row) -> list[dict[str, Any]]:
    """`{role, skills}` of each worker in the team of the run's session."""
    session = tx.find(t.sessions, row["session_id"] or "")
    if session is None or not session["team_id"]:
        return []
    workers = sa.select(t.sessions).where(
        t.sessions.c.team_id == session["team_id"],
        t.sessions.c.role == "worker",
        t.sessions.c.status != "ended",
    )
    return [{"role": each["worker_role"], "skills": each["skills"]} for each in tx.all(workers)]


def _knowledge(tx: Transaction, row: Row) -> list[dict[str, Any]]:
    query = sa.select(t.knowledge).where(t.knowledge.c.project_id == row["project_id"])
    newest = tx.all(query.order_by(t.knowledge.c.updated_at.desc(), t.knowledge.c.id.desc()).limit(FACTS))
    return [{name: each[name] for name in ("kind", "title", "body", "path")} for each in newest]


def _rejected(tx: Transaction, row: Row) -> list[dict[str, Any]]:
    """`{title, tasks, reason}` of each plan that was proposed for this goal before and not wanted."""
    if not row["delegated_to"]:
        return []
    found = []
    for plan in _drafted(tx, _runs(tx, row["delegated_to"])):
        titles = (
            sa.select(t.tasks.c.title).where(t.tasks.c.plan_id == plan["id"]).order_by(t.tasks.c.position)
        )
        cards = _cards(tx, t.decisions.c.plan_id == plan["id"])
        tasks = [task["title"] for task in tx.all(titles)]
        found.append({"title": plan["title"], "tasks": tasks, "reason": cards[0]["reason"] if cards else ""})
    return found


def _agreement(result: Mapping[str, Any]) -> str | None:
    value = result.get("review_policy")
    return value if value in list(Agreement) else None


def _count(result: Mapping[str, Any], name: str, least: int) -> int | None:
    value = result.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return min(max(value, least), LONGEST_COUNT)
