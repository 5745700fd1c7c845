"""What sessions say about their runs: claim, complete, fail, pause, resume, interrupt; never with an old epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from maestro_ray.errors import Conflict
from maestro_ray.model import plan as plan_machine
from maestro_ray.model import run as machine
from maestro_ray.model import task as task_machine
from maestro_ray.model.dispatch import OFFERS_CAP, SIGNED_OUT
from maestro_ray.model.run import Purpose
from maestro_ray.model.verdict import read_verdict
from maestro_ray.studio import analysis, breakers, budget, loop, planning, runs, usage
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row, Transaction
from maestro_ray.studio.usage import NOTHING, Spent

Result = Mapping[str, Any]

# how much of a result is kept in the database; whole output is in the worker's log
LONGEST_TEXT = 64_000
# a reason goes into events, comments and cards as well
LONGEST_REASON = 8_000
# in seconds; a later time is milliseconds, or another mistake
LONGEST_PAUSE = 31 * 86400.0

_UNTOLD = sorted(set(machine.State) - {machine.State.SUCCEEDED})


def claim(tx: Transaction, session_id: str, run_id: str) -> dict[str, Any]:
    """Hand the run to the session it was dispatched to, with a fresh epoch, and all it needs to know.

    A repeated claim by the holder gets the same answer again: the first one's may have been lost.
    """
    row = tx.get(t.runs, run_id)
    held = row["state"] in (machine.State.RUNNING, machine.State.PAUSED)
    if held and row["session_id"] == session_id:
        return assignment(tx, row)
    runs.step(
        tx, row, machine.Claimed(session_id), started_at=tx.now, emitted=0, dispatched_at=None, passed_over=""
    )
    if row["purpose"] == Purpose.EXECUTE:
        loop.task_event(tx, row["task_id"], task_machine.Started())
    return assignment(tx, tx.get(t.runs, run_id))


def assignment(tx: Transaction, row: Row) -> dict[str, Any]:
    """A run as its session gets it."""
    plan = tx.get(t.plans, row["plan_id"]) if row["plan_id"] else analysis.in_place_of_plan(tx, row)
    kept = ("id", "purpose", "state", "epoch", "attempt", "base", "commit", "onto", "note", "session_id")
    answer: dict[str, Any] = {key: row[key] for key in kept}
    answer["plan"] = {
        key: plan[key]
        for key in ("id", "title", "description", "base_branch", "epic_branch", "epic_head", "test", "status")
    }
    answer["task"] = answer["evidence"] = None
    answer["knowledge"] = analysis.digest(tx, row["project_id"])
    answer["budget"] = budget.is_capped(tx, row)
    if row["task_id"]:
        task = tx.get(t.tasks, row["task_id"])
        shown = (
            "id",
            "key",
            "title",
            "description",
            "role",
            "skill",
            "test",
            "branch_name",
            "revision_count",
            "approved",
        )
        answer["task"] = {key: task[key] for key in shown}
        answer["comments"] = _comments(tx, row["task_id"])
        answer["evidence"] = evidence(tx, row["task_id"], row["commit"])
        if row["purpose"] == Purpose.MERGE:
            answer["cut"] = _cut(tx, row)
    elif row["plan_id"]:
        branches = sa.select(t.tasks.c.branch_name).where(
            t.tasks.c.plan_id == plan["id"], t.tasks.c.branch_name != ""
        )
        answer["branches"] = [task["branch_name"] for task in tx.all(branches)]
        answer["merged"] = _merged(tx, plan["id"])
    elif row["purpose"] == Purpose.PLAN:
        answer |= planning.context(tx, row)
    return answer


def evidence(tx: Transaction, task_id: str, commit: str) -> dict[str, Any] | None:
    """What the last test run on this very commit found, or None."""
    query = sa.select(t.runs.c.result).where(
        t.runs.c.task_id == task_id,
        t.runs.c.purpose == Purpose.TEST,
        t.runs.c.commit == commit,
        t.runs.c.state == "succeeded",
    )
    row = tx.first(query.order_by(t.runs.c.id.desc()))
    return row["result"] if row else None


def complete(tx: Transaction, run_id: str, epoch: int, result: Result, spent: Spent = NOTHING) -> None:
    """The run did what it was for; what follows is the loop's decision."""
    row = tx.get(t.runs, run_id)
    kept = {key: value[-LONGEST_TEXT:] if isinstance(value, str) else value for key, value in result.items()}
    runs.step(tx, row, machine.Succeeded(epoch), result=kept, **usage.spend(tx, row, spent))
    _OUTCOMES[Purpose(row["purpose"])](tx, row, result)


