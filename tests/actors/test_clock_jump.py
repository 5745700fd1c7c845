"""Somebody sets the wall clock by hours, forth and back, while a team works: nothing is lost, doubled or given up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from workspace.sample import Sample

from maestro_ray.agent.sweep import find
from maestro_ray.config import Config, SandboxTable
from maestro_ray.connection import tokens
from maestro_ray.home import Home
from maestro_ray.testing import LocalMaestro, SetClock, eventually

from .stage import APPROVE, begin, end, nothing_left, once, waiting_for

HOUR = 3600.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Of everybody on this machine."""
    clock = SetClock()
    monkeypatch.setattr(tokens, "time", SimpleNamespace(time=clock.wall, monotonic=clock.monotonic))
    return clock


@pytest.fixture
async def maestro(home: Home, clock: SetClock) -> AsyncIterator[LocalMaestro]:
    """Between two heartbeats Studio looks at the leases of sessions many times."""
    config = Config(
        ping=0.05, lease=1.0, stop_grace=0.3, pool=4, session_heartbeat=3.0, session_lease=7.0,
        sandbox=SandboxTable("off"),
    )  # fmt: skip
    async with LocalMaestro(home, config=config, clock=clock) as maestro:
        yield maestro


@pytest.mark.parametrize(
    "jumps", [(5 * HOUR, -8 * HOUR, 7 * HOUR), (-8 * HOUR, 5 * HOUR, 5 * HOUR)], ids=["forth", "back"]
)
async def test_no_lease_is_lost_because_of_the_clock(
    maestro: LocalMaestro,
    home: Home,
    sample: Sample,
    clock: SetClock,
    tmp_path: Path,
    jumps: tuple[float, ...],
) -> None:
    """Red (a session ends, its run is taken away) without `CLOCK_JUMP` in Studio's watch over leases."""
    gate = tmp_path / "gate"
    await begin(maestro, sample, providers={"dev": waiting_for(gate), "review": APPROVE})
    await maestro.until("run.started", purpose="execute")
    await eventually(lambda: find(f"{home.instance}:"))
    (live,) = maestro.connections.teams.values()
    for jump in jumps:
        clock.jump(jump)
        # several looks of everybody who watches over anybody
        await asyncio.sleep(1.5 * maestro.config.lease)
    gate.touch()
    once(sample, await end(maestro), "one")
    nothing_left(home, sample)
    kinds = [event["kind"] for event in live.happenings.after(0)]
    assert not {"worker.lost", "run.withdrawn", "report.refused"} & set(kinds)
    assert kinds.count("run.started") == kinds.count("run.ended")
    runs = [event["body"]["run"] for event in live.happenings.after(0) if event["kind"] == "run.started"]
    assert len(runs) == len(set(runs))
    numbers = [event["number"] for event in live.happenings.after(0) if "number" in event]
    assert numbers == list(range(1, len(numbers) + 1))
