"""Projects, teams and sessions: who is here, on what, and for how long they are believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from maestro_ray.errors import Conflict
from maestro_ray.ids import slug, suffix
from maestro_ray.model import channels
from maestro_ray.model import run as run_machine
from maestro_ray.model import task as task_machine
from maestro_ray.studio import breakers, budget, loop, purses, reports, runs
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row, Transaction

# an interrupted session is waited for this many leases
GIVEN_UP = 10
NO_CAPS: Mapping[str, float | None] = {}


def find_project(tx: Transaction, key: str) -> Row | None:
    return tx.first(sa.select(t.projects).where(t.projects.c.key == key))


def create_project(tx: Transaction, key: str, name: str) -> Row:
    """The project with this key, made when there is none: doing it twice is harmless."""
    found = find_project(tx, key)
    return found or tx.get(t.projects, tx.insert(t.projects, key=key, name=name))


def register(
    tx: Transaction, /, project_id: str, *, role: str, name: str, lease: float, **values: Any
) -> Row:
    """A new session with a lease of `lease` seconds. Raises `Conflict` for a team or a role it cannot be in.

    One that brings no skills has those of its user.
    """
    tx.get(t.projects, project_id)
    if values.get("worker_role") == "lead":
        raise Conflict("no worker's role is lead", "a lead allocates a team of its own")
    if not values.get("skills") and (user := tx.find(t.users, values.get("user_id", ""))):
        values["skills"] = user["skills"]
    if team_id := values.get("team_id"):
        team = tx.get(t.teams, team_id)
        if role != "worker" or team["project_id"] != project_id or team["status"] != "active":
            raise Conflict("only a worker can join a team, one of its own project that is not over", "")
    if pool := values.get("pool"):
        breakers.mend(tx, values.get("user_id", ""), pool)
    lease_until = tx.now + lease
    identifier = tx.insert(
        t.sessions, project_id=project_id, role=role, name=name, lease_until=lease_until, **values
    )
    row = tx.get(t.sessions, identifier)
    _announce(tx, row)
    return row


def allocate_team(
    tx: Transaction,
    lead_id: str,
    workers: Sequence[Mapping[str, Any]],
    *,
    workspace: str,
    serves_all: bool,
    lease: float,
    caps: Mapping[str, float | None] = NO_CAPS,
) -> dict[str, Any]:
    """Give a lead its team: a channel, and one session for each worker `{name, role, skills}`; and its `caps`."""
    lead = tx.get(t.sessions, lead_id)
    if lead["role"] != "lead" or lead["team_id"] or lead["status"] == "ended":
        raise Conflict("only a connected lead without a team can ask for one", "")
    # it becomes the name of a channel, in which not every letter may stand
    name = f"{slug(lead['name'])}-{suffix()}"
    team_id = tx.insert(
        t.teams,
        project_id=lead["project_id"],
        name=name,
        workspace=workspace,
        serves_all=serves_all,
        status="active",
    )
    tx.update(t.sessions, lead_id, team_id=team_id)
    purses.cap(tx, team_id, caps)
    members = [add_worker(tx, team_id, worker, lead["user_id"], lease=lease) for worker in workers]
    tx.publish(channels.project(lead["project_id"]), "team.allocated", team={"id": team_id, "name": name})
    return {"id": team_id, "name": name, "channel": channels.team(name), "lead": lead_id, "members": members}


def add_worker(
    tx: Transaction, team_id: str, worker: Mapping[str, Any], user_id: str, *, lease: float
) -> Row:
    team = tx.get(t.teams, team_id)
    return register(
        tx,
        team["project_id"],
        role="worker",
        name=str(worker["name"]),
        lease=lease,
        team_id=team_id,
        user_id=user_id,
        pool=str(worker.get("pool", "")),
        worker_role=str(worker["role"]),
        skills=dict(worker.get("skills", {})),
    )


def heartbeat(
    tx: Transaction, session_ids: Sequence[str], lease: float, user: str | None = None
) -> list[str]:
    """Renew the leases of these sessions; the ids of those that are over, or that nobody knows, come back.

    The first speaks for the others: none of another project is known, and with `user` none of anybody else. Raises
    `NotFound` when nobody knows the first.
    """
    project = tx.get(t.sessions, session_ids[0])["project_id"]
    query = sa.select(t.sessions).where(t.sessions.c.id.in_(session_ids), t.sessions.c.project_id == project)
    rows = tx.all(query if user is None else query.where(t.sessions.c.user_id == user))
    over = sorted(set(session_ids) - {row["id"] for row in rows})
    for row in rows:
        if row["status"] == "ended":
            over.append(row["id"])
            continue
        tx.update(t.sessions, row["id"], lease_until=tx.now + lease, status="connected")
        if row["status"] != "connected":
            _announce(tx, {**row, "status": "connected"})
    return over


def renew_all(tx: Transaction, lease: float) -> None:
    """Give every session a whole lease: for a time in which nobody could have renewed it."""
    here = t.sessions.c.status != "ended"
    tx.execute(t.sessions.update().where(here).values(lease_until=tx.now + lease))


def late(now: float, lease: float) -> sa.Select[Any]:
    """Sessions to interrupt, and interrupted ones that have stayed away so long that nobody waits for them."""
    return sa.select(t.sessions).where(
        sa.or_(
            sa.and_(t.sessions.c.status == "connected", t.sessions.c.lease_until <= now),
            sa.and_(t.sessions.c.status == "interrupted", t.sessions.c.lease_until <= now - GIVEN_UP * lease),
        )
    )


def expire(tx: Transaction, lease: float) -> int:
    """Interrupt every session whose lease is over; its runs wait for others. Returns how many.

    One that stays away for many leases has ended, and a lead takes its team along: its plans are free for another.
    """
    rows = tx.all(late(tx.now, lease))
    for row in rows:
        if row["status"] == "interrupted":
            end(tx, row["id"])
        else:
            _leave(tx, row, "interrupted")
    return len(rows)


def end(tx: Transaction, session_id: str) -> None:
    """The session says goodbye. A lead takes its team along."""
    row = tx.get(t.sessions, session_id)
    if row["status"] == "ended":
        return
    if row["role"] == "lead" and row["team_id"]:
        end_team(tx, row["team_id"])
    else:
        _leave(tx, row, "ended")


def end_team(tx: Transaction, team_id: str) -> None:
    """Every session of the team is over; what they held waits for another team."""
    team = tx.get(t.teams, team_id)
    if team["status"] == "ended":
        return
    tx.update(t.teams, team_id, status="ended", ended_at=tx.now)
    for row in tx.all(
        sa.select(t.sessions).where(t.sessions.c.team_id == team_id, t.sessions.c.status != "ended")
    ):
        _leave(tx, row, "ended")
    budget.team_over(tx, team_id)
    tx.publish(channels.project(team["project_id"]), "team.ended", team={"id": team_id, "name": team["name"]})


def spawn_queue(tx: Transaction, lead_id: str) -> list[Row]:
    """Runs handed to the sessions of this lead's team and not over: what a lead that is back must take up."""
    lead = tx.get(t.sessions, lead_id)
    members = sa.select(t.sessions.c.id).where(t.sessions.c.team_id == lead["team_id"])
    return runs.live(tx, t.runs.c.state.in_(run_machine.HELD), t.runs.c.session_id.in_(members))


