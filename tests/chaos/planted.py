"""Rows and commits that are put where Studio and git would have put them, for the tests of what chaos looks at."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

from maestro_ray.home import Home
from maestro_ray.studio import database, upgrade


def empty_studio(work):
    """Its database, with no row."""
    home = Home.find(work.machine.env)
    home.prepare()
    engine = database.connect(home.studio_database)
    upgrade.bring_up(engine, home.studio_database)
    engine.dispose()


def row(work, table, **values):
    """One row, with what its columns need and this does not say."""
    with closing(sqlite3.connect(Home.find(work.machine.env).studio_database)) as connection, connection:
        for _, name, kind, needed, default, _ in connection.execute(f"PRAGMA table_info({table})"):
            if needed and default is None and name not in values:
                values[name] = (
                    0 if kind.startswith(("INT", "BIG", "FLOAT", "BOOL")) else "{}" if kind == "JSON" else ""
                )
        names = ", ".join(f'"{name}"' for name in values)
        cells = [json.dumps(value) if isinstance(value, dict | list) else value for value in values.values()]
        connection.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(cells))})", cells)


def run(work, name, task, purpose, state, plan="plan-1"):
    row(work, "runs", id=name, project_id="project-1", plan_id=plan, task_id=f"task-{task}", purpose=purpose,
        state=state, commit=f"c{task}")  # fmt: skip


def change(work, statement):
    with closing(sqlite3.connect(Home.find(work.machine.env).studio_database)) as connection, connection:
        connection.execute(statement)


def commit(work, file, subject):
    (work.repo / file).write_text("x")
    work.machine.git(work.repo, "add", "-A")
    work.machine.git(
        work.repo, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", subject
    )
