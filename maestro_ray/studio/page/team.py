"""The page of one team, live: who is in it, what they do and say, what they are told, and what was judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from maestro_ray.model import channels, silence, steering
from maestro_ray.model import run as run_machine
from maestro_ray.model.dispatch import SIGNED_OUT
from maestro_ray.model.run import LEAD_PURPOSES, Purpose
from maestro_ray.redaction import redact
from maestro_ray.studio import budget, inbox
from maestro_ray.studio import schema as t
from maestro_ray.studio.page import cards, frame, usage
from maestro_ray.studio.page.view import Ask, Part, View
from maestro_ray.studio.store import Row, Transaction
from maestro_ray.studio.unasked import PERMISSION

SHOWN_MESSAGES, SHOWN_RUNS, SHOWN_VERDICTS = 80, 12, 12


def _frame(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    team = tx.get(t.teams, ask.id)
    found = frame.of_project(tx, ask.project, team["name"])
    return {
        **found,
        "team": team,
        "lead": _lead(tx, ask.id),
        "channels": [*found["channels"], channels.team(team["name"])],
    }


def _roster(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    """`members`: each with the `run` it holds, since when its agent waits for leave, `asks`, how long that has been
    `silent`, until when its account `rests`, and the moment of its last heartbeat, `heard`."""
    team = tx.get(t.teams, ask.id)
    runs = {run["session_id"]: run for run in _held(tx, ask.id)}
    rows = tx.all(_members(ask.id))
    kept = [row for row in rows if row["status"] != "ended" or team["status"] == "ended"]
    kept.sort(key=lambda row: (row["role"] != "lead", row["name"]))
    asking, rests = _asking(tx, [run["id"] for run in runs.values()]), _rests(tx)
    shown = [
        {
            **row,
            "run": (run := runs.get(row["id"])),
            "asks": asking.get(run["id"]) if run else None,
            "heard": row["lease_until"] - ask.lease,
            "silent": _silent(tx, ask, run) if run and run["id"] not in asking else None,
            "rests": rests.get((row["user_id"], row["pool"]), 0.0),
        }
        for row in kept
    ]
    return {"members": shown, "team": team, "lease": ask.lease, "signed_out": SIGNED_OUT}


def _asking(tx: Transaction, runs: list[str]) -> dict[str, float]:
    """Since when agents of these runs wait for a person, by run."""
    card = t.decisions.c
    query = sa.select(t.decisions).where(
        card.run_id.in_(runs), card.status == "open", card.kind == PERMISSION
    )
    return {row["run_id"]: row["created_at"] for row in tx.all(query.order_by(card.id.desc()))}


def _rests(tx: Transaction) -> dict[tuple[str, str], float]:
    """Until when the accounts that are at their limit, or refused, are not used; by user and pool."""
    rows = tx.all(sa.select(t.breakers).where(t.breakers.c.until > tx.now))
    return {(row["user_id"], row["pool"]): row["until"] for row in rows}


def _silent(tx: Transaction, ask: Ask, run: Row) -> Mapping[str, str] | None:
    """`{for, last}` of an agent that has said nothing for long; a lead at its own work says nothing by nature."""
    mute = Purpose(run["purpose"]) in LEAD_PURPOSES or run["state"] != run_machine.State.RUNNING
    seconds = tx.now - max(ask.heard(run["id"]), run["started_at"] or tx.now)
    if mute or seconds < ask.silence:
        return None
    return {"for": silence.span(seconds), "last": silence.last_line(redact(ask.tail(run["id"])))}


def _runs(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    """`live` runs with all that is known of their output, and the last that are `over`."""
    query = _of_team(ask.id).where(t.runs.c.state.in_(run_machine.OVER)).order_by(t.runs.c.finished_at.desc())
    live = [{**run, "text": ask.tail(run["id"])} for run in _held(tx, ask.id)]
    return {"live": live, "over": tx.all(query.limit(SHOWN_RUNS))}


def _steering(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    """`directives` that hold, each with how many workers `heard` it, which of them how, and the `lead` through whom
    they go."""
    shown = [{**each, "heard": _heard(each["receipts"])} for each in inbox.active(tx, ask.id)]
    return {"directives": shown, "lead": _lead(tx, ask.id)}


def _heard(receipts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Who has heard it, and how it was delivered."""
    delivered = steering.ReceiptState.DELIVERED
    return sorted((name, each["how"]) for name, each in receipts.items() if each["state"] == delivered)


