"""The deterministic loop: events move tasks and plans, and what the machines ask for is carried out here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from maestro_ray.errors import Conflict
from maestro_ray.ids import short, slug
from maestro_ray.model import channels
from maestro_ray.model import plan as plan_machine
from maestro_ray.model import task as task_machine
from maestro_ray.model.raised import QUESTION
from maestro_ray.model.review import Agreement, Vote
from maestro_ray.model.run import Purpose
from maestro_ray.model.task import (
    AnnounceConflict,
    AskDecision,
    CancelRuns,
    Effect,
    Policy,
    PostComment,
    StartRun,
)
from maestro_ray.studio import answers, breakers, judgements, runs
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row, Transaction

RETRY, UNTESTED, ABORT = "retry", "untested", "abort"
APPROVE, REJECT = "approve", "reject"

_PLAN_ANSWERS: Mapping[str, Callable[[], plan_machine.Event]] = {
    RETRY: plan_machine.Retried,
    ABORT: plan_machine.Cancelled,
    APPROVE: plan_machine.Activated,
    REJECT: plan_machine.Cancelled,
}


# what a person may do to a task at any time but one
_BY_HAND = (task_machine.Aborted, task_machine.Paused, task_machine.CompletedByClient)


def task_event(tx: Transaction, /, task_id: str, event: task_machine.Event, **also: Any) -> None:
    """Move a task. `also` are columns that change with it. Raises `IllegalEvent`, or `Conflict` when its merge is
    under way; then nothing has changed."""
    row = tx.get(t.tasks, task_id)
    if isinstance(event, _BY_HAND):
        _not_merging(tx, row)
    after, effects = task_machine.apply(as_task(row), event, policy(tx, row["plan_id"]), tx.now)
    values: dict[str, Any] = {**asdict(after), **also}
    # to write the id, even the same, makes the database look for everything that refers to it
    del values["id"]
    if after.status in task_machine.TERMINAL and row["finished_at"] is None:
        values["finished_at"] = tx.now
    tx.update(t.tasks, task_id, **values)
    if after.status in task_machine.TERMINAL:
        _withdraw_cards(tx, t.decisions.c.task_id == task_id)
    elif row["status"] == task_machine.Status.WAITING_FOR_RESUME != after.status:
        _withdraw_cards(tx, t.decisions.c.task_id == task_id, t.decisions.c.kind != QUESTION)
    announce_task(tx, {**row, **values})
    task_effects(tx, {**row, **values}, effects)


def _not_merging(tx: Transaction, row: Row) -> None:
    """Git may have merged what Studio has not heard of: taken back, it would be in the epic with nobody knowing."""
    merging = (t.runs.c.purpose == Purpose.MERGE, t.runs.c.started_at.is_not(None))
    if runs.live(tx, t.runs.c.task_id == row["id"], *merging):
        raise Conflict(
            f"{row['title']} is being merged, and that cannot be taken back",
            "try again when its merge is over",
        )


def prioritise(tx: Transaction, task_id: str, priority: int) -> None:
    """What waits for a worker is handed out in this order from now on."""
    row = tx.get(t.tasks, task_id)
    tx.update(t.tasks, task_id, priority=priority)
    announce_task(tx, row)


def task_effects(tx: Transaction, row: Row, effects: Sequence[Effect]) -> None:
    conflict = any(isinstance(effect, AnnounceConflict) for effect in effects)
    for effect in effects:
        match effect:
            case StartRun():
                start_task_run(tx, row, effect)
            case PostComment(body):
                comment(tx, row["id"], "reviewer" if not conflict else "maestro", body)
            case AskDecision(kind, question, untested):
                answers = (RETRY, UNTESTED, ABORT) if untested else (RETRY, ABORT)
                about = judgements.of(tx, row["id"])
                ask(tx, row["plan_id"], kind, f"{row['title']}: {question}", row["id"], answers, about)
            case CancelRuns():
                runs.cancel(tx, t.runs.c.task_id == row["id"])
            case AnnounceConflict(reason):
                _publish(tx, row["plan_id"], "merge.conflict", task_id=row["id"], reason=reason)


def start_task_run(tx: Transaction, row: Row, start: StartRun) -> None:
    """Queue a run of a task; its first one pins the branch and the commit it forks from."""
    plan = tx.get(t.plans, row["plan_id"])
    base = row["base_commit"] or plan["epic_head"]
    if not row["base_commit"]:
        branch = row["branch_name"] or f"task/{slug(row['title'])}-{short(row['id'])[-6:]}"
        tx.update(t.tasks, row["id"], base_commit=base, branch_name=branch)
    for _ in range(start.count):
        _queue(tx, row, plan, base, start)


def _queue(tx: Transaction, row: Row, plan: Row, base: str, start: StartRun) -> None:
    runs.queue(
        tx,
        row["plan_id"],
        start.purpose,
        task_id=row["id"],
        base=plan["epic_head"] if start.purpose is Purpose.MERGE else base,
        commit=start.commit or base,
        # approved work goes back to its developer for one reason only: it could not be merged
        onto=plan["epic_head"]
        if start.purpose is Purpose.EXECUTE and row["head"] and row["approved"] == row["head"]
        else "",
        note=start.note,
    )


def plan_event(tx: Transaction, plan_id: str, event: plan_machine.Event, **also: Any) -> None:
    """Move a plan. Raises `IllegalEvent`; then nothing has changed."""
    row = tx.get(t.plans, plan_id)
    after, effects = plan_machine.apply(as_plan(row), event, task_states(tx, plan_id))
    values: dict[str, Any] = {
        "status": after.status,
        "epic_start": after.epic,
        "released": after.released,
        "waiting": after.waiting,
        **also,
    }
    if after.status in plan_machine.TERMINAL and row["completed_at"] is None:
        values["completed_at"] = tx.now
    tx.update(t.plans, plan_id, **values)
    _publish(tx, plan_id, "plan.updated", plan={"id": plan_id, "title": row["title"], **values})
    if after.status in plan_machine.TERMINAL or row["status"] == plan_machine.Status.DRAFT != after.status:
        # of a draft there is none but the one that proposes it
        _withdraw_cards(tx, t.decisions.c.plan_id == plan_id)
    for effect in effects:
        _plan_effect(tx, plan_id, effect)


def _plan_effect(tx: Transaction, plan_id: str, effect: plan_machine.Effect) -> None:
    match effect:
        case StartRun(purpose):
            runs.queue(tx, plan_id, purpose)
        case AskDecision(kind, question):
            ask(tx, plan_id, kind, question)
        case CancelRuns():
            # first, so that no merge is under way any more: nothing of this plan is merged after it
            runs.cancel(tx, t.runs.c.plan_id == plan_id)
            for row in tx.all(sa.select(t.tasks).where(t.tasks.c.plan_id == plan_id)):
                if task_machine.Status(row["status"]) not in task_machine.TERMINAL:
                    task_event(tx, row["id"], task_machine.Aborted())
        case plan_machine.ReleaseTasks():
            merged = sa.select(t.tasks.c.id).where(t.tasks.c.plan_id == plan_id, t.tasks.c.status == "merged")
            for row in tx.all(merged):
                task_event(tx, row["id"], task_machine.Released())


def comment(tx: Transaction, task_id: str, author: str, body: str) -> str:
    return tx.insert(t.comments, task_id=task_id, author=author, body=body)


def ask(
    tx: Transaction,
    plan_id: str,
    kind: str,
    question: str,
    task_id: str | None = None,
    options: Sequence[str] = (RETRY, ABORT),
    about: Mapping[str, Any] | None = None,
) -> str:
    """Put a decision card about a plan or its task before the operator."""
    of = {"plan_id": plan_id, "task_id": task_id, "run_id": None}
    return put_card(tx, tx.get(t.plans, plan_id)["project_id"], kind, question, options, of, about)


def put_card(
    tx: Transaction,
    project_id: str,
    kind: str,
    question: str,
    options: Sequence[str],
    of: Mapping[str, str | None],
    about: Mapping[str, Any] | None = None,
) -> str:
    """The card itself; `of` says which plan, task or run it is about, `about` what else a program may want to know."""
    card = {"kind": kind, "question": question, "options": list(options), "about": dict(about or {}), **of}
    identifier = tx.insert(t.decisions, project_id=project_id, **card)
    shown = {"id": identifier, "status": "open", "created_at": tx.now, **card}
    tx.publish(channels.project(project_id), "decision.requested", decision=shown)
    return identifier


def _withdraw_cards(tx: Transaction, *which: sa.ColumnElement[bool]) -> None:
    """Nobody needs to answer any more: it was decided in another way."""
    values = {"status": "withdrawn", "answered_at": tx.now}
    for card in tx.all(sa.select(t.decisions).where(*which, t.decisions.c.status == "open")):
        tx.update(t.decisions, card["id"], **values)
        tx.publish(channels.project(card["project_id"]), "decision.answered", decision={**card, **values})


def can_be_answered(card: Row, word: str) -> None:
    """Raises `Conflict` for an unknown word or a card that is closed."""
    if word not in card["options"]:
        raise Conflict(f"{word!r} is not an answer to this card", f"answers: {', '.join(card['options'])}")
    if card["status"] != "open":
        raise Conflict(f"the card was already answered: {card['answer'] or card['status']}", "")


def answer(tx: Transaction, decision_id: str, word: str, reason: str = "") -> Row:
    """The operator's answer to a card, once. Raises `Conflict` for an unknown word or a card that is closed."""
    card = tx.get(t.decisions, decision_id)
    can_be_answered(card, word)
    values = {"status": "answered", "answer": word, "reason": reason, "answered_at": tx.now}
    tx.update(t.decisions, decision_id, **values)
    if card["kind"] == QUESTION:
        answers.tell(tx, card, word)
    elif card["kind"] == "budget":
        pass  # that is for `budget.answer`, which comes from there
    elif card["task_id"]:
        _answer_task(tx, card, word)
    elif card["plan_id"]:
        plan_event(tx, card["plan_id"], _PLAN_ANSWERS[word](), attempts=0)
        if word == REJECT and reason:
            answers.propose_again(tx, card)
    elif word == RETRY:
        runs.again(tx, tx.get(t.runs, card["run_id"]), attempt=1)
    tx.publish(channels.project(card["project_id"]), "decision.answered", decision={**card, **values})
    return {**card, **values}