def fail(
    tx: Transaction,
    run_id: str,
    epoch: int,
    reason: str,
    *,
    retryable: bool = True,
    hold: bool = False,
    spent: Spent = NOTHING,
) -> None:
    """The run did not do it. A merge that met a conflict says so at the beginning of its reason.

    `hold` asks the operator instead of trying again.
    """
    row, reason = tx.get(t.runs, run_id), reason[:LONGEST_REASON]
    runs.step(tx, row, machine.Failed(epoch), reason=reason, **usage.spend(tx, row, spent))
    purpose = Purpose(row["purpose"])
    if row["task_id"] and purpose is Purpose.MERGE and reason.startswith("MERGE CONFLICT"):
        loop.task_event(tx, row["task_id"], task_machine.Conflicted(row["commit"], reason))
    elif row["task_id"]:
        loop.task_event(tx, row["task_id"], task_machine.RunFailed(purpose, reason, retryable and not hold))
    elif row["plan_id"] is None:
        analysis.failed(tx, row, reason, final=hold or not retryable)
    else:
        _plan_run_failed(tx, row, purpose, reason, final=hold or not retryable)


def signed_out(tx: Transaction, run_id: str, epoch: int, reason: str, *, spent: Spent = NOTHING) -> None:
    """The account of the run's agent was refused. Nobody who shares it is given work until a person says that it works
    again; the first one asks for that, and what the others were doing waits."""
    row = tx.get(t.runs, run_id)
    session = tx.get(t.sessions, row["session_id"]) if row["session_id"] else None
    if session is None or not session["pool"] or row["task_id"] is None:
        fail(tx, run_id, epoch, reason, retryable=False, spent=spent)
        return
    known = breakers.is_out(tx, session["user_id"], session["pool"])
    breakers.trip(tx, session["user_id"], session["pool"], SIGNED_OUT)
    if known:
        interrupt(tx, run_id, epoch, costs=False)
        return
    runs.step(tx, row, machine.Failed(epoch), reason=reason[:LONGEST_REASON], **usage.spend(tx, row, spent))
    loop.task_event(tx, row["task_id"], task_machine.SignedOut(session["pool"], reason[:LONGEST_REASON]))


def pause(
    tx: Transaction,
    run_id: str,
    epoch: int,
    resume_at: float | None,
    pool: str = "",
    *,
    alone: bool = False,
    spent: Spent = NOTHING,
) -> None:
    """The holder waits until `resume_at`, or until it says so itself. A time that has passed is no pause.

    With a `pool`, the run's or else its session's own, every session of the same user and pool rests until then,
    unless it waits `alone`.
    """
    row = tx.get(t.runs, run_id)
    if resume_at is not None and resume_at > tx.now + LONGEST_PAUSE:
        days = int(LONGEST_PAUSE / 86400)
        raise Conflict(f"resume_at is more than {days} days ahead", "it is a time in Unix seconds")
    if pool and resume_at is None:
        raise Conflict("a pause of a pool needs resume_at", "")
    after = runs.step(tx, row, machine.Paused(epoch, resume_at), **usage.spend(tx, row, spent))
    if resume_at is None:
        return
    if resume_at <= tx.now:
        runs.step(tx, {**row, "state": after.state}, machine.Resumed(epoch))
        return
    session = tx.get(t.sessions, row["session_id"])
    if not alone and (pool or session["pool"]):
        breakers.trip(tx, session["user_id"], pool or session["pool"], resume_at)


