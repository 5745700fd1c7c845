"""Questions that nobody asks any more: the cards of agents that wait no longer."""

from __future__ import annotations

import sqlalchemy as sa

from maestro_ray.model import channels
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Transaction

PERMISSION, SUPERSEDED = "permission", "superseded"


def close(tx: Transaction, run_id: str, request: str = "") -> None:
    """Close the open questions of a run, or only this one: an answer would reach nobody."""
    query = sa.select(t.decisions).where(
        t.decisions.c.run_id == run_id, t.decisions.c.status == "open", t.decisions.c.kind == PERMISSION
    )
    values = {"status": SUPERSEDED, "answered_at": tx.now}
    for card in tx.all(query):
        if request in ("", card["about"]["request"]):
            tx.update(t.decisions, card["id"], **values)
            tx.publish(channels.project(card["project_id"]), "decision.answered", decision={**card, **values})
