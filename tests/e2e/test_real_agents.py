"""What a person does, with the programs a person has: a goal, and real agents to the merged plan, through the command
line, the daemon and Ray. The model alone is ours."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from agents.recipes import RECIPES
from agents.test_team import settings
from agents.workplace import Workplace
from models.script import After, Part, Say
from models.server import playing
from models.tools import Read, Run, Write

pytestmark = [pytest.mark.e2e, pytest.mark.ray]

PLAN = {"title": "Greet", "test": "grep -q . one.txt", "tasks": [{"key": "one", "title": "Write a greeting"}]}


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("dev", "review"), [("claude", "codex-here"), ("codex-here", "claude")])
async def test_a_goal_is_sent_back_once_steered_in_the_turn_and_merged(
    machine, tmp_path: Path, dev: str, review: str
) -> None:
    """Nothing runs any more when the command is back, and nothing of the daemon's when it is stopped."""
    place, repo = Workplace(tmp_path / "place"), machine.repository("greet")
    parts = (
        Part((Say(f"So:\n```json\n{json.dumps(PLAN)}\n```\n"),), words="You plan, others do"),
        Part(
            (Read("one.txt"), Write("one.txt", "hello and welcome\n"), Say("Mended it.")),
            words="was rejected",
        ),
        Part(
            (Write("one.txt", "hello\n"), After("go", Run("true")), Say("Wrote it.")), words="Make the change"
        ),
        Part((Say("Good.\nVERDICT: APPROVED"),), words="it must say more"),
        Part((Say("Too short.\nVERDICT: REJECTED — it must say more"),), words="Judge whether"),
    )
    async with playing(*parts) as model:
        (machine.home / "config.toml").write_text(settings(model.url) + '\n[sandbox]\nmode = "off"\n')
        machine.env |= {name: value for each in ("claude", "codex") for name, value in
                        RECIPES[each].environment(model.url, place).items()}  # fmt: skip
        words = [
            "team", "--dev", "2", "--review", "1", "--test", "1", "--provider", f"lead={dev}", "--provider", f"dev={dev}",
            "--provider", f"review={review}", "--yes", "Greet whoever comes",
        ]  # fmt: skip
        team = asyncio.create_task(asyncio.to_thread(machine.run, *words, cwd=repo, timeout=300))
        waited = asyncio.create_task(model.waited("go"))
        await asyncio.wait([team, waited], return_when=asyncio.FIRST_COMPLETED)
        assert not team.done(), await team
        await asyncio.to_thread(machine.json, "steer", "Keep the public API.", cwd=repo)
        receipts = await asyncio.to_thread(machine.until, lambda: _receipts(machine, repo))
        model.open("go")
        done = await team
        assert done.returncode == 0, done.stdout + done.stderr
    assert {("dev-1", "in-turn"), ("dev-2", "in-turn")} & {
        (each["sender"], each["body"]["how"]) for each in receipts
    }
    assert re.search(r"^Write a greeting +completed +7 +1 rejected, 1 approved", done.stdout, re.M), (
        done.stdout
    )
    assert (repo / "one.txt").read_text() == "hello and welcome\n"
    assert any("[OPERATOR STEERING]" in asked.question.said for asked in model.asked)
    assert machine.agents() == []
    assert machine.worktrees() == []
    machine.close()
    assert machine.processes() == []
    assert place.left() == []


def _receipts(machine, repo):
    events = machine.json("team", "logs", cwd=repo)["events"]
    return [each for each in events if each["kind"] == "receipt" and each["sender"].startswith("dev-")]
