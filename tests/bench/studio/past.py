"""A long past for a Studio's database: plans that are over, with all their runs, written without Studio."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from maestro_ray.ids import new_id
from maestro_ray.studio import database, upgrade
from maestro_ray.studio import schema as t

KEY = "local:bench/past"
BEGAN, DAY = 1_700_000_000.0, 86_400.0
TEAMS, MEMBERS, TASKS = 200, 5, 20
PURPOSES = ("execute", "test", "review", "merge")
COMMIT = "5" * 40
SPENT = {"input_tokens": 20_000, "output_tokens": 3_000, "cost_usd": 0.25}

Rows = dict[sa.Table, list[dict[str, Any]]]


def write(file: Path, runs: int) -> str:
    """A database with as many finished runs of one project, whose id comes back; 0 makes the project alone."""
    file.parent.mkdir(mode=0o700, parents=True)
    engine = database.connect(file)
    upgrade.bring_up(engine, file)
    project = new_id()
    with engine.begin() as connection:
        connection.execute(
            t.projects.insert(), {"id": project, "key": KEY, "name": "past", "created_at": BEGAN}
        )
        for table, rows in _past(project, runs).items():
            for some in _pieces(rows, 5000):
                connection.execute(table.insert(), some)
    engine.dispose()
    return project


def _past(project: str, runs: int) -> Rows:
    tables = (
        t.teams, t.sessions, t.plans, t.phases, t.tasks, t.runs, t.verdicts, t.comments, t.audit, t.messages, t.spent,
    )  # fmt: skip
    rows: Rows = {table: [] for table in tables}
    plans = runs // (TASKS * len(PURPOSES))
    teams = [_team(rows, project, number) for number in range(min(TEAMS, plans))]
    for number in range(plans):
        team, members = teams[number % len(teams)]
        _plan(rows, project, team, members, BEGAN + number * DAY / 10)
    rows[t.spent] = _spent(project, rows[t.plans])
    return rows


def _spent(project: str, plans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The sums of each plan and of the project."""
    each = TASKS * len(PURPOSES)
    return [
        {
            "project_id": project,
            "plan_id": plan,
            "runs": runs,
            **{name: runs * used for name, used in SPENT.items()},
        }
        for plan, runs in [("", len(plans) * each), *((plan["id"], each) for plan in plans)]
        if runs
    ]


def _team(rows: Rows, project: str, number: int) -> tuple[str, list[str]]:
    team, over = new_id(), {"status": "ended", "ended_at": BEGAN + number * DAY, "created_at": BEGAN}
    rows[t.teams].append(
        {"id": team, "project_id": project, "name": f"past-{number}", "workspace": "w", **over}
    )
    of = {"project_id": project, "team_id": team, "user_id": "u", "lease_until": BEGAN, **over}
    ids = [new_id() for _ in range(MEMBERS)]
    for place, session in enumerate(ids):
        role = {
            "role": "worker" if place else "lead",
            "worker_role": "dev" if place else "",
            "name": f"dev-{place}",
        }
        rows[t.sessions].append({"id": session, **of, **role})
    said = {
        "team_id": team,
        "sender": "dev-1",
        "kind": "message.posted",
        "body": {"text": "I am done."},
        "at": BEGAN,
    }
    rows[t.messages] += [{**said, "number": place} for place in range(50)]
    return team, ids


def _plan(rows: Rows, project: str, team: str, members: list[str], at: float) -> None:
    plan, phase = new_id(), new_id()
    rows[t.plans].append(
        {
            "id": plan, "project_id": project, "team_id": team, "workspace": "w", "title": "A plan of the past",
            "status": "completed", "base_branch": "main", "epic_branch": f"epic/{plan[-6:]}", "epic_start": COMMIT,
            "epic_head": COMMIT, "released": COMMIT, "created_at": at, "completed_at": at + 100, "served_at": at,
        }
    )  # fmt: skip
    rows[t.phases].append({"id": phase, "plan_id": plan, "position": 0, "title": ""})
    asked = {"project_id": project, "user_id": "u", "action": "plan", "created_at": at}
    rows[t.audit] += [{"id": new_id(), "subject": f"/api/v1/plans/{plan}", **asked} for _ in range(4)]
    for place in range(TASKS):
        task = new_id()
        rows[t.tasks].append(
            {
                "id": task, "plan_id": plan, "phase_id": phase, "position": place, "key": f"t{place}",
                "title": f"Task {place}", "description": "What there was to do. " * 10, "status": "completed",
                "branch_name": f"task/{task[-6:]}", "base_commit": COMMIT, "head": COMMIT, "judged": COMMIT,
                "approved": COMMIT, "merged": COMMIT, "attempts": 1, "created_at": at, "finished_at": at + 90,
            }
        )  # fmt: skip
        of = {"project_id": project, "plan_id": plan, "task_id": task}
        _runs(rows, of, members, at)


def _runs(rows: Rows, of: dict[str, Any], members: list[str], at: float) -> None:
    times = {"created_at": at, "dispatched_at": at, "started_at": at, "finished_at": at + 60}
    for number, purpose in enumerate(PURPOSES):
        run, session = new_id(), members[number % len(members)]
        rows[t.runs].append(
            {
                "id": run, **of, "session_id": session, "purpose": purpose, "state": "succeeded", "epoch": 1,
                "base": COMMIT, "commit": COMMIT, "result": {"output": "All is well. " * 10}, **SPENT, **times,
            }
        )  # fmt: skip
        if purpose == "review":
            given = {"task_id": of["task_id"], "run_id": run, "commit": COMMIT, "created_at": at}
            rows[t.verdicts].append({"id": new_id(), **given, "verdict": "APPROVED", "reason": "It works."})
    said = {"author": "reviewer", "body": "Looks good.", "created_at": at}
    rows[t.comments].append({"id": new_id(), "task_id": of["task_id"], **said})


def _pieces(rows: list[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    left = iter(rows)
    while some := list(islice(left, size)):
        yield some
