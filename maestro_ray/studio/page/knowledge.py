"""The page of what is known about a project: what was found in it, what reviewers sent back, who can do what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from maestro_ray.model.run import Purpose
from maestro_ray.studio import runs
from maestro_ray.studio import schema as t
from maestro_ray.studio.page import frame
from maestro_ray.studio.page.view import Ask, Part, View
from maestro_ray.studio.store import Transaction

SHOWN = 20
MOST = 500


def _frame(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    return frame.of_project(tx, ask.project, "Knowledge")


def _found(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    """`found`: what analyses of the repository say, by kind; `under_way`: whether one runs or waits."""
    query = sa.select(t.knowledge).where(t.knowledge.c.project_id == ask.project)
    analyses = (t.runs.c.project_id == ask.project, t.runs.c.purpose == Purpose.REPO_ANALYSIS)
    under_way = bool(runs.live(tx, *analyses))
    return {
        "found": tx.all(query.order_by(t.knowledge.c.kind, t.knowledge.c.id).limit(MOST)),
        "under_way": under_way,
    }


def _lessons(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    """`lessons`: why reviewers rejected work here, newest first."""
    query = (
        sa.select(t.verdicts, t.tasks.c.title)
        .join(t.tasks, t.verdicts.c.task_id == t.tasks.c.id)
        .join(t.plans, t.tasks.c.plan_id == t.plans.c.id)
        .where(t.plans.c.project_id == ask.project, t.verdicts.c.verdict == "REJECTED")
    )
    return {"lessons": tx.all(query.order_by(t.verdicts.c.id.desc()).limit(SHOWN))}


def _skills(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    """`skills`: what the sessions that are here can do, each with the best `level` and `names` of who can."""
    here = sa.select(t.sessions).where(
        t.sessions.c.project_id == ask.project, t.sessions.c.status == "connected"
    )
    found: dict[str, list[tuple[int, str]]] = {}
    for session in tx.all(here.order_by(t.sessions.c.name)):
        for skill, level in session["skills"].items():
            found.setdefault(skill, []).append((level, session["name"]))
    skills = [
        (skill, max(level for level, _ in who), [name for _, name in who]) for skill, who in found.items()
    ]
    return {"skills": sorted(skills)}


VIEW = View(
    "knowledge",
    "/projects/{id}/knowledge",
    _frame,
    {
        "found": Part(_found, on=("run.updated", "context_file.")),
        "lessons": Part(_lessons, on=("verdict.",)),
        "skills": Part(_skills, on=("session.",)),
    },
    about=t.projects,
)
