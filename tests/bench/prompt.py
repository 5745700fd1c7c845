"""`prompt`: the prompt of a run whose worker has fifty skills, made as a worker makes it: with what Studio knows of the
repository, comments, evidence and directives. The skills are found once, at the start of a team: that is measured too.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from actors.parts import a_run, a_worker, command
from bench.table import Table
from workspace.sample import Sample

from maestro_ray.actors.equipment import Equipment
from maestro_ray.actors.equipping import equip
from maestro_ray.actors.workbench import Workbench
from maestro_ray.config import Config
from maestro_ray.home import Home

SKILLS = 50
NAMES = tuple(f"skill-{number}" for number in range(SKILLS))
PURPOSES = {"dev": "execute", "review": "review"}
_TEXT = "---\nname: {0}\ndescription: {1}\nlicense: MIT\nmetadata:\n  author: x\n---\n# What to do\n{2}\n"
_WORDS = "Use it when a file of this kind has to be read or written. " * 4
_DIRECTIVES = ["Keep the public API as it is.", "No new dependencies."]


def measure(rounds: int) -> Table:
    table = Table("ms")
    with tempfile.TemporaryDirectory(prefix="b-", dir="/tmp") as directory:
        _measured(table, Path(directory), rounds or 50)
    for role in PURPOSES:
        table.alone(f"the prompt of a {role}, 50 skills", "≤ 20")
        table.more(f"the prompt of a {role}, 50 skills", f"the prompt of a {role}, none", "-")
    table.more("50 skills found, at the start of a team", "read the files", "-")
    return table


def _measured(table: Table, directory: Path, rounds: int) -> None:
    home = Home(directory / "home", directory / "home" / "run")
    home.prepare()
    sample = Sample.make(
        directory / "project", **{f".claude/skills/{name}/SKILL.md": _skill(name) for name in NAMES}
    )
    files = sorted(sample.path.rglob("SKILL.md"))
    wanted = dict.fromkeys(PURPOSES, NAMES)

    def found() -> Equipment:
        return equip(home, sample.path, Config(), wanted, [], {}, {})

    equipment = found()  # and yaml is imported
    prompts = {
        f"the prompt of a {role}, {what}": _prompt(home, sample, role, each)
        for role in PURPOSES
        for what, each in (("none", Equipment()), ("50 skills", equipment))
    }
    for name, prompt in prompts.items():
        assert prompt().count("\n- skill-") == (SKILLS if "50" in name else 0)
    for _ in range(rounds):
        table.add("read the files", _timed(lambda: [each.read_text() for each in files]))
        table.add("50 skills found, at the start of a team", _timed(found))
        for name, prompt in prompts.items():
            table.add(name, _timed(prompt))


def _prompt(home: Home, sample: Sample, role: str, equipment: Equipment) -> Callable[[], str]:
    """What a worker of this role does for the prompt of each turn."""
    bench = Workbench(a_worker(home, sample.path, command("true"), role, equipment=equipment))
    run = _run(sample.sha("main"), PURPOSES[role])
    asyncio.run(bench.prepare(run))
    return lambda: bench.job(run, _DIRECTIVES).prompt


def _run(base: str, purpose: str) -> dict[str, Any]:
    """With everything that Studio may send along, about as long as it is in a project that has been worked on."""
    knowledge = [
        {"kind": "commands", "title": f"Commands {number}", "body": "make test\n" * 60, "path": ""}
        for number in range(10)
    ]
    comments = [{"author": "review-1", "body": "The last page is missing.\n" * 40} for _ in range(5)]
    evidence = {"command": "make test", "exit_code": 1, "counts": {}, "output": "a line of a test\n" * 1000}
    return a_run(
        base, purpose, id=f"run-{purpose}", knowledge=knowledge, comments=comments, evidence=evidence
    )


def _skill(name: str) -> str:
    return _TEXT.format(name, _WORDS, "One thing after the other.\n" * 200)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000
