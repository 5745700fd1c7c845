"""Dispatch: after every change, start what has become possible and hand waiting runs to idle sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from maestro_ray.model import channels, dependency
from maestro_ray.model import dispatch as decide
from maestro_ray.model import plan as plan_machine
from maestro_ray.model import run as run_machine
from maestro_ray.model import task as task_machine
from maestro_ray.model.budget import Refused
from maestro_ray.model.run import Purpose
from maestro_ray.studio import budget, loop, queue, runs, seats
from maestro_ray.studio import schema as t
from maestro_ray.studio.nodes import nodes
from maestro_ray.studio.store import Row, Transaction

# above this many changed rows it is simpler to look at every plan
_MANY = 500

_TESTS = (
    sa.select(t.runs.c.task_id, t.runs.c.plan_id, t.runs.c.commit)
    .join(t.plans)
    .where(
        t.runs.c.state == run_machine.State.QUEUED,
        t.runs.c.purpose == Purpose.TEST,
        t.plans.c.status == plan_machine.Status.ACTIVE,
    )
)


def settle(tx: Transaction) -> None:
    """Bring everything forward that can go forward now. Doing it twice changes nothing more."""
    for plan in tx.all(_ACTIVE):
        _forward(tx, plan)
        _start_drafts(tx, plan)
    _serve(tx)


def follow(tx: Transaction) -> None:
    """The same for what this transaction has changed: most changes concern one plan, and many nothing here."""
    if not tx.written.keys() & {t.plans, t.tasks, t.runs, t.sessions, t.teams}:
        return
    changed, stirred = _changed(tx)
    for plan in changed:
        _forward(tx, plan)
        if plan["id"] in stirred:
            _start_drafts(tx, plan)
    # of a plan that is not active nothing waits that a change of its text could let go
    if changed or tx.written.keys() & {t.runs, t.sessions, t.teams}:
        _serve(tx)


_ACTIVE = sa.select(t.plans).where(t.plans.c.status == plan_machine.Status.ACTIVE)
# put together once: to do it for every change takes longer than to run them
_THESE: sa.BindParameter[Any] = sa.bindparam("these", expanding=True)
_ACTIVE_OF_THESE = _ACTIVE.where(t.plans.c.id.in_(_THESE))
_STATES_OF_TASKS = sa.select(t.tasks.c.plan_id, t.tasks.c.status).where(t.tasks.c.id.in_(_THESE)).distinct()
_PLANS_OF_RUNS = sa.select(t.runs.c.plan_id).where(t.runs.c.id.in_(_THESE)).distinct()


def _changed(tx: Transaction) -> tuple[list[Row], set[str]]:
    """The active plans of which something was changed, and the ids of those whose drafts may start through it."""
    tasks, plans = tx.written.get(t.tasks, set()), tx.written.get(t.plans, set())
    held = tx.written.get(t.runs, set())
    if len(tasks) + len(held) + len(plans) > _MANY:
        every = tx.all(_ACTIVE)
        return every, {plan["id"] for plan in every}
    # a draft starts when it has become one, or when something that it waited for is over
    rows = tx.all(_STATES_OF_TASKS, these=sorted(tasks)) if tasks else []
    stirred = plans | {row["plan_id"] for row in rows if row["status"] in _STIRRING}
    of_runs = tx.all(_PLANS_OF_RUNS, these=sorted(held)) if held else []
    touched = stirred | {row["plan_id"] for row in [*rows, *of_runs]} - {None}
    return tx.all(_ACTIVE_OF_THESE, these=sorted(touched)) if touched else [], stirred


_STIRRING = task_machine.TERMINAL | {task_machine.Status.DRAFT}


def _serve(tx: Transaction) -> None:
    _go_on_untested(tx)
    _assign(tx)


def _forward(tx: Transaction, plan: Row) -> None:
    """Queue the lead's run the plan needs, unless there is one."""
    states = sa.select(t.tasks.c.status).where(t.tasks.c.plan_id == plan["id"]).distinct()
    found = [task_machine.Status(row["status"]) for row in tx.all(states)]
    purpose = plan_machine.next_step(loop.as_plan(plan), found)
    if purpose and not runs.live(tx, t.runs.c.plan_id == plan["id"], t.runs.c.purpose == purpose):
        runs.queue(tx, plan["id"], purpose)