def resume(tx: Transaction, run_id: str, epoch: int) -> None:
    runs.step(tx, tx.get(t.runs, run_id), machine.Resumed(epoch))


def interrupt(tx: Transaction, run_id: str, epoch: int | None = None, *, costs: bool = True) -> None:
    """The holder is gone; the run waits for another, within the attempt budget when it `costs` an attempt.

    Harmless when the run is over or was handed on. A run that pauses until a time waits for that time, and it has
    cost nothing: it did not fail.
    """
    row = tx.get(t.runs, run_id)
    if machine.State(row["state"]) not in machine.HELD or epoch not in (None, row["epoch"]):
        return
    resting = budget.waits(tx, row) or (row["state"] == machine.State.PAUSED and row["resume_at"] is not None)
    _requeue(tx, row, costs=costs and not resting)


def take_back(tx: Transaction, row: Row) -> None:
    """Nobody claimed the run in time: another may have it, and the same session only if there is no other."""
    tx.update(t.runs, row["id"], passed_over=row["session_id"])
    _requeue(tx, row, costs=False)


def _requeue(tx: Transaction, row: Row, *, costs: bool) -> None:
    runs.step(tx, row, machine.Interrupted(), dispatched_at=None)
    runs.step(tx, tx.get(t.runs, row["id"]), machine.Requeued())
    purpose = Purpose(row["purpose"])
    if row["state"] == machine.State.DISPATCHED and row["emitted"] >= OFFERS_CAP:
        _unclaimed(tx, row, purpose)
    elif row["task_id"]:
        loop.task_event(tx, row["task_id"], task_machine.RunInterrupted(purpose, costs))
    elif costs and row["plan_id"] is None:
        analysis.interrupted(tx, row)
    elif costs:
        _plan_run_interrupted(tx, row, purpose)


def _unclaimed(tx: Transaction, row: Row, purpose: Purpose) -> None:
    """Offered again and again, taken up by nobody: a further offer would be one more turn of a loop."""
    if row["task_id"]:
        loop.task_event(tx, row["task_id"], task_machine.Unclaimed(purpose, row["emitted"]))
        return
    runs.cancel(tx, t.runs.c.id == row["id"])
    reason = f"{purpose} was handed out {row['emitted']} times and nobody took it up"
    if row["plan_id"] is None:
        analysis.ask(tx, row, reason)
    elif purpose is not Purpose.RELEASE_CLEANUP:
        loop.plan_event(tx, row["plan_id"], plan_machine.Held(purpose, reason))


def _plan_run_failed(tx: Transaction, row: Row, purpose: Purpose, reason: str, *, final: bool) -> None:
    gone = _attempts_used_up(tx, row["plan_id"]) or final
    if purpose is Purpose.RELEASE_CLEANUP:
        if not gone:
            runs.queue(tx, row["plan_id"], purpose)
    elif gone:
        loop.plan_event(tx, row["plan_id"], plan_machine.Held(purpose, reason))
    # otherwise dispatch sees that the plan still needs this run and queues it again


def _plan_run_interrupted(tx: Transaction, row: Row, purpose: Purpose) -> None:
    """A run that takes its lead down each time is not tried for ever."""
    if not _attempts_used_up(tx, row["plan_id"]):
        return
    runs.cancel(tx, t.runs.c.id == row["id"])
    if purpose is not Purpose.RELEASE_CLEANUP:
        loop.plan_event(
            tx, row["plan_id"], plan_machine.Held(purpose, f"{purpose} was interrupted again and again")
        )


def _attempts_used_up(tx: Transaction, plan_id: str) -> bool:
    """Count an attempt of the lead's present run; whether it was the last."""
    plan = tx.get(t.plans, plan_id)
    tx.update(t.plans, plan_id, attempts=plan["attempts"] + 1)
    return bool(plan["attempts"] + 1 >= plan["attempt_cap"])


