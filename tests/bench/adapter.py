"""`adapter`: a turn of a worker with the real Claude Code and Codex, against their bare programs on the same task."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from actors.parts import a_worker
from agents.cases import CASES, PROMPT
from agents.codex import provider
from agents.recipes import RECIPES
from agents.workplace import Workplace
from bench.table import Table
from models.server import playing
from providers.jobs import a_job

from maestro_ray.actors.turn import Ears, Turn
from maestro_ray.agent.confined import Confined
from maestro_ray.home import Home
from maestro_ray.model.agent import Finished
from maestro_ray.ports import Job, ProviderSpec

NAMES = ("claude", "codex")


def measure(rounds: int) -> Table:
    table = Table("ms")
    with tempfile.TemporaryDirectory(prefix="b-", dir="/tmp") as directory:
        for number in range(rounds or 10):
            for name in NAMES:
                asyncio.run(_round(table, name, Path(directory) / f"{name}-{number}"))
    for name in NAMES:
        table.more(f"{name} in a worker's turn", f"{name} itself", "≤ 100 ms, or ≤ 5 % of it")
        table.ratio(f"{name} in a worker's turn", f"{name} itself", "≤ 1.05")
    return table


async def _round(table: Table, name: str, top: Path) -> None:
    async with playing(CASES["edit"].part) as model:
        table.add(f"{name} itself", await asyncio.to_thread(_bare, name, model.url, Workplace(top / "bare")))
    async with playing(CASES["edit"].part) as model:
        begun, took = await _turn(name, model.url, Workplace(top / "turn"), top)
        table.add(f"{name} in a worker's turn", took)
        table.add(f"{name}, until its program runs", begun)


def _bare(name: str, url: str, place: Workplace) -> float:
    """Its plain headless call, from the start of the program to its end."""
    recipe = RECIPES[name]
    env, argv = recipe.environment(url, place), recipe.argv(PROMPT, url, place)
    began = time.perf_counter()
    subprocess.run(argv, env=env, cwd=place.folder, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    took = (time.perf_counter() - began) * 1000
    assert (place.folder / "hello.txt").read_text() == "hello\n"
    return took


async def _turn(name: str, url: str, place: Workplace, top: Path) -> tuple[float, float]:
    """Until its program runs, which is all that a worker does before it, and until its turn is over."""
    home = Home(top / "home", top / "home" / "run")
    home.prepare()
    (scratch := top / "scratch").mkdir()
    env = RECIPES[name].environment(url, place)
    spec = ProviderSpec(name, args=tuple(provider(url)) if name == "codex" else (), env=tuple(env))
    job = a_job(worktree=place.folder, scratch=scratch, prompt=PROMPT)
    began = time.perf_counter()
    turn = Turn(a_worker(home, place.folder, spec, env=env), job, Ears(lambda _text: None), _free)
    await turn.begin()
    begun = (time.perf_counter() - began) * 1000
    ended = await turn.finish()
    took = (time.perf_counter() - began) * 1000
    await turn.stop()
    assert isinstance(ended.event, Finished), ended.event
    assert (place.folder / "hello.txt").read_text() == "hello\n"
    return begun, took


async def _free(_job: Job, argv: Sequence[str], _env: Mapping[str, str], _more: Sequence[Path]) -> Confined:
    """The bare program has no box either."""
    return Confined(tuple(argv))
