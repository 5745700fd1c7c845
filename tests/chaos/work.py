"""Work without end: one team after the other on one repository, each with a plan of small tasks."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from e2e.machine import Machine

from maestro_ray.home import Home

TASKS = 6
# leaves a process that has its own session and would outlive its parent by far
DEVELOPER = """
echo begun
setsid sleep 3600 >/dev/null 2>&1 &
sleep 0.7
echo $MAESTRO_RUN > $MAESTRO_KEY.txt
"""
REVIEW = "review=command:sh -c 'sleep 0.3; test -s $MAESTRO_KEY.txt && echo VERDICT: APPROVED'"
OVER = ("completed", "cancelled")


@dataclass
class Work:
    """What was begun on this machine, and how far it is: Studio's own file says so."""

    machine: Machine
    repo: Path
    begun: int = 0
    answered: int = 0
    watch: subprocess.Popen[bytes] | None = None
    # what was killed, and when (Unix seconds)
    killed: list[tuple[float, str]] = field(default_factory=list)

    # how many judge each commit
    reviewers: ClassVar[int] = 1

    @classmethod
    def on(cls, machine: Machine) -> Self:
        (machine.directory / "develop.sh").write_text(DEVELOPER)
        return cls(machine, machine.repository("work"))

    @property
    def log(self) -> Path:
        """What the last `maestro team` said."""
        return self.machine.directory / "team.log"

    def begin(self) -> None:
        """`maestro team` for one more plan. It may be cut at any moment; its plan is there once then, or it is not."""
        self.begun += 1
        file = self.machine.directory / "plan.toml"
        file.write_text(_plan(self.begun))
        roles = ["--dev", "3", "--review", "1", "--test", "1"]
        develop = f"dev=command:sh {self.machine.directory / 'develop.sh'}"
        with self.log.open("wb") as log:
            self.watch = subprocess.Popen(
                [sys.executable, "-m", "maestro_cli.main", "team", *roles, "--plan", str(file),
                 "--provider", develop, "--provider", REVIEW],
                cwd=self.repo, env=self.machine.env, stdout=log, stderr=log,
            )  # fmt: skip

    def watched(self) -> bool:
        """Whether `maestro team` goes on, starting or watching."""
        return self.watch is not None and self.watch.poll() is None

    def pids(self) -> list[int]:
        return [self.watch.pid] if self.watch is not None and self.watched() else []

    def plans(self, title: str = "") -> list[dict[str, Any]]:
        rows = self.rows("SELECT id, title, status FROM plans ORDER BY created_at")
        return [row for row in rows if title in ("", row["title"])]

    def idle(self) -> bool:
        """No plan goes on, and none is being started."""
        return not self.watched() and all(plan["status"] in OVER for plan in self.plans())

    def answer(self) -> list[str]:
        """Do what an operator would: try again whatever was given up. The questions that were answered."""
        asked = self.rows("SELECT id, question, options FROM decisions WHERE status = 'open'")
        for card in asked:
            options = json.loads(card["options"])
            choice = "retry" if "retry" in options else options[0]
            done = self.machine.run("decide", card["id"], choice, cwd=self.repo)
            self.answered += done.returncode == 0
        return [card["question"] for card in asked]

    def files(self, title: str) -> list[str]:
        """What the tasks of a plan leave in the repository."""
        return [f"p{title.rsplit(maxsplit=1)[-1]}-t{number}.txt" for number in range(TASKS)]

    def broken(self) -> list[str]:
        """What is wrong of that which only this work can know."""
        return []

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """What Studio's database says now; nothing while there is none."""
        database = Home.find(self.machine.env).studio_database
        if not database.exists():
            return []
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=20)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query, values)]


def _plan(number: int) -> str:
    lines = [f'title = "Plan {number}"', 'test = "sleep 0.3; ls *.txt"']
    for task in range(TASKS):
        depends = [f'"p{number}-t{task - 3}"'] if task >= 3 else []
        lines += ["[[tasks]]", f'id = "p{number}-t{task}"', f'title = "Task {task} of plan {number}"']
        lines.append(f"depends = [{', '.join(depends)}]")
    return "\n".join(lines)
