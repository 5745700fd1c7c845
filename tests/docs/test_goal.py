"""The how-to on goals: its reply is a plan, its screen is what is shown, and its example is played."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from actors.stage import begin, end
from workspace.sample import Sample

from maestro_cli.render.board import Board
from maestro_ray.agent.plan_reply import MOST_TASKS, BadReply, Crew, read_reply
from maestro_ray.home import Home
from maestro_ray.studio.answers import PROPOSALS
from maestro_ray.testing import LocalMaestro

from .markdown import DOCS, Block, blocks

PAGE = DOCS / "how-to" / "goal.md"
CREW = Crew({"dev": {}})


def block(kind: str, begins: str = "") -> Block:
    return next(each for each in blocks(PAGE) if each.kind == kind and each.text.startswith(begins))


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return Sample.make(tmp_path / "sample")


@pytest.fixture
async def maestro(tmp_path: Path) -> AsyncIterator[LocalMaestro]:
    async with LocalMaestro(Home(tmp_path / "home", tmp_path / "home" / "run")) as maestro:
        yield maestro


def test_the_reply_is_shown_as_the_page_says() -> None:
    plan = json.loads(block("json").text)
    draft = read_reply(f"```json\n{block('json').text}```", CREW)
    tasks = [
        {"id": each.key, "description": "", "role": "dev", "depends_on": list(each.depends)}
        | {"key": each.key, "title": each.title, "description": each.description}
        for each in draft.tasks
    ]
    event = {
        "kind": "plan.proposed",
        "plan": {"title": plan["title"], "test": plan["test"], "tasks": tasks},
        "decision": {"id": "c"},
    }
    assert "\n".join(Board({}).take(event)) + "\n" == block("text", "proposed").text


def test_the_mistake_is_the_one_that_is_told() -> None:
    plan = json.loads(block("json").text)
    plan["tasks"][1]["depends_on"] = ["stor"]
    with pytest.raises(BadReply) as bad:
        read_reply(f"```json\n{json.dumps(plan)}\n```", CREW)
    assert bad.value.mistakes == [block("text", "tasks[1]").text.strip()]


def test_the_bounds_are_those_of_the_code() -> None:
    text = PAGE.read_text()
    assert f"at most {MOST_TASKS} tasks" in text
    assert "up to three plans" in text
    assert PROPOSALS == 3


async def test_the_example_without_a_model_is_played(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path
) -> None:
    (tmp_path / "script.toml").write_text(block("toml", '[[turns]]\npurpose = "plan"').text)
    who = f"scripted:{tmp_path / 'script.toml'}"
    providers = {"lead": who, "dev": who, "review": who}
    await begin(maestro, sample, providers=providers, plan=None, goal="Greet the world", yes=True)
    result = await end(maestro)
    assert (result["title"], result["status"]) == ("Greet", "completed")
    assert sample.git("show", "main:greeting.txt") == "Hello!"
