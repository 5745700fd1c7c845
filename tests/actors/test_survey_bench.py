"""An analyst looks at the repository: its reply is mended once, becomes knowledge, and nothing else is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from workspace.sample import Sample

from maestro_ray.home import Home
from maestro_ray.testing import LocalMaestro

from .parts import ENV
from .stage import nothing_left

GOOD = '{"items": [{"kind": "risk", "title": "One", "path": "a.txt", "body": "It is one."}]}'


@pytest.fixture
async def maestro(home: Home) -> AsyncIterator[LocalMaestro]:
    async with LocalMaestro(home) as maestro:
        yield maestro


def agent(directory: Path, *replies: str) -> str:
    """Says these, one in each turn, the last of them again and again; what it changes in its worktree is for nothing."""
    for number, reply in enumerate(replies):
        (directory / f"{number}").write_text(reply)
    script = directory / "agent.sh"
    script.write_text(
        f"n=$(cat {directory}/n 2>/dev/null || echo 0)\ncat $MAESTRO_PROMPT_FILE > {directory}/prompt$n\necho x > left.txt\n"
        f"cat {directory}/$n\n[ -e {directory}/$((n + 1)) ] && echo $((n + 1)) > {directory}/n\ntrue\n"
    )  # fmt: skip
    return f"command:sh {script}"


async def survey(maestro: LocalMaestro, sample: Sample, provider: str) -> None:
    await maestro.call(
        "team.start", repo=str(sample.path), roles={"analyst": 1}, providers={"analyst": provider}, env=ENV
    )
    run = await maestro.call("project.analyse", repo=str(sample.path), note="the till")
    again = await maestro.call("project.analyse", repo=str(sample.path), note="the till")
    assert run["id"] == again["id"]


async def seen(look: Callable[[], Awaitable[list[dict[str, str]]]]) -> list[dict[str, str]]:
    """The first that is there."""
    async with asyncio.timeout(60):
        while not (found := await look()):
            await asyncio.sleep(0.02)
    return found


async def test_a_reply_that_is_mended_becomes_knowledge(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path
) -> None:
    assert await maestro.call("project.knowledge", repo=str(sample.path)) == []
    await survey(maestro, sample, agent(tmp_path, "it is fine", f"```json\n{GOOD}\n```\n"))

    async def known() -> list[dict[str, str]]:
        return list(await maestro.call("project.knowledge", repo=str(sample.path)))

    (item,) = await seen(known)
    assert (item["kind"], item["title"], item["path"], item["source"]) == ("risk", "One", "a.txt", "")
    assert "the till" in (tmp_path / "prompt0").read_text()
    assert "* there is no fenced JSON block" in (tmp_path / "prompt1").read_text()
    await maestro.call("team.stop")
    nothing_left(home, sample)
    assert sample.git("status", "--porcelain") == ""


async def test_a_reply_that_stays_useless_is_a_card(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path
) -> None:
    await survey(maestro, sample, agent(tmp_path, "it is fine"))

    async def cards() -> list[dict[str, str]]:
        return list((await maestro.call("decide.list", repo=str(sample.path)))["cards"])

    (card,) = await seen(cards)
    assert card["kind"] == "repo_analysis"
    assert "said nothing about the repository that can be used" in card["question"]
    assert await maestro.call("project.knowledge", repo=str(sample.path)) == []
    await maestro.call("team.stop")
