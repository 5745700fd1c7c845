"""A reviewer whose verdict cannot be read is asked for it once more, in the same session, and no more than that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from workspace.sample import Sample

from maestro_ray.config import Config, SandboxTable
from maestro_ray.home import Home
from maestro_ray.testing import LocalMaestro

from .stage import WRITE, begin, end, nothing_left


@pytest.fixture
def reviewer(tmp_path: Path) -> Callable[..., str]:
    """A scripted reviewer: each turn ends with what is said in it, and lays the script of the next one."""

    def make(*said: str) -> str:
        path = tmp_path / "review.toml"
        for n, words in reversed(list(enumerate(said))):
            follow = f"cp {tmp_path}/{n + 1}.toml {path}" if n + 1 < len(said) else "true"
            # a session that goes on begins with its last step
            head = '[[turns]]\npurpose = "review"\nsteps = ['
            text = f'{head}{{ run = "true" }}, {{ run = "{follow}" }}, {{ say = {words!r} }}]\n'
            (tmp_path / f"{n}.toml").write_text(text)
        path.write_text((tmp_path / "0.toml").read_text())
        return f"scripted:{path}"

    return make


async def test_a_verdict_that_is_given_when_asked_for_counts(
    home: Home, sample: Sample, reviewer: Callable[..., str]
) -> None:
    """Protection: `unclear.again` in `Worker._one_turn`."""
    async with LocalMaestro(home) as maestro:
        await begin(
            maestro, sample, providers={"dev": WRITE, "review": reviewer("I read it.", "VERDICT: APPROVED")}
        )
        await maestro.until("verdict.unclear")
        result = await end(maestro)
        assert [each["verdict"] for each in result["verdicts"]] == ["APPROVED"]
        assert result["tasks"][0]["runs"] == 3, "execute, one review, merge"
    nothing_left(home, sample)


async def test_who_gives_none_again_has_rejected(
    home: Home, sample: Sample, reviewer: Callable[..., str]
) -> None:
    config = Config(ping=0.05, lease=1.0, stop_grace=0.3, pool=4, sandbox=SandboxTable("off"))
    (home.root / "config.toml").write_text("[team]\nrevision_cap = 0\n")
    async with LocalMaestro(home, config=config) as maestro:
        providers = {"dev": WRITE, "review": reviewer("I read it.", "I said so.", "VERDICT: APPROVED")}
        await begin(maestro, sample, providers=providers)
        event = await maestro.until("verdict.given")
        assert event["verdict"]["verdict"] == "REJECTED"
        assert event["verdict"]["reason"] == "the review ended without a VERDICT line"
        card = await maestro.until("decision.requested")
        assert card["decision"]["about"]["verdicts"][0]["worker"] == "review-1"


async def test_what_a_reviewer_changes_reaches_nothing_and_its_approval_counts_for_nothing(
    home: Home, sample: Sample
) -> None:
    """Without a box, which would not let it. Protection: `Workbench._reviewed`."""
    spoil = "command:sh -c 'echo evil >> one.txt; echo evil > new.txt; echo VERDICT: APPROVED'"
    (home.root / "config.toml").write_text("[team]\nattempts = 1\n")
    async with LocalMaestro(home) as maestro:
        await begin(maestro, sample, providers={"dev": WRITE, "review": spoil})
        card = await maestro.until("decision.requested")
        assert (
            "the reviewer changed one.txt: what it approves is not what is to be merged"
            in card["decision"]["question"]
        )
        everything = sample.git("log", "--all", "-p", "--format=%H")
        assert "evil" not in everything
        assert "one" in everything


async def test_a_plan_is_judged_by_as_many_as_the_configuration_says(home: Home, sample: Sample) -> None:
    (home.root / "config.toml").write_text("[review]\nreviewers = 3\n")
    async with LocalMaestro(home) as maestro:
        answer = await begin(maestro, sample, roles={"dev": 1, "review": 2})
        assert (
            "[review] reviewers = 3, but there are 2 in the team: that many judge its work"
            in answer["warnings"]
        )
        result = await end(maestro)
        assert [each["verdict"] for each in result["verdicts"]] == ["APPROVED", "APPROVED"]
