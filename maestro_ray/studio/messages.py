"""Studio's mirror of the teams' channels. The channel owns and numbers its messages; here they are only shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from maestro_ray.model import channels
from maestro_ray.studio import inbox
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row, Transaction

PAGE = 500


def mirror(tx: Transaction, team_id: str, batch: Sequence[Mapping[str, Any]]) -> None:
    """Store numbered messages; those already here stay as they are."""
    team = tx.get(t.teams, team_id)
    numbers = [message["number"] for message in batch]
    known = sa.select(t.messages.c.number).where(
        t.messages.c.team_id == team_id, t.messages.c.number.in_(numbers)
    )
    seen = {row["number"] for row in tx.all(known)}
    for message in batch:
        if message["number"] not in seen:
            seen.add(message["number"])
            tx.insert(t.messages, team_id=team_id, **message)
            inbox.arrived(tx, team, message)
            tx.publish(channels.team(team["name"]), "team.message", message=dict(message))


def after(tx: Transaction, team_id: str, number: int) -> list[Row]:
    """The next page of messages with higher numbers."""
    tx.get(t.teams, team_id)
    query = sa.select(t.messages).where(t.messages.c.team_id == team_id, t.messages.c.number > number)
    return tx.all(query.order_by(t.messages.c.number).limit(PAGE))
