"""`studio.tasks`: a task made and a task read, against a row inserted and a constant answered by a bare app.

Both servers are asked over one connection each, in turns. Studio makes a task with its plan: two rows, the line of the
audit log, and the answer with the whole plan; the bare app inserts one row and answers with it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.studio.keep_alive import KeepAlive
from bench.studio.server import Server
from bench.studio.visitor import owner
from bench.table import Table

ONCE = 50
TASK = {"title": "One", "description": "What there is to do."}


def measure(rounds: int) -> Table:
    table = Table("ms")
    with tempfile.TemporaryDirectory(prefix="b-", dir="/tmp") as name:
        home = Path(name) / "home"
        with Server.studio(home) as studio, Server.bare(Path(name)) as bare:
            ours, theirs = owner(studio, home), bare.client()
            project = ours.call("POST", "/api/v1/projects", {"key": "local:bench/a", "name": "a"})["id"]
            body = {"project_id": project, "draft": {"title": "A plan", "tasks": [TASK]}}
            for _ in range(rounds or 10):
                _round(table, (studio, ours), (bare, theirs), body)
    inserted, answered = "bare app, a row inserted", "bare app, a constant answered"
    table.ratio("Studio, a task made", inserted, "≤ 1.5")
    table.ratio("Studio, a task made, processor", f"{inserted}, processor", "-")
    table.more("Studio, a task read", answered, "≤ 1 ms more")
    return table


def _round(
    table: Table, studio: tuple[Server, KeepAlive], bare: tuple[Server, KeepAlive], body: dict[str, object]
) -> None:
    inserted, made = "bare app, a row inserted", "Studio, a task made"
    before = bare[0].worked(), studio[0].worked()
    for _ in range(ONCE):
        table.add(inserted, bare[1].timed("POST", "/tasks", TASK)[0])
        took, plan = studio[1].timed("POST", "/api/v1/plans", body)
        table.add(made, took)
    table.add(f"{inserted}, processor", (bare[0].worked() - before[0]) / ONCE)
    table.add(f"{made}, processor", (studio[0].worked() - before[1]) / ONCE)
    for _ in range(ONCE):
        table.add("bare app, a constant answered", bare[1].timed("GET", "/up")[0])
        task = f"/api/v1/tasks/{plan['tasks'][0]['id']}"
        table.add("Studio, a task read", studio[1].timed("GET", task)[0])
