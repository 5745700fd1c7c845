"""Studio's private channels: their names, and who may listen to them."""

from __future__ import annotations

import sqlalchemy as sa

from maestro_ray.errors import Forbidden
from maestro_ray.model.access import Action, Caller
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Transaction

_PROJECT = ("private-project.", "presence-project.")
_TEAM = ("private-team.", "presence-team.")


def project(project_id: str) -> str:
    return f"{_PROJECT[0]}{project_id}"


def team(name: str) -> str:
    return f"{_TEAM[0]}{name}"


def may_listen(tx: Transaction, caller: Caller, channel: str) -> None:
    """Raises `Forbidden`, also for a channel that is nobody's: strangers learn nothing from the difference."""
    if caller.channels is not None:
        allowed = channel in caller.channels
    else:
        of = project_of(tx, channel)
        allowed = of is not None and caller.may(Action.READ, of)
    if not allowed:
        raise Forbidden(f"listen to {channel}")


def project_of(tx: Transaction, channel: str) -> str | None:
    """The id of the project a channel is about; None when there is no such channel."""
    if channel.startswith(_PROJECT):
        row = tx.find(t.projects, channel.partition(".")[2])
        return None if row is None else str(row["id"])
    if channel.startswith(_TEAM):
        row = tx.first(sa.select(t.teams).where(t.teams.c.name == channel.partition(".")[2]))
        return None if row is None else str(row["project_id"])
    return None