def _leave(tx: Transaction, row: Row, status: str) -> None:
    tx.update(t.sessions, row["id"], status=status, **({"ended_at": tx.now} if status == "ended" else {}))
    for run in runs.live(tx, t.runs.c.state.in_(run_machine.HELD), t.runs.c.session_id == row["id"]):
        reports.interrupt(tx, run["id"], costs=status != "ended")
    for run in tx.all(sa.select(t.runs).where(_meant_for(row["id"]))):
        if not runs.of_lead(run):
            tx.update(t.runs, run["id"], delegated_to="")
        elif status == "ended":  # nobody else was asked for it
            runs.cancel(tx, t.runs.c.id == run["id"])
    if status == "ended":
        _give_up_tasks(tx, row["id"])
    _announce(tx, {**row, "status": status})


def _meant_for(session_id: str) -> sa.ColumnElement[bool]:
    """Runs that wait for this session alone."""
    return sa.and_(t.runs.c.state == run_machine.State.QUEUED, t.runs.c.delegated_to == session_id)


def _give_up_tasks(tx: Transaction, session_id: str) -> None:
    theirs = sa.or_(t.tasks.c.accepted_by == session_id, t.tasks.c.assignee == session_id)
    over = sorted(task_machine.TERMINAL)
    for task in tx.all(sa.select(t.tasks.c.id).where(theirs, t.tasks.c.status.not_in(over))):
        loop.task_event(tx, task["id"], task_machine.HolderEnded(session_id))


def _announce(tx: Transaction, row: Row) -> None:
    shown = {key: row[key] for key in ("id", "team_id", "role", "worker_role", "name", "status")}
    tx.publish(channels.project(row["project_id"]), "session.updated", session=shown)
