"""Steering and words for a team, through the session of its lead."""

from __future__ import annotations

from typing import Any

from maestro_ray.errors import Conflict
from maestro_ray.model.access import Action
from maestro_ray.studio import inbox
from maestro_ray.studio import schema as t
from maestro_ray.studio.api.call import Call, Rest
from maestro_ray.studio.api.shapes import bodies
from maestro_ray.studio.store import Row, Transaction


async def add(call: Call) -> Any:
    """A directive: every worker of the team hears it in each later turn."""

    def write(tx: Transaction) -> Row:
        return inbox.add(tx, _team(tx, call.path("id")), call.body.text, call.caller.user)

    return await call.change(write)


async def active(call: Call) -> Any:
    """The directives that hold."""
    return await call.read(lambda tx: inbox.active(tx, _team(tx, call.path("id"))))


async def clear(call: Call) -> Any:
    """All directives are over, or those of the query's `directive`."""
    ids = call.request.query_params.getlist("directive")

    def write(tx: Transaction) -> Row:
        return inbox.clear(tx, _team(tx, call.path("id")), ids, call.caller.user)

    return await call.change(write)


async def say(call: Call) -> Any:
    """Something for everybody in the team to read."""

    def write(tx: Transaction) -> Row:
        return inbox.put(tx, call.path("id"), inbox.SAID, {"text": call.body.text}, call.caller.user)

    return await call.change(write)


async def pending(call: Call) -> Any:
    """What the team's channel has not yet written down."""
    return await call.read(inbox.pending, call.path("id"))


def _team(tx: Transaction, session_id: str) -> str:
    team = tx.get(t.sessions, session_id)["team_id"]
    if team is None:
        raise Conflict("the session is in no team", "")
    return str(team)


ROUTES = [
    Rest(
        "POST", "agent-sessions/{id}/steering", add, Action.STEER, t.sessions, bodies.NewDirective, status=201
    ),
    Rest("GET", "agent-sessions/{id}/steering", active, Action.READ, t.sessions),
    Rest("DELETE", "agent-sessions/{id}/steering", clear, Action.STEER, t.sessions, query=("directive",)),
    Rest("POST", "teams/{id}/inbox", say, Action.STEER, t.teams, bodies.NewSaying, status=201),
    Rest("GET", "teams/{id}/inbox", pending, Action.READ, t.teams),
]
