"""The page of one project: what waits for a person, who works, on what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from maestro_ray.model import plan as plan_machine
from maestro_ray.model import run as run_machine
from maestro_ray.model import task as task_machine
from maestro_ray.studio import schema as t
from maestro_ray.studio.page import cards, frame
from maestro_ray.studio.page.view import Ask, Part, View
from maestro_ray.studio.store import Transaction

SHOWN_PLANS = 50
_ORDER = {"active": 0, "paused": 1, "draft": 2}


def _frame(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    return frame.of_project(tx, ask.project)


def _cards(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    return cards.still_open(tx, ask, t.decisions.c.project_id == ask.project)


def _teams(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    """`teams`: those that live, each with its `members` and how many of them are at `work`; `past`: the last ended."""
    here = sa.select(t.teams).where(t.teams.c.project_id == ask.project)
    live = tx.all(here.where(t.teams.c.status == "active").order_by(t.teams.c.id.desc()).limit(50))
    past = tx.all(here.where(t.teams.c.status != "active").order_by(t.teams.c.id.desc()).limit(5))
    members = sa.select(t.sessions).where(
        t.sessions.c.team_id.in_([team["id"] for team in live]), t.sessions.c.status != "ended"
    )
    by_team: dict[str, list[Any]] = {team["id"]: [] for team in live}
    for session in tx.all(members.order_by(t.sessions.c.role, t.sessions.c.name)):
        by_team[session["team_id"]].append(session)
    busy = sa.select(t.runs.c.session_id).where(t.runs.c.state.in_(run_machine.HELD))
    working = {row["session_id"] for row in tx.all(busy)}
    teams = [
        {**team, "members": by_team[team["id"]], "work": len(working & {each["id"] for each in by_team[team["id"]]})}
        for team in live
    ]  # fmt: skip
    return {"teams": teams, "past": past}


def _plans(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    """`plans`: those at work first, each with how many of its `total` tasks are `done`; none that was put away."""
    shown = (t.plans.c.project_id == ask.project, t.plans.c.status != plan_machine.Status.ARCHIVED)
    rows = tx.all(sa.select(t.plans).where(*shown).order_by(t.plans.c.id.desc()).limit(SHOWN_PLANS))
    count = (
        sa.select(t.tasks.c.plan_id, t.tasks.c.status, sa.func.count().label("number"))
        .where(t.tasks.c.plan_id.in_([row["id"] for row in rows]))
        .group_by(t.tasks.c.plan_id, t.tasks.c.status)
    )
    done, total = dict.fromkeys((row["id"] for row in rows), 0), dict.fromkeys((row["id"] for row in rows), 0)
    for row in tx.all(count):
        total[row["plan_id"]] += row["number"]
        if task_machine.Status(row["status"]) in task_machine.TERMINAL:
            done[row["plan_id"]] += row["number"]
    plans = [{**row, "done": done[row["id"]], "total": total[row["id"]]} for row in rows]
    return {"plans": sorted(plans, key=lambda plan: _ORDER.get(plan["status"], 3))}


VIEW = View(
    "project",
    "/projects/{id}",
    _frame,
    {
        "cards": Part(_cards, on=("decision.",)),
        "teams": Part(_teams, on=("team.", "session.", "run.")),
        "plans": Part(_plans, on=("plan.", "task.")),
    },
    about=t.projects,
)
