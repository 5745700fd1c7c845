"""Real agents that must ask first: one question is allowed and one denied, and the work goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from actors.stage import APPROVE, begin, end, nothing_left
from models.script import Part, Say
from models.server import playing
from models.tools import Run, Write
from workspace.sample import Sample

from maestro_ray.config import Config, SandboxTable
from maestro_ray.home import Home
from maestro_ray.testing import LocalMaestro, eventually

from .recipes import RECIPES
from .test_team import settings
from .workplace import Workplace

# both would run `cat` unasked, and Claude would edit so: the policy alone makes them ask
RULES = """
[roles.dev.permissions]
unattended = "allow"
ask = ["Bash(touch *)", "Bash(cat *)"]
deny = ["Edit(secret/**)"]
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home", tmp_path / "home" / "run")
    home.prepare()
    return home


@pytest.mark.parametrize("agent", ["claude", "codex-here"])
async def test_a_question_becomes_a_card_and_its_answer_reaches_the_agent(
    home: Home, tmp_path: Path, agent: str
) -> None:
    """Protection: what `Job.asks` makes of the arguments (`claude._mode`, Codex's `approvalPolicy`)."""
    sample, place = Sample.make(tmp_path / "sample"), Workplace(tmp_path / "place")
    steps = (
        Run("cat README.md"), Run("touch denied.txt"), Write("secret/key", "x\n"), Run("touch allowed.txt"),
        Write("one.txt", "done\n"), Say("Done."),
    )  # fmt: skip
    answers = {"cat README.md": "allow", "touch denied.txt": "deny", "touch allowed.txt": "allow"}
    config = Config(ping=0.05, lease=1.0, stop_grace=0.3, pool=4, sandbox=SandboxTable("off"))
    async with LocalMaestro(home, config=config) as maestro, playing(Part(steps)) as model:
        (home.root / "config.toml").write_text(settings(model.url) + RULES)
        env = RECIPES[agent.removesuffix("-here")].environment(model.url, place)
        await begin(maestro, sample, providers={"dev": agent, "review": APPROVE}, env=env)
        (team,) = maestro.connections.teams.values()
        seen: set[str] = set()
        for _ in answers:
            card = await eventually(
                lambda: next((c for i, c in team.cards.items() if i not in seen), None), 60
            )
            seen.add(card["id"])
            assert card["kind"] == "permission", card
            answer = next(answers[each] for each in answers if each in card["about"]["command"])
            await maestro.call("decide.answer", id=card["id"], answer=answer, reason="not that one")
        await end(maestro)
        rows = [
            row["detail"]
            for row in await maestro.connections.studio.list("audit")
            if row["action"] == "permission"
        ]
    assert {"allowed.txt", "one.txt"} <= sample.files("main").keys()
    assert not {"denied.txt", "secret/key"} & sample.files("main").keys()
    ruled = [(each["ruling"], each["by"]) for each in rows]
    assert ruled.count(("allow", "operator")) == 2
    assert ruled.count(("deny", "operator")) == 1
    assert ("deny", "policy") in ruled
    nothing_left(home, sample)
    assert place.left() == []
