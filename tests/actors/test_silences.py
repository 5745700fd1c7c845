"""Silence in a whole team: shown to who watches and who asks, and told to the team once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from workspace.sample import Sample

from maestro_ray.actors.silences import Silences
from maestro_ray.config import Config, SandboxTable
from maestro_ray.home import Home
from maestro_ray.journal import Entry
from maestro_ray.model import silence
from maestro_ray.testing import FakeClock, LocalMaestro

from .stage import APPROVE, begin, end, plan

AFTER = 0.2


@pytest.fixture
async def maestro(home: Home) -> AsyncIterator[LocalMaestro]:
    config = Config(ping=0.05, lease=1.0, stop_grace=0.3, pool=4, sandbox=SandboxTable("off"), silence=AFTER)
    async with LocalMaestro(home, config=config) as maestro:
        yield maestro


async def test_who_says_nothing_is_shown_with_its_last_line_and_told_once(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red (nobody is ever silent) without `Silences.look`, red (twice) without what a digest remembers."""
    monkeypatch.setattr(silence, "BETWEEN", 3600.0)  # others may be silent a minute later
    gate = tmp_path / "gate"
    program = tmp_path / "dev.sh"
    program.write_text(
        f'echo reading; echo "the tests"; until [ -e {gate} ]; do sleep 0.02; done; echo x > "$MAESTRO_KEY.txt"'
    )
    providers = {"dev": f"command:sh {program}", "review": APPROVE}
    await begin(maestro, sample, providers=providers, plan=plan("one"))
    # the first may come before the agent has said its first word
    shown = await maestro.until("worker.silent", worker="dev-1", last="the tests")
    assert shown["seconds"] >= AFTER
    (team,) = await maestro.call("team.status")
    members = {each["name"]: each for each in team["workers"]}
    assert members["dev-1"]["silent"]["last"] == "the tests"
    assert members["review-1"]["silent"] is None
    digest = await maestro.until("digest")
    assert digest["sender"] == "maestro"
    assert digest["body"]["text"].startswith("dev-1 is silent for ")
    assert digest["body"]["text"].endswith("Idle: review-1")
    gate.touch()
    await end(maestro)
    told = [event for event in [event async for event in maestro.events()] if event["kind"] == "digest"]
    assert len(told) == 1


async def test_who_waits_for_a_limit_is_not_called_silent(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path
) -> None:
    (tmp_path / "script.toml").write_text(
        f"""
[[turns]]
[[turns.steps]]
rate_limit = {AFTER * 5}
[[turns.steps]]
edit = "one.txt"
text = "x"
"""
    )
    providers = {"dev": f"scripted:{tmp_path / 'script.toml'}", "review": APPROVE}
    await begin(maestro, sample, providers=providers)
    paused = await maestro.until("run.paused")
    await end(maestro)
    later = [event async for event in maestro.events() if event["n"] > paused["n"]]
    spoke = next(event["n"] for event in later if event["kind"] == "text" and event["sender"] == "dev-1")
    # with its first word it is expected to say more
    assert [
        e for e in later if e["kind"] == "worker.silent" and e["n"] < spoke and e["worker"] == "dev-1"
    ] == []


def test_who_goes_on_after_a_pause_for_its_budget_and_says_nothing_is_silent() -> None:
    """Red (never, whatever it hangs in) when only its own words end its rest."""
    clock = FakeClock()
    connections: Any = SimpleNamespace(config=Config(silence=45.0), clock=clock)
    team: Any = SimpleNamespace(record=SimpleNamespace(id="team"))
    silences = Silences(connections)

    def tell(kind: str) -> None:
        silences.heard(team, [Entry(1, "dev-1", kind, {"run": "run"}, 0.0)], [])

    silences._of(team).works({"dev-1": "run"}, clock.monotonic())
    tell("run.paused")
    clock.advance(600)
    assert silences.of(team) == {}
    tell("run.resumed")
    clock.advance(44)
    assert silences.of(team) == {}
    clock.advance(1)
    assert silences.of(team) == {"dev-1": {"seconds": 45.0, "last": ""}}
