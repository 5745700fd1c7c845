"""A whole team of real agents with the scripted model: written, sent back once, steered in the turn, merged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from actors.stage import begin, end, nothing_left
from models.script import After, Part, Say
from models.server import playing
from models.tools import Read, Run, Write
from workspace.sample import Sample

from maestro_ray.config import Config, SandboxTable
from maestro_ray.home import Home
from maestro_ray.testing import LocalMaestro

from .codex import provider
from .gemini import MODEL
from .opencode import OPENCODE
from .programs import HERE
from .recipes import RECIPES
from .workplace import Workplace


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
    # a checkout below /tmp would not be seen in it, nor what a link in it leads to
    rules = SandboxTable(request.param, read=(str(HERE), str((HERE / "node_modules").resolve())))
    config = Config(ping=0.05, lease=1.0, stop_grace=0.3, pool=4, sandbox=rules)
    async with LocalMaestro(home, config=config) as maestro:
        yield maestro


def settings(url: str) -> str:
    """The configuration that points Codex at the scripted model; the others are told by their environment."""
    keep_in = json.dumps([name for name in OPENCODE.env(url) if name != "OPENCODE_CONFIG_CONTENT"])
    return f"""
[providers.codex-here]
kind = "codex"
env = ["MODEL_KEY"]
argv = {json.dumps(provider(url))}

[providers.opencode-here]
kind = "opencode"
env = {keep_in}
"""


GEMINI = f"gemini:{MODEL}"
# who asks for words between its steps has none of them before the step that it is at is done
LATE = ("qwen",)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("dev", "review", "how"),
    [
        ("claude", "codex-here", "in-turn"),
        ("codex-here", "claude", "in-turn"),
        ("opencode-here", GEMINI, "in-turn"),
        (GEMINI, "qwen", "restart-with-resume"),
        ("qwen", "opencode-here", "in-turn"),
    ],
)
async def test_a_plan_is_sent_back_once_steered_and_merged(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path, dev: str, review: str, how: str
) -> None:
    place = Workplace(tmp_path / "place")
    # of the parts whose words were said last the first one is played
    parts = (
        # Qwen changes only what it has read
        Part((Read("one.txt"), Write("one.txt", "better\n"), Say("Mended it.")), words="was rejected"),
        Part(
            (Write("one.txt", "first\n"), After("go", Run("true")), Say("Wrote it.")), words="Make the change"
        ),
        Part((Say("Good.\nVERDICT: APPROVED"),), words="it must say better"),
        Part((Say("Too short.\nVERDICT: REJECTED — it must say better"),), words="Judge whether"),
    )
    async with playing(*parts) as model:
        (home.root / "config.toml").write_text(settings(model.url))
        env = everything(model.url, place)
        answer = await begin(maestro, sample, providers={"dev": dev, "review": review}, env=env)
        team = answer["team"]["name"]
        await model.waited("go")
        await maestro.call("steer", team=team, text="Keep the public API.")
        if dev in LATE:
            model.open("go")
        receipt = await maestro.until("receipt", worker="dev-1")
        model.open("go")
        await over(maestro)
        result = await end(maestro)
        assert result["status"] == "completed"
        assert sample.git("show", "main:one.txt") == "better"
    assert receipt["body"]["how"] == how
    assert [each["verdict"] for each in result["verdicts"]] == ["REJECTED", "APPROVED"]
    first_review = next(n for n, asked in enumerate(model.asked) if "Judge whether" in asked.question.said)
    assert any("[OPERATOR STEERING]" in asked.question.said for asked in model.asked[:first_review])
    nothing_left(home, sample)
    assert place.left() == []


PLAN = '{"title": "A plan", "test": "true", "tasks": [{"key": "one", "title": "Write one"}]}'


@pytest.mark.parametrize(("lead", "dev"), [("claude", "codex-here"), ("codex-here", "claude")])
async def test_a_goal_becomes_a_plan_that_is_mended_accepted_and_released(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path, lead: str, dev: str
) -> None:
    """The lead's first reply is no plan; it is told why in the same session."""
    place = Workplace(tmp_path / "place")
    parts = (
        Part((Say(f"Now it is one.\n```json\n{PLAN}\n```\n"),), words="What is wrong with your plan"),
        Part((Run("ls"), Say('I looked.\n```json\n{"title": "A plan"}\n```\n')), words="You plan, others do"),
        Part((Write("one.txt", "first\n"), Say("Wrote it.")), words="Make the change"),
        Part((Say("Good.\nVERDICT: APPROVED"),), words="Judge whether"),
    )
    async with playing(*parts) as model:
        (home.root / "config.toml").write_text(settings(model.url))
        env = {
            **RECIPES["claude"].environment(model.url, place),
            **RECIPES["codex"].environment(model.url, place),
        }
        providers = {"lead": lead, "dev": dev, "review": dev}
        await begin(maestro, sample, providers=providers, env=env, plan=None, goal="Write one.")
        shown = await maestro.until("plan.proposed")
        await maestro.call("decide.answer", id=shown["decision"]["id"], answer="approve")
        result = await end(maestro)
        assert result["status"] == "completed"
        assert sample.git("show", "main:one.txt") == "first"
    assert [task["key"] for task in shown["plan"]["tasks"]] == ["one"]
    # what was asked again is a turn of the same session: its own words are in it
    mended = next(
        asked.question.said for asked in model.asked if "What is wrong with your plan" in asked.question.said
    )
    assert "tasks: must be a list of at least one task" in mended
    nothing_left(home, sample)
    assert place.left() == []


async def over(maestro: LocalMaestro) -> None:
    """Some take twenty seconds to start on a busy machine, and four turns follow one another."""
    async with asyncio.timeout(400):
        async for event in maestro.events():
            if event["kind"] == "team.ended":
                return


def everything(url: str, place: Workplace) -> dict[str, str]:
    """What the shell of a person has who uses all of them; its PATH has every program."""
    names = ("claude", "codex", "opencode", "gemini", "qwen")
    # OpenCode has been used before, and cannot write there in a box
    for used in (".config/opencode", ".cache/opencode/bin", ".local/share/opencode"):
        (place.home / used).mkdir(parents=True, exist_ok=True)
    (place.home / ".config" / "opencode" / "opencode.json").write_text('{"permission": {"webfetch": "deny"}}')
    (place.home / ".local" / "share" / "opencode" / "auth.json").write_text("{}")
    return {name: value for each in names for name, value in RECIPES[each].environment(url, place).items()}