def _answer_task(tx: Transaction, card: Row, word: str) -> None:
    if word == ABORT:
        task_event(tx, card["task_id"], task_machine.Aborted())
    else:
        if word == UNTESTED:
            tx.update(t.plans, card["plan_id"], untested=True)
        if card["kind"] == "signed_out":
            _mend_account(tx, card["task_id"])
        also = _without_cancelled(tx, card["task_id"]) if card["kind"] == "dependency" else {}
        task_event(tx, card["task_id"], task_machine.Resumed(), **also)


def _mend_account(tx: Transaction, task_id: str) -> None:
    """That of the session whose run failed last."""
    query = (
        sa.select(t.sessions.c.user_id, t.sessions.c.pool)
        .join(t.runs, t.runs.c.session_id == t.sessions.c.id)
        .where(t.runs.c.task_id == task_id, t.runs.c.state == "failed")
        .order_by(t.runs.c.id.desc())
    )
    if row := tx.first(query):
        breakers.mend(tx, row["user_id"], row["pool"])


def _without_cancelled(tx: Transaction, task_id: str) -> dict[str, list[str]]:
    """The dependencies that can still be met; only the cancelled ones are waived."""
    needed = tx.get(t.tasks, task_id)["depends_on_task_ids"]
    over = sa.select(t.tasks.c.id).where(t.tasks.c.id.in_(needed), t.tasks.c.status == "cancelled")
    cancelled = {row["id"] for row in tx.all(over)}
    return {"depends_on_task_ids": [identifier for identifier in needed if identifier not in cancelled]}


