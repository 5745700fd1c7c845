"""Real agents at a cap: stopped between two answers of the scripted model, and resumed in their own session."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from actors.stage import APPROVE, begin, end, nothing_left
from actors.test_budget import card, settled, told_now
from models.script import Part, Say
from models.server import playing
from models.tools import Run, Write
from workspace.sample import Sample

from maestro_ray.home import Home
from maestro_ray.testing import LocalMaestro

from .codex import provider
from .recipes import RECIPES
from .workplace import Workplace

# each answer of the model takes 100 tokens in and makes 10
CAP, ANSWER = 350, 110


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home", tmp_path / "home" / "run")
    home.prepare()
    return home


@pytest.mark.parametrize("dev", ["claude", "codex-here"])
async def test_a_real_agent_stops_at_the_cap_and_goes_on_in_its_session(
    home: Home, tmp_path: Path, dev: str
) -> None:
    """Red with `Worker._spent` that only counts: it makes all of its answers."""
    sample, place = Sample.make(tmp_path / "sample"), Workplace(tmp_path / "place")
    many = tuple(step for n in range(8) for step in (Write(f"{n}.txt", "x\n"), Run("sleep 0.3")))
    parts = (
        Part((Write("one.txt", "first\n"), Say("Went on, and wrote it.")), words="worked on this already"),
        Part((*many, Say("Wrote all.")), words="Make the change"),
    )
    async with LocalMaestro(home) as maestro, playing(*parts) as model:
        table = {"kind": "codex", "env": ["MODEL_KEY"], "argv": list(provider(model.url))}
        lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in table.items())
        (home.root / "config.toml").write_text(f"[providers.codex-here]\n{lines}\n")
        env = {
            name: value
            for kind in ("claude", "codex")
            for name, value in RECIPES[kind].environment(model.url, place).items()
        }
        await begin(
            maestro, sample, providers={"dev": dev, "review": APPROVE}, env=env, budget={"team_tokens": CAP}
        )
        asked = await card(maestro)
        await settled(maestro, "paused")
        used = (await maestro.call("team.status"))[0]["budget"]["tokens"]
        # by the answer that crossed it, and none after that
        assert CAP <= used <= CAP + ANSWER
        answers = len(model.asked)
        assert answers * 100 <= CAP + 2 * ANSWER
        assert await told_now(maestro) == [asked["id"]]
        await maestro.call("decide.answer", id=asked["id"][-8:], answer="raise")
        result = await end(maestro)
        assert result["status"] == "completed"
        assert sample.git("show", "main:one.txt") == "first"
        # what it had done before is there, and it was not asked to do it again
        assert sample.git("show", "main:0.txt") == "x"
        assert any("worked on this already" in each.question.said for each in model.asked[answers:])
    nothing_left(home, sample)
    assert place.left() == []
