"""What people say to a team through Studio: pending here until the team's channel, which owns it, has written it down.

Connections takes each to the channel under its id, where a repeat is harmless, and the mirror brings it back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from maestro_ray.errors import Conflict, IllegalEvent
from maestro_ray.model import channels, steering
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row, Transaction

DIRECTIVE, CLEARED, SAID = "directive", "cleared", "said"
EVENTS = {DIRECTIVE: "steering.added", CLEARED: "steering.cleared", SAID: "message.posted"}


def put(tx: Transaction, team_id: str, kind: str, body: Mapping[str, Any], author: str) -> Row:
    """Something for the team's channel. Raises `Conflict` when the team is over."""
    team = tx.get(t.teams, team_id)
    if team["status"] != "active":
        raise Conflict("the team has ended: nobody would hear it", "")
    row = tx.get(t.inbox, tx.insert(t.inbox, team_id=team_id, kind=kind, body=dict(body), author=author))
    _publish(tx, team, row)
    return row


def pending(tx: Transaction, team_id: str) -> list[Row]:
    """What the channel has not yet, in the order in which it was said."""
    tx.get(t.teams, team_id)
    query = sa.select(t.inbox).where(t.inbox.c.team_id == team_id, t.inbox.c.status == "pending")
    return tx.all(query.order_by(t.inbox.c.id))


def arrived(tx: Transaction, team: Row, message: Mapping[str, Any]) -> None:
    """A message of the channel was mirrored: what it says is pending no longer."""
    if message["kind"] not in EVENTS or not isinstance(message["body"], Mapping):
        return
    row = tx.find(t.inbox, str(message["body"].get("id", "")))
    if row is not None and row["status"] == "pending" and row["team_id"] == team["id"]:
        tx.update(t.inbox, row["id"], status="accepted", accepted_at=tx.now)
        _publish(tx, team, {**row, "status": "accepted"})


# ── directives ───────────────────────────────────────────────────────────────────────────────────────────────────────


def add(tx: Transaction, team_id: str, text: str, author: str) -> Row:
    """A directive for a team: `{id, text, status}`."""
    return _shown(put(tx, team_id, DIRECTIVE, {"text": text}, author))


def clear(tx: Transaction, team_id: str, ids: Sequence[str], author: str) -> Row:
    """These directives are over; without ids, all that there are."""
    row = put(tx, team_id, CLEARED, {"directives": list(ids)} if ids else {}, author)
    return {"id": row["id"], "status": row["status"]}


def active(tx: Transaction, team_id: str) -> list[Row]:
    """The directives that hold, oldest first: `{id, text, status, at, receipts}`; `status` is pending or accepted."""
    query = sa.select(t.messages).where(
        t.messages.c.team_id == team_id, t.messages.c.kind.in_(steering.KINDS)
    )
    known: Mapping[str, steering.Directive] = {}
    for message in tx.all(query.order_by(t.messages.c.number)):
        known = _told(known, message)
    waiting = pending(tx, team_id)
    over = {each for row in waiting if row["kind"] == CLEARED for each in row["body"].get("directives", [])}
    shown = [
        {"id": each.id, "text": each.text, "status": "accepted", "at": each.at, "receipts": _receipts(each)}
        for each in steering.active(known)
        if each.id not in over
    ]
    return shown + [_shown(row) for row in waiting if row["kind"] == DIRECTIVE and row["id"] not in known]


def _told(known: Mapping[str, steering.Directive], message: Row) -> Mapping[str, steering.Directive]:
    """Whoever has a session may mirror what they like: what no channel would have written says nothing."""
    try:
        return steering.told(known, message["kind"], message["body"], message["at"])
    except (LookupError, TypeError, ValueError, AttributeError, IllegalEvent):
        return known


def _receipts(directive: steering.Directive) -> dict[str, Any]:
    return {name: {"state": each.state, "how": each.how} for name, each in directive.receipts.items()}


def _shown(row: Row) -> Row:
    shown = {"id": row["id"], "text": row["body"]["text"], "status": row["status"], "at": row["created_at"]}
    return {**shown, "receipts": {}}


def _publish(tx: Transaction, team: Row, row: Row) -> None:
    shown = {key: row[key] for key in ("id", "kind", "body", "status", "author")}
    tx.publish(channels.team(team["name"]), EVENTS[row["kind"]], item=shown)