# the living teams of a project, with the testers of each
_TEAMS = (
    sa.select(t.teams.c.id, t.teams.c.serves_all, t.teams.c.workspace, t.sessions.c.id.label("tester"))
    .outerjoin(
        t.sessions,
        sa.and_(
            t.sessions.c.team_id == t.teams.c.id,
            t.sessions.c.worker_role == "test",
            t.sessions.c.status != "ended",
        ),
    )
    .where(t.teams.c.project_id == sa.bindparam("project"), t.teams.c.status == "active")
)


def policy(tx: Transaction, plan_id: str) -> Policy:
    """What the loop allows in this plan."""
    plan = tx.get(t.plans, plan_id)
    tester = not plan["untested"] and _has_tester(tx, plan)
    return Policy(
        tester,
        attempts=plan["attempt_cap"],
        revision_cap=plan["revision_cap"],
        reviewers=plan["reviewers"],
        agreement=Agreement(plan["review_policy"]),
    )


def _has_tester(tx: Transaction, plan: Row) -> bool:
    """Whether a team that may work on this plan has a tester, also one that is away for a moment.

    While there is no such team the answer is yes: the next one may bring a tester, and if it does not,
    dispatch goes on without.
    """
    teams = tx.all(_TEAMS, project=plan["project_id"])
    own = [row for row in teams if row["id"] == plan["team_id"]]
    serving = [
        row
        for row in own or [row for row in teams if row["serves_all"]]
        if plan["workspace"] in ("", row["workspace"])
    ]
    return not serving or any(row["tester"] for row in serving)


def task_states(tx: Transaction, plan_id: str) -> list[task_machine.Status]:
    rows = tx.all(sa.select(t.tasks.c.status).where(t.tasks.c.plan_id == plan_id))
    return [task_machine.Status(row["status"]) for row in rows]


def as_task(row: Row) -> task_machine.Task:
    names = task_machine.Task.__dataclass_fields__
    votes = tuple(Vote(**vote) for vote in row["votes"])
    values = {**{name: row[name] for name in names}, "status": task_machine.Status(row["status"])}
    return task_machine.Task(**{**values, "votes": votes})


def as_plan(row: Row) -> plan_machine.Plan:
    return plan_machine.Plan(
        row["id"], plan_machine.Status(row["status"]), row["epic_start"], row["released"], row["waiting"]
    )


_SHOWN = (
    "id", "plan_id", "parent_task_id", "key", "title", "status", "assignee", "accepted_by", "head", "approved",
    "revision_count",
)  # fmt: skip


def announce_task(tx: Transaction, row: Row) -> None:
    """Tell the project how a task stands."""
    shown = {key: row[key] for key in _SHOWN}
    _publish(tx, row["plan_id"], "task.updated", task=shown)


def _publish(tx: Transaction, plan_id: str, method: str, **params: Any) -> None:
    tx.publish(project_channel(tx, plan_id), method, **params)


def project_channel(tx: Transaction, plan_id: str) -> str:
    return channels.project(tx.get(t.plans, plan_id)["project_id"])
