"""Real reviewers that forget the verdict and are asked for it in the same session."""

from __future__ import annotations

from pathlib import Path

import pytest
from actors.stage import WRITE, begin, end
from models.script import Part, Say
from models.server import playing
from workspace.sample import Sample

from maestro_ray.home import Home
from maestro_ray.testing import LocalMaestro

from .recipes import RECIPES
from .test_team import settings
from .workplace import Workplace


@pytest.mark.parametrize("agent", ["claude", "codex-here"])
async def test_a_forgotten_verdict_is_asked_for_once_more(tmp_path: Path, agent: str) -> None:
    home, place = Home(tmp_path / "home", tmp_path / "home" / "run"), Workplace(tmp_path / "place")
    sample = Sample.make(tmp_path / "sample")
    parts = (
        Part((Say("VERDICT: APPROVED"),), words="had no verdict that can be read"),
        Part((Say("It looks good to me."),), words="Judge whether"),
    )
    async with LocalMaestro(home) as maestro, playing(*parts) as model:
        (home.root / "config.toml").write_text(settings(model.url))
        env = RECIPES[agent.removesuffix("-here")].environment(model.url, place)
        await begin(maestro, sample, providers={"dev": WRITE, "review": agent}, env=env)
        result = await end(maestro)
    assert [each["verdict"] for each in result["verdicts"]] == ["APPROVED"]
    # the one who is asked is the one who has judged
    last = model.asked[-1].question
    assert any("It looks good to me." in turn.text for turn in last.turns)
    assert place.left() == []
