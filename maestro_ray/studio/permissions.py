"""Permissions: what agents ask leave for, put before people, answered once, and written down whoever decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from maestro_ray.errors import Conflict
from maestro_ray.model import channels
from maestro_ray.studio import audit, loop, subtasks, unasked
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row, Transaction
from maestro_ray.studio.unasked import PERMISSION

ONCE, FOR_RUN, DENY = "allow", "allow-run", "deny"
OPTIONS = (ONCE, FOR_RUN, DENY)
# a report's words for a question that waits for a person, and for one that nobody waits for any more
ASK, WITHDRAWN = "ask", "withdrawn"

Asked = Mapping[str, Any]


def report(tx: Transaction, run_id: str, epoch: int, asked: Asked) -> None:
    """What an agent of this run asked, and how its policy ruled. Raises `StaleEpoch` or `Conflict`."""
    run = subtasks.at_work(tx, run_id, epoch)
    if asked["ruling"] == WITHDRAWN:
        _withdraw(tx, run, asked)
    elif asked["ruling"] != ASK:
        _record(tx, run, "", asked, asked["ruling"], asked["by"])
    elif (known := _of_request(tx, run, asked["request"])) is None:
        _put(tx, run, asked)
    elif any(known["about"][key] != asked[key] for key in ("tool", "hash")):
        raise Conflict("another question of this run has the same name", "")


def questions(tx: Transaction, run_id: str) -> list[Row]:
    """Every question of the run that was put before people, and what became of it."""
    tx.get(t.runs, run_id)
    shown = ("id", "status", "answer", "reason", "created_at", "answered_at")
    return [{**{key: card[key] for key in shown}, **card["about"]} for card in _cards(tx, run_id)]


def answer(tx: Transaction, decision_id: str, word: str, reason: str, user: str) -> Row:
    """A person's answer to any card, once. Raises `Conflict`."""
    card = tx.get(t.decisions, decision_id)
    if card["kind"] != PERMISSION:
        return loop.answer(tx, decision_id, word, reason)
    if card["status"] == unasked.SUPERSEDED:
        raise Conflict("the agent waits for no answer any more: nothing was changed", "")
    loop.can_be_answered(card, word)
    values = {"status": "answered", "answer": word, "reason": reason, "answered_at": tx.now}
    tx.update(t.decisions, decision_id, **values)
    _record(tx, tx.get(t.runs, card["run_id"]), user, card["about"], word, "operator", reason)
    answered = {**card, **values}
    tx.publish(channels.project(card["project_id"]), "decision.answered", decision=answered)
    return answered


def _put(tx: Transaction, run: Row, asked: Asked) -> None:
    _close_earlier(tx, run, asked["request"])
    session = tx.find(t.sessions, run["session_id"] or "")
    about = {key: asked[key] for key in ("request", "tool", "command", "hash", "length", "agent", "why")}
    about |= {"epoch": run["epoch"], "worker": session["name"] if session else ""}
    question = f"{about['worker']} asks for leave to use {about['tool']}:\n{about['command']}"
    of = {"plan_id": run["plan_id"], "task_id": run["task_id"], "run_id": run["id"]}
    card = loop.put_card(tx, run["project_id"], PERMISSION, question, OPTIONS, of, about)
    if (before := _standing(tx, run["id"], asked)) is not None:
        values = {"status": "answered", "answer": FOR_RUN, "reason": before["reason"], "answered_at": tx.now}
        tx.update(t.decisions, card, **values)
        _record(tx, run, "", about, FOR_RUN, f"the answer to {before['id']}")
        channel = channels.project(run["project_id"])
        tx.publish(channel, "decision.answered", decision=tx.get(t.decisions, card))


def _withdraw(tx: Transaction, run: Row, asked: Asked) -> None:
    card = _of_request(tx, run, asked["request"])
    if card is not None and card["status"] == "answered":
        _record(tx, run, "", card["about"], "late", "the agent had given up before the answer came")
    unasked.close(tx, run["id"], asked["request"])


def _close_earlier(tx: Transaction, run: Row, request: str) -> None:
    """What stands before the dot is the turn of a worker's life: what an earlier one asked, nobody waits for."""
    for card in _cards(tx, run["id"]):
        before = card["about"]["request"]
        if card["status"] == "open" and before.partition(".")[0] != request.partition(".")[0]:
            unasked.close(tx, run["id"], before)


def _standing(tx: Transaction, run_id: str, asked: Asked) -> Row | None:
    """The card with which exactly this was allowed for the whole run."""
    for card in _cards(tx, run_id):
        same = all(card["about"][key] == asked[key] for key in ("tool", "hash"))
        if same and card["status"] == "answered" and card["answer"] == FOR_RUN:
            return card
    return None


def _of_request(tx: Transaction, run: Row, request: str) -> Row | None:
    of = {"request": request, "epoch": run["epoch"]}
    return next((card for card in _cards(tx, run["id"]) if of.items() <= card["about"].items()), None)


def _cards(tx: Transaction, run_id: str) -> list[Row]:
    of_run = (t.decisions.c.run_id == run_id, t.decisions.c.kind == PERMISSION)
    return tx.all(sa.select(t.decisions).where(*of_run).order_by(t.decisions.c.id))


def _record(
    tx: Transaction, run: Row, user: str, asked: Asked, ruling: str, by: str, reason: str = ""
) -> None:
    kept = {key: asked[key] for key in ("request", "tool", "command", "hash", "agent", "why") if key in asked}
    session = tx.find(t.sessions, run["session_id"] or "")
    of = {"epoch": run["epoch"], "worker": session["name"] if session else ""}
    audit.permission(tx, run, user, ruling=ruling, by=by, reason=reason, **of, **kept)