def _work_done(tx: Transaction, row: Row, result: Result) -> None:
    commit = _commit(result, "commit")
    also = {"base_commit": row["onto"]} if row["onto"] else {}
    loop.task_event(tx, row["task_id"], task_machine.WorkDone(commit), **also)


def _tested(tx: Transaction, row: Row, _result: Result) -> None:
    loop.task_event(tx, row["task_id"], task_machine.Tested(row["commit"]))


def _reviewed(tx: Transaction, row: Row, result: Result) -> None:
    verdict = read_verdict(str(result.get("output", "")), row["commit"])
    identifier = tx.insert(
        t.verdicts,
        task_id=row["task_id"],
        run_id=row["id"],
        commit=verdict.commit,
        verdict=verdict.judgement,
        reason=verdict.reason,
        evidence=evidence(tx, row["task_id"], verdict.commit),
    )
    project = loop.project_channel(tx, row["plan_id"])
    shown = {"id": identifier, "task_id": row["task_id"], "commit": verdict.commit}
    tx.publish(
        project, "verdict.given", verdict={**shown, "verdict": verdict.judgement, "reason": verdict.reason}
    )
    loop.task_event(tx, row["task_id"], task_machine.Judged(verdict, row["session_id"] or row["id"]))


def _merged_one(tx: Transaction, row: Row, result: Result) -> None:
    merge = _commit(result, "merge")
    tx.update(t.plans, row["plan_id"], epic_head=merge)
    loop.task_event(tx, row["task_id"], task_machine.Merged(row["commit"], merge))


def _bootstrapped(tx: Transaction, row: Row, result: Result) -> None:
    commit = _commit(result, "commit")
    loop.plan_event(tx, row["plan_id"], plan_machine.EpicReady(commit), epic_head=commit, attempts=0)


def _released(tx: Transaction, row: Row, result: Result) -> None:
    # with nothing merged there is nothing to release
    commit = _commit(result, "commit") if _merged(tx, row["plan_id"]) else ""
    loop.plan_event(tx, row["plan_id"], plan_machine.Released(commit), attempts=0)


def _nothing_more(_tx: Transaction, _row: Row, _result: Result) -> None:
    """What came of it stands in the run's result."""


_OUTCOMES = {
    Purpose.EXECUTE: _work_done,
    Purpose.TEST: _tested,
    Purpose.REVIEW: _reviewed,
    Purpose.MERGE: _merged_one,
    Purpose.BOOTSTRAP_EPIC: _bootstrapped,
    Purpose.RELEASE: _released,
    Purpose.RELEASE_CLEANUP: _nothing_more,
    Purpose.REPO_ANALYSIS: analysis.learn,
    Purpose.PLAN: planning.propose,
}


def _commit(result: Result, name: str) -> str:
    value = str(result.get(name, ""))
    if len(value) not in (40, 64) or not all(c in "0123456789abcdef" for c in value):
        raise Conflict(f"a report of this purpose needs {name!r}, a full commit hash", "")
    return value


def _comments(tx: Transaction, task_id: str) -> list[dict[str, Any]]:
    query = sa.select(t.comments).where(t.comments.c.task_id == task_id).order_by(t.comments.c.id)
    return [{key: row[key] for key in ("author", "body", "created_at")} for row in tx.all(query)]


def _cut(tx: Transaction, row: Row) -> list[str]:
    """Commits whose merge into the same epic was begun with no success told: git may have merged them all the same."""
    begun = sa.select(t.runs.c.commit).where(
        t.runs.c.plan_id == row["plan_id"],
        t.runs.c.state.in_(_UNTOLD),
        t.runs.c.purpose == Purpose.MERGE,
        t.runs.c.started_at.is_not(None),
        t.runs.c.commit != row["commit"],
    )
    return [other["commit"] for other in tx.all(begun.distinct().order_by(t.runs.c.commit))]


def _merged(tx: Transaction, plan_id: str) -> int:
    query = sa.select(sa.func.count()).where(t.tasks.c.plan_id == plan_id, t.tasks.c.merged != "")
    return int(tx.execute(query).scalar_one())
