"""`studio.history`: what is asked of Studio all day, with 100,000 runs in its database and with an empty one.

Two Studios, the same team and plan at both, asked in turns. The runs are those of 1,250 plans of one project that are
over, with their tasks, verdicts, comments, sessions and messages.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from bench.studio import past
from bench.studio.agents import API, Agents
from bench.studio.keep_alive import KeepAlive
from bench.studio.server import Server
from bench.studio.visitor import browser, owner
from bench.table import Table

RUNS, FEW = 100_000, 800
EMPTY, FULL = "empty", "full"
TASKS = 40


def measure(rounds: int) -> Table:
    table = Table("ms")
    runs = FEW if rounds == 1 else RUNS  # once is a look whether it works
    with tempfile.TemporaryDirectory(prefix="b-", dir="/tmp") as name:
        homes = {EMPTY: Path(name) / "e", FULL: Path(name) / "f"}
        projects = {
            kind: past.write(home / "studio" / "studio.db", runs if kind == FULL else 0)
            for kind, home in homes.items()
        }
        with Server.studio(homes[EMPTY]) as empty, Server.studio(homes[FULL]) as full:
            day = {
                EMPTY: _Day(empty, homes[EMPTY], projects[EMPTY]),
                FULL: _Day(full, homes[FULL], projects[FULL]),
            }
            for _ in range(2 if rounds == 1 else 20 * (rounds or 6)):
                for what in _Day.CALLS:
                    for kind, each in day.items():
                        table.add(f"{what}, {kind}", each.do(what))
    for what in _Day.CALLS:
        table.ratio(f"{what}, {FULL}", f"{what}, {EMPTY}", "≤ 1.3")
    return table


class _Day:
    """What one Studio is asked."""

    CALLS = (
        "task made", "task read", "run claimed", "run completed", "spawn-queue", "plan read", "usage of projects",
        "usage of plans", "usage of runs", "page of the team", "page of the project", "page of the plan",
    )  # fmt: skip

    def __init__(self, server: Server, home: Path, project: str) -> None:
        self._client = owner(server, home)
        self._browser = browser(server, self._client)
        self._project = project
        self._agents = Agents(self._client, project, TASKS)
        self._task, self._run = "", {}
        self._left = TASKS

    def do(self, what: str) -> float:
        """Milliseconds it took."""
        client: KeepAlive = self._browser if what.startswith("page") else self._client
        took, answer = client.timed(*self._request(what))
        match what:
            case "task made":
                self._task = answer["tasks"][0]["id"]
            case "run claimed":
                self._run = answer
            case "run completed":
                self._left -= 1
                if not self._left:
                    self._next_plan()
        return took

    def _request(self, what: str) -> tuple[Any, ...]:
        match what:
            case "task made":
                draft = {"title": "A plan", "tasks": [{"title": "One"}]}
                return "POST", f"{API}plans", {"project_id": self._project, "draft": draft}
            case "task read":
                return "GET", f"{API}tasks/{self._task}"
            case "run claimed":
                return "POST", *self._agents.to_claim()
            case "run completed":
                return "POST", *self._agents.to_complete(self._run)
            case "spawn-queue":
                return "GET", self._agents.queue
            case "plan read":
                return "GET", f"{API}plans/{self._agents.plan}"
            case "page of the team":
                return "GET", f"/teams/{self._agents.team}"
            case "page of the project":
                return "GET", f"/projects/{self._project}"
            case "page of the plan":
                return "GET", f"/plans/{self._agents.plan}"
            case _:
                # one row of each, so that the answers are of the same length
                by = what.removeprefix("usage of ").removesuffix("s")
                return "GET", f"{API}usage?by={by}&limit=1"

    def _next_plan(self) -> None:
        self._agents.end()
        self._agents = Agents(self._client, self._project, TASKS)
        self._left = TASKS
