"""Who is believed to live, here and in Studio, and for how long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from workspace.sample import Sample

from maestro_ray.agent.sweep import find
from maestro_ray.home import Home
from maestro_ray.testing import LocalMaestro, eventually

from .stage import APPROVE, begin, end, once, waiting_for


@pytest.fixture
async def maestro(home: Home) -> AsyncIterator[LocalMaestro]:
    async with LocalMaestro(home) as maestro:
        yield maestro


async def at_work(maestro: LocalMaestro, home: Home, sample: Sample, gate: Path) -> None:
    """A team whose developer's agent runs and waits for the gate."""
    await begin(maestro, sample, providers={"dev": waiting_for(gate), "review": APPROVE})
    await maestro.until("run.started", purpose="execute")
    await eventually(lambda: find(f"{home.instance}:"))


async def test_a_silent_worker_is_lost_and_its_run_goes_to_who_is_there(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path
) -> None:
    """As after SIGSTOP: the process is there, its word is worth nothing any more."""
    await at_work(maestro, home, sample, tmp_path / "gate")
    (live,) = maestro.connections.teams.values()
    slot = maestro.actors.slots[live.record.slots["dev-1"]]
    assert slot._pinging
    assert slot._part
    slot._pinging.cancel()
    await maestro.until("worker.lost", worker="dev-1")
    await eventually(lambda: find(f"{home.instance}:") == [])
    (tmp_path / "gate").touch()
    slot._pinging = asyncio.create_task(slot._ping(slot._part))
    once(sample, await end(maestro), "one")


class Late:
    """The machine's clocks, a while later."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def wall(self) -> float:
        return time.time() + self.seconds

    def monotonic(self) -> float:
        return time.monotonic() + self.seconds


async def test_who_was_silent_while_connections_stood_still_is_not_lost(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path
) -> None:
    await at_work(maestro, home, sample, tmp_path / "gate")
    (live,) = maestro.connections.teams.values()
    beaten: list[list[str]] = []
    post = maestro.connections.studio.post

    async def counted(path: str, body: Any = None, **more: Any) -> Any:
        if path.endswith("/heartbeat"):
            beaten.append([path.split("/")[1], *body["sessions"]])
        return await post(path, body, **more)

    maestro.connections.studio.post = counted  # type: ignore[method-assign]
    maestro.connections.clock = Late(20 * maestro.config.lease)
    await maestro.connections.leases.heartbeat(live)
    assert beaten == [live.record.sessions]
    await asyncio.sleep(maestro.config.lease / 2)  # it has looked for silent members
    assert [each["kind"] for each in live.happenings.after(0) if each["kind"] == "worker.lost"] == []
    (tmp_path / "gate").touch()
    once(sample, await end(maestro), "one")


async def test_only_who_lives_is_kept_alive_in_studio(maestro: LocalMaestro, sample: Sample) -> None:
    await begin(maestro, sample, plan=None)
    (live,) = maestro.connections.teams.values()
    beaten: list[list[str]] = []

    async def post(path: str, body: dict[str, Any]) -> None:
        beaten.append([path.split("/")[1], *body["sessions"]])

    studio = maestro.connections.studio
    original, studio.post = studio.post, post  # type: ignore[assignment,method-assign]
    place = maestro.connections.pool[live.record.slots["dev-1"]]
    try:
        await maestro.connections.leases.heartbeat(live)
        place.beat = maestro.connections.clock.monotonic() - 2 * maestro.config.lease
        await maestro.connections.leases.heartbeat(live)
    finally:
        studio.post = original  # type: ignore[method-assign]
    assert beaten[0] == live.record.sessions
    assert beaten[1] == [s for s in live.record.sessions if live.record.member_of(s) != "dev-1"]


async def test_a_session_that_has_ended_in_studio_leaves_its_team(
    maestro: LocalMaestro, sample: Sample
) -> None:
    await begin(maestro, sample, plan=None, roles={"dev": 2, "review": 1})
    (team,) = maestro.connections.teams.values()
    await maestro.connections.studio.delete(f"agent-sessions/{team.record.sessions[1]}")
    await maestro.connections.leases.heartbeat(team)
    await maestro.until("worker.left", worker="dev-1")
    assert [each.name for each in team.record.members] == ["dev-2", "review-1"]
    assert len(team.record.sessions) == 3


async def test_a_team_whose_lead_has_ended_in_studio_ends_and_says_so(
    maestro: LocalMaestro, sample: Sample
) -> None:
    await begin(maestro, sample, plan=None)
    (team,) = maestro.connections.teams.values()
    # the event that says so is lost
    maestro.connections.assignments.on_event = lambda *_: None  # type: ignore[method-assign]
    await maestro.connections.studio.delete(f"agent-sessions/{team.record.session}")
    await maestro.connections.leases.heartbeat(team)
    await maestro.until("team.ended", reason="ended in Studio")


async def test_a_session_that_studio_does_not_know_is_over_and_no_error(
    maestro: LocalMaestro, sample: Sample
) -> None:
    await begin(maestro, sample, plan=None)
    (team,) = maestro.connections.teams.values()
    unknown = "01900000-0000-7000-8000-000000000000"
    assert await maestro.connections.leases._beat(team, [unknown, team.record.session]) == [unknown]
    assert await maestro.connections.leases._beat(team, [team.record.session, unknown]) == [unknown]