def _start_drafts(tx: Transaction, plan: Row) -> None:
    if not plan["epic_start"]:
        return
    tasks = nodes(tx, plan["id"])
    drafts = [task for task in tasks.values() if task.status is task_machine.Status.DRAFT]
    unmet = dependency.unmet(tasks, drafts) if drafts else {}
    for task in drafts:
        _start_if_ready(tx, task.id, unmet[task.id])


def _start_if_ready(tx: Transaction, task_id: str, unmet: list[dependency.Node]) -> None:
    over = next((other for other in unmet if other.status is task_machine.Status.CANCELLED), None)
    if over is not None:
        loop.task_event(tx, task_id, task_machine.Blocked(over.title))
    elif not unmet:
        _start(tx, tx.get(t.tasks, task_id))


def _start(tx: Transaction, row: Row) -> None:
    task = loop.as_task(row)
    event, start = task_machine.next_step(task, loop.policy(tx, row["plan_id"]))
    if start.purpose is Purpose.EXECUTE and task_machine.waits_for_accept(task):
        return
    loop.task_event(tx, row["id"], event)
    loop.start_task_run(tx, tx.get(t.tasks, row["id"]), start)


def _go_on_untested(tx: Transaction) -> None:
    """Test runs that wait for a tester who has left are not waited for."""
    rows = tx.all(_TESTS)
    untested = {plan for plan in {row["plan_id"] for row in rows} if not loop.policy(tx, plan).tester}
    for row in rows:
        if row["plan_id"] in untested:
            loop.task_event(tx, row["task_id"], task_machine.Untested(row["commit"]))


def _assign(tx: Transaction) -> None:
    free = seats.idle(tx)
    if not free:
        return
    waiting = queue.waiting(tx, {seat.project for seat in free}, {seat.role for seat in free})
    if not waiting:
        return
    left = [queue.as_waiting(row) for row in waiting]
    while left and free:
        moment, shut = seats.moment(tx, waiting), budget.shut(tx, free)
        able = [seat for seat in free if seat.session not in shut]
        pairs = decide.assign(left, able, moment)
        given = {session_id for run_id, session_id in pairs if _try(tx, run_id, session_id)}
        left = [run for run in left if run.run not in dict(pairs)]
        free = [seat for seat in free if seat.session not in given]
        if len(given) == len(pairs):
            _without_means(tx, left, [seat for seat in free if seat.session in shut], shut, moment)
            return


def _without_means(
    tx: Transaction,
    left: Sequence[decide.Waiting],
    poor: Sequence[decide.Seat],
    shut: Mapping[str, Refused],
    moment: decide.Moment,
) -> None:
    """Sessions whose team has nothing left: they go on with what the operator lets finish, and ask for the rest."""
    if not poor:
        return
    freed = budget.freed(tx)
    given = decide.assign([run for run in left if run.run in freed], poor, moment)
    for run_id, session_id in given:
        _try(tx, run_id, session_id)
    busy = {session_id for _, session_id in given}
    idle = [seat for seat in poor if seat.session not in busy]
    for run_id, session_id in decide.assign([run for run in left if run.run not in freed], idle, moment):
        budget.ask_for(tx, run_id, session_id, shut[session_id])


def _try(tx: Transaction, run_id: str, session_id: str) -> bool:
    """Hand it over if what it may use can be reserved."""
    if not budget.hand_out(tx, tx.get(t.runs, run_id), session_id):
        return False
    _hand_over(tx, tx.get(t.runs, run_id), session_id)
    return True


def _hand_over(tx: Transaction, row: Row, session_id: str) -> None:
    runs.step(
        tx,
        row,
        run_machine.Dispatched(session_id),
        emitted=row["emitted"] + 1,
        dispatched_at=tx.now,
        # one that was made for the lead of one team is for nobody else, however often it is cut
        delegated_to=row["delegated_to"] if runs.of_lead(row) else "",
    )
    session = tx.get(t.sessions, session_id)
    team = tx.get(t.teams, session["team_id"])
    if row["plan_id"]:
        first = row["purpose"] == Purpose.BOOTSTRAP_EPIC
        # from here on the plan's branches exist in this repository and in no other
        pinned = {"workspace": team["workspace"], "team_id": team["id"]} if first else {}
        tx.update(t.plans, row["plan_id"], served_at=tx.now, **pinned)
    run = {"id": row["id"], "purpose": row["purpose"], "session_id": session_id, "task_id": row["task_id"]}
    tx.publish(channels.team(team["name"]), "run.dispatched", run=run)
