"""Who may listen to a channel, and as whom."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from maestro_ray.errors import Forbidden
from maestro_ray.model import channels
from maestro_ray.model.access import Action, Caller
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Transaction


def may_listen(tx: Transaction, caller: Caller, channel: str) -> None:
    """Raises `Forbidden`, also for a channel that is nobody's: strangers learn nothing from the difference."""
    if caller.channels is not None:
        allowed = channel in caller.channels
    else:
        of = project_of(tx, channel)
        allowed = of is not None and caller.may(Action.READ, of)
    if not allowed:
        raise Forbidden(f"listen to {channel}")


def member(tx: Transaction, caller: Caller, channel: str) -> dict[str, Any]:
    """`{user_id, user_info: {name, role}}`: what the others on a presence channel see of this caller."""
    of = project_of(tx, channel)
    role = None if of is None else caller.role(of)
    return {"user_id": caller.user, "user_info": {"name": tx.get(t.users, caller.user)["name"], "role": role}}


def project_of(tx: Transaction, channel: str) -> str | None:
    """The id of the project a channel is about; None when there is no such channel."""
    if (project := channels.project_in(channel)) is not None:
        row = tx.find(t.projects, project)
        return None if row is None else str(row["id"])
    if (team := channels.team_in(channel)) is not None:
        row = tx.first(sa.select(t.teams).where(t.teams.c.name == team))
        return None if row is None else str(row["project_id"])
    return None
