"""The order of things, with pretended programs; real ones are in tests/e2e/test_lifecycle.py."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from maestro_ray.agent.sweep import ProcessId
from maestro_ray.daemon import supervisor as module
from maestro_ray.daemon.child import Child
from maestro_ray.daemon.ray_node import RayNode
from maestro_ray.daemon.supervisor import Supervisor
from maestro_ray.errors import DaemonUnavailable, RayMissing, StartFailed
from maestro_ray.home import Home
from maestro_ray.testing import eventually

from .left import killed, left

STUDIO = Child(ProcessId(1, 1), {"url": "u", "pid": 1, "version": "v"})
NODE = RayNode("127.0.0.1:1", {}, {"head": 1.5})


class Pretend:
    """Starts at once and lives for ever; what is done to any of them is written down in order."""

    did: list[str]

    def __init__(self, name: str, running: Any) -> None:
        self.name = name
        self.running = running
        self.left: Any = None
        self.stays = False
        self.fails: Exception | None = None

    async def find(self) -> Any:
        return self.left

    async def start(self) -> Any:
        self.did.append(f"start {self.name}")
        if self.fails:
            raise self.fails
        return self.running

    async def ended(self, _running: Any) -> str:
        await asyncio.Event().wait()
        return self.name

    async def end(self, running: Any) -> None:
        await asyncio.sleep(0)
        self.did.append(f"end {self.name}" if running else f"clear {self.name}")


class Pair:
    def __init__(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self.did: list[str] = []
        self.studio, self.ray = Pretend("Studio", STUDIO), Pretend("Ray", NODE)
        self.studio.did = self.ray.did = self.did
        monkeypatch.setattr(module, "StudioProcess", lambda _home: self.studio)
        monkeypatch.setattr(module, "RayProcesses", lambda _home: self.ray)
        # this process has children of its own, which are not the daemon's
        monkeypatch.setattr(module, "descendants", lambda _roots: [])

    def supervisor(self) -> Supervisor:
        return Supervisor(self.home)


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pair:
    home = Home(tmp_path / "home", tmp_path / "home" / "run")
    home.prepare()
    return Pair(home, monkeypatch)


def quiet(_text: str) -> None:
    pass


async def test_both_are_started_once_and_told_with_their_timings(pair: Pair) -> None:
    supervisor = pair.supervisor()
    await asyncio.gather(*(supervisor.ensure(quiet) for _ in range(3)))
    assert sorted(pair.did) == ["start Ray", "start Studio"]
    assert (supervisor.studio, supervisor.node, supervisor.trouble) == (STUDIO.answer, NODE, {})
    assert supervisor.timings.keys() == {"studio", "ray", "ray.head"}
    assert supervisor.timings["ray.head"] == 1.5
    await supervisor.stop(quiet)


async def test_what_would_not_start_is_raised_and_the_other_runs(pair: Pair) -> None:
    pair.ray.fails = RayMissing("no module named ray")
    supervisor = pair.supervisor()
    with pytest.raises(RayMissing):
        await supervisor.ensure(quiet)
    assert (supervisor.studio, supervisor.node) == (STUDIO.answer, None)
    pair.ray.fails, pair.studio.fails = None, StartFailed("Studio", "x")
    await supervisor.ensure(quiet)
    await supervisor.stop(quiet)


async def test_studio_may_move_only_while_no_node_knows_it(pair: Pair) -> None:
    """A daemon that adopts a node without its Studio must bring that back where Connections looks for it."""
    fresh = pair.supervisor()
    await fresh.adopt()
    assert not pair.studio.stays
    await fresh.stop(quiet)

    pair.ray.left = NODE
    adopting = pair.supervisor()
    await adopting.adopt()
    assert (adopting.node, adopting.studio, adopting.timings) == (NODE, None, {})
    assert pair.studio.stays
    await adopting.stop(quiet)


async def test_what_was_left_in_parts_is_cleared_away_before_anything_is_asked(pair: Pair) -> None:
    supervisor = pair.supervisor()
    await supervisor.adopt()
    assert pair.did == ["clear Ray", "clear Studio"]
    await supervisor.stop(quiet)


async def test_the_end_is_in_order_and_once_and_takes_what_carries_the_mark(pair: Pair) -> None:
    supervisor = pair.supervisor()
    await supervisor.ensure(quiet)
    said: list[str] = []
    with left("python", mark=f"{pair.home.instance}:team:run") as agent:
        await asyncio.gather(supervisor.stop(said.append), supervisor.stop(said.append))
        await killed(agent)
    assert said[-2:] == ["stopping Ray", "stopping Studio"]
    assert pair.did[-2:] == ["end Ray", "end Studio"]
    for asked in (supervisor.ensure(quiet), supervisor.ensure_studio(quiet)):
        with pytest.raises(DaemonUnavailable):
            await asked
    assert (supervisor.node, supervisor.studio) == (None, None)


async def test_who_asked_for_the_end_may_leave(pair: Pair) -> None:
    """Half an end would leave processes behind, and the next one who asks would be told that all is over."""
    supervisor = pair.supervisor()
    await supervisor.ensure(quiet)
    asking = asyncio.create_task(supervisor.stop(quiet))
    await eventually(lambda: supervisor._ending)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await supervisor.stop(quiet)
    assert pair.did[-2:] == ["end Ray", "end Studio"]
