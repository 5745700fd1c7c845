"""`studio.merges`: 50 approved branches through the merge queue, against `git merge --no-ff` in a shell's loop.

The queue is a real Studio and a real lead with its Connections, in one process without Ray; the tasks stand as they do
once their reviews are over. What is timed is from the activation of the plan to the end of its last merge. `the lead
alone` are the same merges as the lead makes them, without Studio.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from actors.parts import a_lead, a_lead_run, a_run
from bench.table import Table

from maestro_ray.actors.lead_work import LeadWork
from maestro_ray.home import Home
from maestro_ray.model.plan_file import from_json
from maestro_ray.studio import plans
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Transaction
from maestro_ray.testing import LocalMaestro

BRANCHES, FILES = 50, 200
EPIC = "epic/a-plan-1"
WHO = "someone <someone@example.invalid> 1800000000 +0000"
ENV = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "HOME": "/nonexistent",
}
LOOP = 'for sha in $SHAS; do git merge --no-ff --quiet -m "Merge: a task" "$sha" || exit 1; done'


def measure(rounds: int) -> Table:
    table = Table("s")
    count = 5 if rounds == 1 else BRANCHES  # once is a look whether it works
    os.environ.update({name: ENV[name] for name in ENV if name.startswith("GIT_")})
    kinds = {"git in a loop": _in_a_loop, "the lead alone": _the_lead, "the merge queue": _the_queue}
    for _ in range(rounds or 7):
        for what, work in kinds.items():
            with tempfile.TemporaryDirectory(prefix="b-", dir="/tmp") as name:
                directory = Path(name)
                shas = make(directory / "repo", count)
                took, worked = work(directory, shas)
                table.add(what, took)
                table.add(f"{what}, processor", worked)
    for what, target in (("the merge queue", "≤ 1.3"), ("the lead alone", "-")):
        table.ratio(what, "git in a loop", target)
        table.ratio(f"{what}, processor", "git in a loop, processor", "-")
    return table


def make(repo: Path, count: int) -> list[str]:
    """A repository of some files with an epic, and as many commits upon it as asked for, each with a file of its own."""
    subprocess.run(["git", "init", "-q", "-b", "main", str(repo)], env=ENV, check=True)
    files = "".join(f"M 644 inline src/{n % 10}/file{n}.txt\n{_data(f'line {n}' * 40)}" for n in range(FILES))
    stream = _commit("main", "first", "", files) + _commit(EPIC, "begin", "from refs/heads/main\n", "")
    for n in range(count):
        stream += _commit(
            f"task/{n}", f"task {n}", f"from refs/heads/{EPIC}\n", f"M 644 inline new/{n}.txt\n{_data('x')}"
        )
    _git(repo, "fast-import", "--quiet", given=stream)
    _git(repo, "reset", "-q", "--hard")
    return _git(repo, "for-each-ref", "--format=%(objectname)", "refs/heads/task").split()


def _commit(branch: str, message: str, start: str, changes: str) -> str:
    return f"commit refs/heads/{branch}\ncommitter {WHO}\n{_data(message)}{start}{changes}\n"


def _data(text: str) -> str:
    return f"data {len(text)}\n{text}\n"


def _git(repo: Path, *words: str, given: str = "") -> str:
    done = subprocess.run(
        ["git", *words], cwd=repo, env=ENV, input=given, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.strip()


@contextmanager
def _timed(into: list[float]) -> Iterator[None]:
    """Seconds by the clock, and of processor with that of the children that have ended."""
    began, worked = time.perf_counter(), _processor()
    yield
    into += [time.perf_counter() - began, _processor() - worked]


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _in_a_loop(directory: Path, shas: list[str]) -> list[float]:
    repo, took = directory / "repo", []
    _git(repo, "checkout", "-q", EPIC)
    env = {
        **ENV,
        "SHAS": " ".join(shas),
        **dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "someone"),
    }
    env |= dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "someone@example.invalid")
    with _timed(took):
        subprocess.run(["sh", "-c", LOOP], cwd=repo, env=env, check=True)
    _all_there(repo, EPIC, shas)
    return took


def _the_lead(directory: Path, shas: list[str]) -> list[float]:
    return asyncio.run(_lead(directory, shas))


async def _lead(directory: Path, shas: list[str]) -> list[float]:
    repo, took = directory / "repo", []
    work = LeadWork(a_lead(Home(directory / "home", directory / "home" / "run"), repo))
    head = _git(repo, "rev-parse", EPIC)
    with _timed(took):
        for sha in shas:
            plan = a_lead_run("merge", head)["plan"]
            outcome = await work.do(a_run(head, "merge", commit=sha, plan=plan))
            head = outcome.body["result"]["merge"]
    _all_there(repo, EPIC, shas)
    return took


def _the_queue(directory: Path, shas: list[str]) -> list[float]:
    return asyncio.run(_queue(directory, shas))


async def _queue(directory: Path, shas: list[str]) -> list[float]:
    home, repo, took = Home(directory / "h", directory / "h" / "run"), directory / "repo", []
    async with LocalMaestro(home) as maestro:
        asked = {"roles": {"dev": 1}, "providers": {"dev": "command:true"}, "env": {"PATH": ENV["PATH"]}}
        await maestro.call("team.start", repo=str(repo), **asked)
        store, start = maestro.studio.store, _git(repo, "rev-parse", EPIC)
        plan = await store.write(_approved, shas, start)
        merged = _Merged(maestro, len(shas))
        with _timed(took):
            await maestro.connections.studio.post(f"plans/{plan}/activate")
            await asyncio.wait_for(merged.all.wait(), 300)
        _all_there(repo, EPIC, shas)
    return took


class _Merged:
    """Knows from Studio's events when as many tasks are merged as there are."""

    def __init__(self, maestro: LocalMaestro, count: int) -> None:
        self.all, self._left, self._told = asyncio.Event(), count, maestro.studio.hub.watch
        maestro.studio.hub.watch = self._hear

    def _hear(self, name: str, params: dict[str, Any]) -> None:
        self._told(name, params)
        if name == "task.updated" and params["task"]["status"] == "merged":
            self._left -= 1
            if not self._left:
                self.all.set()


def _all_there(repo: Path, branch: str, shas: list[str]) -> None:
    assert int(_git(repo, "rev-list", "--count", "--merges", branch)) == len(shas)


def _approved(tx: Transaction, shas: list[str], start: str) -> str:
    """A plan whose tasks wait for nothing but their merge."""
    (project,) = tx.all(sa.select(t.projects))
    draft = from_json(
        {"title": "A plan", "base": "main", "tasks": [{"title": f"Task {sha[:8]}"} for sha in shas]}
    )
    plan = plans.create(tx, project["id"], draft, epic_branch=EPIC, epic_start=start, epic_head=start)
    for task, sha in zip(plan["tasks"], shas, strict=True):
        tx.update(
            t.tasks,
            task["id"],
            base_commit=start,
            head=sha,
            judged=sha,
            approved=sha,
            branch_name=f"task/{sha}",
        )
    return str(plan["id"])