def _cards(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    """What the team waits for: about its runs, and about the plans it works on."""
    team = tx.get(t.teams, ask.id)
    runs = sa.select(t.runs.c.id).where(t.runs.c.session_id.in_(_ids(ask.id)))
    plans = sa.select(t.plans.c.id).where(t.plans.c.team_id == ask.id)
    here = t.decisions.c.project_id == team["project_id"]
    return cards.still_open(
        tx, ask, here, sa.or_(t.decisions.c.run_id.in_(runs), t.decisions.c.plan_id.in_(plans))
    )


def _lead(tx: Transaction, team_id: str) -> str:
    """The session of the lead; empty when the team is over."""
    row = tx.first(_members(team_id).where(t.sessions.c.role == "lead", t.sessions.c.status != "ended"))
    return str(row["id"]) if row else ""


def _channel(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    query = sa.select(t.messages).where(t.messages.c.team_id == ask.id)
    rows = tx.all(query.order_by(t.messages.c.number.desc()).limit(SHOWN_MESSAGES))
    return {"messages": rows[::-1]}


def _verdicts(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    """Those that reviewers of this team gave, newest first."""
    query = (
        sa.select(t.verdicts, t.tasks.c.title, t.sessions.c.name.label("worker"))
        .join(t.runs, t.verdicts.c.run_id == t.runs.c.id)
        .join(t.sessions, t.runs.c.session_id == t.sessions.c.id)
        .join(t.tasks, t.verdicts.c.task_id == t.tasks.c.id)
        .where(t.runs.c.session_id.in_(_ids(ask.id)))
    )
    return {"verdicts": tx.all(query.order_by(t.verdicts.c.id.desc()).limit(SHOWN_VERDICTS))}


def _usage(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    """`usage`: tokens and money of each member that used any, the `total`, and the same by `roles` and by `models`;
    `standing` says how much of the budget is used and reserved."""
    standing = budget.standing(tx, tx.get(t.teams, ask.id))
    by = {name: usage.by(tx, name.removesuffix("s"), ask.id) for name in ("roles", "models")}
    return {**usage.of(tx, t.sessions.c.team_id == ask.id), **by, **usage.words(standing)}


def _held(tx: Transaction, team_id: str) -> list[Row]:
    return tx.all(_of_team(team_id).where(t.runs.c.state.in_(run_machine.HELD)).order_by(t.runs.c.id))


def _of_team(team_id: str) -> sa.Select[Any]:
    """Runs that members of the team hold or held, with the `worker` and the `title` of what they are about."""
    goal = sa.func.nullif(t.runs.c.note, "")
    return (
        sa.select(
            t.runs,
            t.sessions.c.name.label("worker"),
            sa.func.coalesce(t.tasks.c.title, t.plans.c.title, goal, "the repository").label("title"),
        )
        .join(t.sessions, t.runs.c.session_id == t.sessions.c.id)
        .outerjoin(t.plans, t.runs.c.plan_id == t.plans.c.id)
        .outerjoin(t.tasks, t.runs.c.task_id == t.tasks.c.id)
        .where(t.sessions.c.team_id == team_id)
    )


def _members(team_id: str) -> sa.Select[Any]:
    return sa.select(t.sessions).where(t.sessions.c.team_id == team_id).order_by(t.sessions.c.id)


def _ids(team_id: str) -> sa.Select[Any]:
    return sa.select(t.sessions.c.id).where(t.sessions.c.team_id == team_id)


VIEW = View(
    "team",
    "/teams/{id}",
    _frame,
    {
        # heartbeats are no events, so the ages are read again now and then
        "roster": Part(
            _roster, on=("session.", "decision.", "run.updated", "run.dispatched", "team.ended"), every=15
        ),
        "cards": Part(_cards, on=("decision.",)),
        "runs": Part(_runs, on=("run.updated", "run.dispatched")),
        "steering": Part(_steering, on=("steering.", "team.message", "team.ended")),
        "channel": Part(_channel, on=("team.message",)),
        "verdicts": Part(_verdicts, on=("verdict.",)),
        "usage": Part(_usage, on=("run.updated", "budget.")),
    },
    about=t.teams,
)
