"""Runs that wait, with what dispatch must know of their plans and tasks."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from maestro_ray.model import dispatch as decide
from maestro_ray.model import plan as plan_machine
from maestro_ray.model import run as run_machine
from maestro_ray.model.run import LEAD_PURPOSES, Purpose
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row, Transaction

_OF_PLAN = (
    t.plans.c.team_id,
    t.plans.c.workspace,
    t.plans.c.served_at,
    t.teams.c.status.label("team_status"),
)
_OF_TASK = tuple(
    t.tasks.c[name]
    for name in (
        "skill", "required_proficiency", "priority", "level", "position", "assignee", "accepted_by",
    )
)  # fmt: skip
_OF_RUN = tuple(
    t.runs.c[name]
    for name in (
        "id", "project_id", "plan_id", "task_id", "purpose", "state", "session_id", "resume_at", "delegated_to",
        "passed_over", "created_at", "commit",
    )
)  # fmt: skip
_ROLE = sa.func.coalesce(t.tasks.c.role, sa.func.nullif(t.runs.c.role, ""), "dev").label("role")

# a paused plan starts nothing; the clean-up is all that is left of one that is over
_MAY_START = sa.or_(
    t.runs.c.plan_id.is_(None),
    t.plans.c.status == plan_machine.Status.ACTIVE,
    t.runs.c.purpose == Purpose.RELEASE_CLEANUP,
)

_RUNS = (
    sa.select(*_OF_RUN, *_OF_PLAN, *_OF_TASK, _ROLE)
    .select_from(t.runs)
    .outerjoin(t.plans, t.runs.c.plan_id == t.plans.c.id)
    .outerjoin(t.teams, t.plans.c.team_id == t.teams.c.id)
    .outerjoin(t.tasks, t.runs.c.task_id == t.tasks.c.id)
)

_THESE: sa.BindParameter[Any] = sa.bindparam("these", expanding=True)
_DONE_BY = (
    sa.select(t.runs.c.task_id, t.sessions.c.user_id)
    .join(t.sessions, t.runs.c.session_id == t.sessions.c.id)
    .where(
        t.runs.c.task_id.in_(_THESE),
        t.runs.c.purpose == Purpose.EXECUTE,
        t.runs.c.state == run_machine.State.SUCCEEDED,
    )
    .distinct()
)


_JUDGED_BY = (
    sa.select(t.verdicts.c.task_id, t.verdicts.c.commit, t.runs.c.session_id)
    .join(t.runs, t.verdicts.c.run_id == t.runs.c.id)
    .where(t.verdicts.c.task_id.in_(_THESE), t.runs.c.session_id.is_not(None))
)


def waiting(tx: Transaction, projects: Collection[str], roles: Collection[str]) -> list[Row]:
    """Queued runs that may start, of these projects and for sessions of these roles, oldest first."""
    of_roles = [t.runs.c.purpose.in_(_purposes(roles)), sa.and_(_by_role(), _ROLE.in_(roles))]
    query = _RUNS.where(
        t.runs.c.state == run_machine.State.QUEUED,
        t.runs.c.project_id.in_(projects),
        _MAY_START,
        sa.or_(*of_roles),
    )
    return _with_doers(tx, tx.all(query.order_by(t.runs.c.id)))


def _with_doers(tx: Transaction, rows: list[Row]) -> list[Row]:
    """The reviews among them with `done_by`, the users whose sessions did the work of the task, and `judged_by`, the
    sessions whose verdict on the commit is there."""
    judged = sorted({row["task_id"] for row in rows if row["purpose"] == Purpose.REVIEW})
    if not judged:
        return rows
    found: dict[str, set[str]] = {}
    for row in tx.all(_DONE_BY, these=judged):
        found.setdefault(row["task_id"], set()).add(row["user_id"])
    judges: dict[tuple[str, str], set[str]] = {}
    for row in tx.all(_JUDGED_BY, these=judged):
        judges.setdefault((row["task_id"], row["commit"]), set()).add(row["session_id"])
    return [
        {
            **row,
            "done_by": found.get(row["task_id"], ()),
            "judged_by": judges.get((row["task_id"], row["commit"]), ()),
        }
        if row["purpose"] == Purpose.REVIEW
        else row
        for row in rows
    ]


def _purposes(roles: Collection[str]) -> list[Purpose]:
    """Those that only a session of one of these roles does."""
    return [purpose for purpose in Purpose if not _asks(purpose) and decide.role_for(purpose) in roles]


def _by_role() -> sa.ColumnElement[bool]:
    return t.runs.c.purpose.in_([purpose for purpose in Purpose if _asks(purpose)])


def _asks(purpose: Purpose) -> bool:
    """Whether the task, and not the purpose, says which role does it."""
    return purpose not in LEAD_PURPOSES and decide.role_for(purpose, "") == ""


def find(tx: Transaction, run_id: str) -> decide.Waiting:
    """A run as dispatch would see it if it waited."""
    (row,) = _with_doers(tx, tx.all(_RUNS.where(t.runs.c.id == run_id)))
    return as_waiting(row)


def work_of(tx: Transaction, task_id: str) -> decide.Waiting:
    """The work a task would be, before there is a run of it."""
    query = (
        sa.select(*_OF_PLAN, *_OF_TASK, t.plans.c.project_id, t.tasks.c.plan_id, t.tasks.c.role)
        .select_from(t.tasks)
        .join(t.plans, t.tasks.c.plan_id == t.plans.c.id)
        .outerjoin(t.teams, t.plans.c.team_id == t.teams.c.id)
    )
    (row,) = tx.all(query.where(t.tasks.c.id == task_id))
    no_run: dict[str, Any] = dict.fromkeys(("id", "delegated_to", "passed_over"), "")
    no_run |= {"purpose": Purpose.EXECUTE, "resume_at": None, "created_at": tx.now}
    return as_waiting({**row, **no_run})


def as_waiting(row: Row) -> decide.Waiting:
    purpose = Purpose(row["purpose"])
    work = purpose is Purpose.EXECUTE
    return decide.Waiting(
        row["id"],
        row["project_id"],
        purpose,
        decide.role_for(purpose, row["role"]),
        plan=row["plan_id"] or "",
        # a plan whose team is over waits for one that serves all
        team=row["team_id"] if row["team_status"] == "active" else "",
        workspace=row["workspace"] or "",
        skill=(row["skill"] or "") if work else "",
        proficiency=(row["required_proficiency"] or 0) if work else 0,
        order=(-(row["priority"] or 0), row["level"] or 0, row["position"] or 0, row["created_at"]),
        session=_pinned(row, work=work),
        passed_over=row["passed_over"],
        since=row["created_at"],
        not_before=row["resume_at"] or 0.0,
        done_by=frozenset(row.get("done_by", ())),
        judged_by=frozenset(row.get("judged_by", ())),
    )


def _pinned(row: Row, *, work: bool) -> str | None:
    """The work of a task is its assignee's; whoever tests, reviews and merges it is another."""
    if work and row["assignee"]:
        return str(row["accepted_by"])
    return row["delegated_to"] or None
