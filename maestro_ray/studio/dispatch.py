"""Dispatch: after every change, start what has become possible and hand waiting runs to idle sessions."""

from __future__ import annotations

import graphlib

import sqlalchemy as sa

from maestro_ray.model import dispatch as decide
from maestro_ray.model import plan as plan_machine
from maestro_ray.model import run as run_machine
from maestro_ray.model import task as task_machine
from maestro_ray.model.run import Purpose
from maestro_ray.studio import channels, loop, runs
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row, Transaction


def settle(tx: Transaction) -> None:
    """Bring everything forward that can go forward now. Doing it twice changes nothing more."""
    for plan in tx.all(sa.select(t.plans).where(t.plans.c.status == plan_machine.Status.ACTIVE)):
        _forward(tx, plan)
    _go_on_untested(tx)
    _assign(tx)


def _forward(tx: Transaction, plan: Row) -> None:
    tasks = tx.all(sa.select(t.tasks).where(t.tasks.c.plan_id == plan["id"]).order_by(t.tasks.c.position))
    states = [task_machine.Status(task["status"]) for task in tasks]
    purpose = plan_machine.next_step(loop.as_plan(plan), states)
    if purpose and not runs.live(tx, t.runs.c.plan_id == plan["id"], t.runs.c.purpose == purpose):
        runs.queue(tx, plan["id"], purpose)
    if plan["epic_start"]:
        by_id = {task["id"]: task for task in tasks}
        for task in tasks:
            _start_if_ready(tx, task, by_id)


def _start_if_ready(tx: Transaction, task: Row, by_id: dict[str, Row]) -> None:
    if task["status"] != task_machine.Status.DRAFT:
        return
    needed = [by_id[identifier] for identifier in task["depends_on_task_ids"]]
    for dependency in needed:
        if dependency["status"] == task_machine.Status.CANCELLED:
            loop.task_event(tx, task["id"], task_machine.Blocked(dependency["title"]))
            return
    if any(dependency["status"] not in task_machine.DONE for dependency in needed):
        return
    event, start = task_machine.next_step(loop.as_task(task), loop.policy(tx, task["plan_id"]))
    loop.task_event(tx, task["id"], event)
    loop.start_task_run(tx, tx.get(t.tasks, task["id"]), start)


def _go_on_untested(tx: Transaction) -> None:
    """Test runs that wait for a tester who has left are not waited for."""
    waiting = (
        sa.select(t.runs.c.task_id, t.runs.c.plan_id, t.runs.c.commit)
        .join(t.plans)
        .where(
            t.runs.c.state == run_machine.State.QUEUED,
            t.runs.c.purpose == Purpose.TEST,
            t.plans.c.status == plan_machine.Status.ACTIVE,
        )
    )
    rows = tx.all(waiting)
    untested = {plan for plan in {row["plan_id"] for row in rows} if not loop.policy(tx, plan).tester}
    for row in rows:
        if row["plan_id"] in untested:
            loop.task_event(tx, row["task_id"], task_machine.Untested(row["commit"]))


def _assign(tx: Transaction) -> None:
    waiting = tx.all(_QUEUED)
    if not waiting:
        return
    seats = _idle_seats(tx)
    by_id = {row["id"]: row for row in waiting}
    levels = _levels(tx, {row["plan_id"] for row in waiting})
    for run_id, session_id in decide.assign([_waiting(row, levels) for row in waiting], seats):
        _hand_over(tx, tx.get(t.runs, run_id), session_id, by_id[run_id])


_QUEUED = (
    sa.select(
        t.runs,
        t.plans.c.project_id,
        t.plans.c.team_id,
        t.plans.c.workspace,
        t.teams.c.status.label("team_status"),
        t.tasks.c.role,
        t.tasks.c.skill,
        t.tasks.c.required_proficiency,
        t.tasks.c.priority,
        t.tasks.c.position,
    )
    .join(t.plans, t.runs.c.plan_id == t.plans.c.id)
    .outerjoin(t.teams, t.plans.c.team_id == t.teams.c.id)
    .outerjoin(t.tasks, t.runs.c.task_id == t.tasks.c.id)
    .where(
        t.runs.c.state == run_machine.State.QUEUED,
        # a paused plan starts nothing; the clean-up is all that is left of one that is over
        sa.or_(t.plans.c.status == plan_machine.Status.ACTIVE, t.runs.c.purpose == Purpose.RELEASE_CLEANUP),
    )
    .order_by(t.runs.c.id)
)


def _waiting(row: Row, levels: dict[str, int]) -> decide.Waiting:
    purpose = Purpose(row["purpose"])
    work = purpose is Purpose.EXECUTE
    return decide.Waiting(
        row["id"],
        row["project_id"],
        purpose,
        decide.role_for(purpose, row["role"] or "dev"),
        # a plan whose team is over waits for one that serves all
        team=row["team_id"] if row["team_status"] == "active" else "",
        workspace=row["workspace"],
        skill=(row["skill"] or "") if work else "",
        proficiency=(row["required_proficiency"] or 0) if work else 0,
        order=(
            -(row["priority"] or 0),
            levels.get(row["task_id"] or "", 0),
            row["position"] or 0,
            row["created_at"],
        ),
    )


def _hand_over(tx: Transaction, row: Row, session_id: str, waiting: Row) -> None:
    runs.step(tx, row, run_machine.Dispatched(session_id))
    session = tx.get(t.sessions, session_id)
    team = tx.get(t.teams, session["team_id"])
    if row["purpose"] == Purpose.BOOTSTRAP_EPIC:
        # from here on the plan's branches exist in this repository and in no other
        tx.update(
            t.plans, row["plan_id"], workspace=team["workspace"], team_id=waiting["team_id"] or team["id"]
        )
    run = {"id": row["id"], "purpose": row["purpose"], "session_id": session_id, "task_id": row["task_id"]}
    tx.publish(channels.team(team["name"]), "run.dispatched", run=run)


def _idle_seats(tx: Transaction) -> list[decide.Seat]:
    busy = sa.select(t.runs.c.session_id).where(
        t.runs.c.state.in_(run_machine.HELD), t.runs.c.session_id.is_not(None)
    )
    query = (
        sa.select(t.sessions, t.teams.c.workspace, t.teams.c.serves_all)
        .join(t.teams, t.sessions.c.team_id == t.teams.c.id)
        .where(
            t.sessions.c.status == "connected",
            t.sessions.c.lease_until > tx.now,
            t.teams.c.status == "active",
            t.sessions.c.id.not_in(busy),
        )
        .order_by(t.sessions.c.created_at, t.sessions.c.name)
    )
    return [
        decide.Seat(
            row["id"],
            row["project_id"],
            row["team_id"],
            row["workspace"],
            "lead" if row["role"] == "lead" else row["worker_role"],
            row["skills"],
            bool(row["serves_all"]),
        )
        for row in tx.all(query)
    ]


def _levels(tx: Transaction, plan_ids: set[str]) -> dict[str, int]:
    """How deep each task stands in its plan's dependencies: 0 when it needs no other."""
    query = sa.select(t.tasks.c.id, t.tasks.c.depends_on_task_ids).where(t.tasks.c.plan_id.in_(plan_ids))
    needs = {row["id"]: row["depends_on_task_ids"] for row in tx.all(query)}
    levels: dict[str, int] = {}
    for task in graphlib.TopologicalSorter(needs).static_order():
        levels[task] = 1 + max((levels[other] for other in needs[task]), default=-1)
    return levels
