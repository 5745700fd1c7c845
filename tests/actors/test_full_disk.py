"""A disk that fills up in the middle of a team's work: it is said, and with room the work ends once."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from disk.small import SmallDisk, small_disk
from workspace.sample import Sample

from maestro_ray import room
from maestro_ray.actors import service
from maestro_ray.agent.sweep import find
from maestro_ray.errors import MaestroError
from maestro_ray.home import Home
from maestro_ray.testing import LocalMaestro

from .stage import APPROVE, begin, end, nothing_left, once, plan


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 16 * 1024) as disk:
        yield disk


@pytest.fixture
def home(disk: SmallDisk) -> Iterator[Home]:
    """On the small disk: journals, Studio's database, worktrees."""
    home = Home(disk.path / "home", disk.path / "home" / "run")
    home.prepare()
    yield home
    assert find(f"{home.instance}:") == []


@pytest.fixture
async def maestro(home: Home, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LocalMaestro]:
    monkeypatch.setattr(room, "PAUSE", 0.3)
    async with LocalMaestro(home) as maestro:
        yield maestro


async def test_a_disk_that_fills_up_while_an_agent_works_costs_nothing(
    maestro: LocalMaestro,
    home: Home,
    sample: Sample,
    disk: SmallDisk,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The agent fails, or git or a journal does; nothing is counted as an attempt, and everything happens once.

    Red (the task is blocked after its attempts) without `no_room` in the worker.
    """
    gate = tmp_path / "gate"
    words = f'until [ -e {gate} ]; do sleep 0.02; done; seq 200000 > "$MAESTRO_KEY.txt" || exit 1'
    providers = {"dev": f"command:sh -c '{words}'", "review": APPROVE}
    name = (await begin(maestro, sample, providers=providers))["team"]["name"]
    await maestro.until("run.started", purpose="execute")
    disk.fill()
    gate.touch()
    monkeypatch.setattr(service, "CHANNEL_WITHIN", 1.0)

    async def steer_on() -> None:
        while True:
            await maestro.call("steer", team=name, text="x" * 2000)

    with pytest.raises(MaestroError, match=r"journal .*\.db cannot be used: database or disk is full"):
        await steer_on()
    disk.empty()
    once(sample, await end(maestro), "one")
    nothing_left(home, sample)
    runs = [
        event
        for event in maestro.connections.ended.popitem()[1].happenings.after(0)
        if event["kind"] == "run.ended"
    ]
    executes = [event["body"]["action"] for event in runs if event["body"]["purpose"] == "execute"]
    assert "fail" not in executes


async def test_a_team_cannot_start_on_a_full_disk_and_leaves_nothing(
    maestro: LocalMaestro, home: Home, sample: Sample, disk: SmallDisk
) -> None:
    """Red (a team without a life stays in the list) when `start` does not end what could not be written down."""
    disk.fill()
    large = {f"NAME{n}": "x" * 3000 for n in range(20)}

    async def begin_on() -> None:
        while True:
            await begin(maestro, sample, plan=None, env={**large, "PATH": os.environ["PATH"]})

    with pytest.raises(MaestroError, match=r"full|No space"):
        await begin_on()
    disk.empty()
    for team in list(maestro.connections.teams.values()):
        await maestro.connections.end_team(team, "the test is over")
    assert await maestro.call("team.status") == []
    await begin(maestro, sample, plan=plan("one"))
    once(sample, await end(maestro), "one")
    nothing_left(home, sample)
