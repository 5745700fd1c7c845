"""Teams of pi, of Codex by `codex exec`, and of mini-swe-agent as a command: sent back once, and merged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from actors.stage import begin, end, nothing_left
from models.script import After, Part, Say, Step
from models.server import ModelServer, playing
from models.tools import Run, Write
from workspace.sample import Sample

from maestro_ray.config import Config, SandboxTable
from maestro_ray.home import Home
from maestro_ray.testing import LocalMaestro

from .codex import provider
from .mini import MINI
from .programs import HERE, program
from .recipes import RECIPES
from .workplace import Workplace

# seconds for two turns of a program that takes ten to start
PATIENCE = 150.0
REVIEW = "command:sh -c 'grep -q better one.txt && echo VERDICT: APPROVED || echo VERDICT: REJECTED - it must say better'"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home", tmp_path / "home" / "run")
    home.prepare()
    return home


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return Sample.make(tmp_path / "sample")


@pytest.fixture(params=["off", "auto"])
async def maestro(request: pytest.FixtureRequest, home: Home) -> AsyncIterator[LocalMaestro]:
    """Outside of a box, and in the one that this machine has."""
    # a checkout below /tmp, or a link that leads there, would not be seen in it
    places = (
        HERE,
        program("node").resolve(),
        program("mini").parent.parent.resolve(),
        (HERE / "node_modules").resolve(),
    )
    rules = SandboxTable(request.param, read=tuple(map(str, places)))
    config = Config(ping=0.05, lease=1.0, stop_grace=0.3, pool=4, sandbox=rules)
    async with LocalMaestro(home, config=config) as maestro:
        yield maestro


def table(kind: str, **keys: Any) -> str:
    lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    return "\n".join([f"[providers.here]\nkind = {kind!r}", *lines, ""])


def parts(*first: Step) -> tuple[Part, ...]:
    """Of the parts whose words were said last the first one is played."""
    again = (Write("one.txt", "better\n"), Say("Mended it."))
    return Part(again, words="was rejected"), Part((*first, Say("Wrote it.")), words="Make the change")


async def goes_through(
    maestro: LocalMaestro,
    home: Home,
    sample: Sample,
    env: Mapping[str, str],
    model: ModelServer,
    settings: str,
) -> Mapping[str, Any]:
    (home.root / "config.toml").write_text(settings)
    await begin(maestro, sample, providers={"dev": "here", "review": REVIEW}, env=dict(env))
    async with asyncio.timeout(PATIENCE):
        async for event in maestro.events():
            if event["kind"] == "team.ended":
                break
    result = await end(maestro)
    assert not model.broken, model.broken
    assert result["status"] == "completed"
    assert sample.git("show", "main:one.txt") == "better"
    assert [each["verdict"] for each in result["verdicts"]] == ["REJECTED", "APPROVED"]
    nothing_left(home, sample)
    return result


async def test_pi_is_sent_back_once_steered_and_merged(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path
) -> None:
    place = Workplace(tmp_path / "place")
    slow = (Write("one.txt", "first\n"), After("go", Run("true")))
    async with playing(*parts(*slow)) as model:
        settings = table("pi", model="model", args=["--provider", "scripted"], env=["MODEL_KEY"])
        (home.root / "config.toml").write_text(settings)
        env = RECIPES["pi"].environment(model.url, place)
        answer = await begin(maestro, sample, providers={"dev": "here", "review": REVIEW}, env=env)
        await model.waited("go")
        await maestro.call("steer", team=answer["team"]["name"], text="Keep the public API.")
        # it is in the queue of the program, and the model hears it when its tool has ended
        model.open("go")
        receipt = await maestro.until("receipt", worker="dev-1")
        assert receipt["body"]["how"] == "in-turn"
        result = await end(maestro)
        assert sample.git("show", "main:one.txt") == "better"
    assert [each["verdict"] for each in result["verdicts"]] == ["REJECTED", "APPROVED"]
    assert any("[OPERATOR STEERING]" in asked.question.said for asked in model.asked[:4])
    nothing_left(home, sample)
    assert place.left() == []


async def test_codex_by_its_plain_way_hears_the_operator_in_another_turn(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path
) -> None:
    place = Workplace(tmp_path / "place")
    slow = (Write("one.txt", "first\n"), After("go", Run("true")))
    heard = Part((Say("Heard it."),), words="Keep the public API.")
    mended = Part((Write("one.txt", "better\n"), Say("Mended it.")), words="was rejected")
    made = Part((*slow, Say("Wrote it.")), words="Make the change")
    async with playing(mended, heard, made) as model:
        settings = table("codex", exec=True, args=provider(model.url), env=["MODEL_KEY"])
        (home.root / "config.toml").write_text(settings)
        env = RECIPES["codex"].environment(model.url, place)
        answer = await begin(maestro, sample, providers={"dev": "here", "review": REVIEW}, env=env)
        await model.waited("go")
        await maestro.call("steer", team=answer["team"]["name"], text="Keep the public API.")
        model.open("go")
        receipt = await maestro.until("receipt", worker="dev-1")
        assert receipt["body"]["how"] == "next-turn"
        assert (await end(maestro))["status"] == "completed"
        assert sample.git("show", "main:one.txt") == "better"
    nothing_left(home, sample)
    assert place.left() == []


async def test_mini_swe_agent_is_a_command(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path
) -> None:
    place = Workplace(tmp_path / "place")
    async with playing(*parts(Write("one.txt", "first\n"))) as model:
        env = MINI.environment(model.url, place)
        # in its box it cannot write where it keeps its settings
        argv = ["env", "MSWEA_GLOBAL_CONFIG_DIR={scratch}", "mini", "-y", "--exit-immediately", "-m", "openai/model", "-o", "{scratch}/trajectory.json",
                "-t", "{prompt}"]  # fmt: skip
        names = [name for name in env if name.startswith(("OPENAI_", "MSWEA_", "LITELLM_", "COLUMNS"))]
        await goes_through(maestro, home, sample, env, model, table("command", argv=argv, env=names))
    assert place.left() == []
