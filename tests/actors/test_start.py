"""Starting a team: all of it or nothing of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from workspace.sample import Sample

from maestro_ray.actors import start as module
from maestro_ray.errors import JournalBroken, StartFailed, StudioRefused
from maestro_ray.home import Home
from maestro_ray.testing import LocalMaestro, eventually

from .stage import begin, nothing_left, plan


@pytest.fixture
async def maestro(home: Home) -> AsyncIterator[LocalMaestro]:
    async with LocalMaestro(home) as maestro:
        yield maestro


async def sessions(maestro: LocalMaestro) -> set[str]:
    """What Studio thinks of every session there ever was."""
    from maestro_ray.studio import schema

    rows = await maestro.studio.store.read(lambda tx: tx.all(schema.sessions.select()))
    return {row["status"] for row in rows}


async def test_a_member_that_never_comes_ends_the_start_and_the_team(
    maestro: LocalMaestro, home: Home, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UP_WITHIN", 0.3)
    monkeypatch.setattr("maestro_ray.actors.connections.LEAVING", 0.1)
    become = maestro.actors.become

    async def all_but_the_reviewer(name: str, part: Any) -> None:
        if getattr(part, "name", "") == "review-1":
            maestro.actors.end(name)
        else:
            await become(name, part)

    maestro.connections.fill_pool()
    await eventually(lambda: all(place.pid for place in maestro.connections.pool.all()))
    monkeypatch.setattr(maestro.actors, "become", all_but_the_reviewer)
    with pytest.raises(StartFailed, match="review-1"):
        await begin(maestro, sample)
    assert maestro.connections.teams == {}
    assert await sessions(maestro) == {"ended"}
    nothing_left(home, sample)
    assert [place.team for place in maestro.connections.pool.all() if place.team] == []


async def test_a_studio_that_refuses_the_team_is_left_without_a_session(
    maestro: LocalMaestro, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio, post = maestro.connections.studio, maestro.connections.studio.post

    async def refuse_the_team(path: str, *args: Any, **more: Any) -> Any:
        if path.endswith("/team"):
            raise StudioRefused(400, "bad_frame", "no")
        return await post(path, *args, **more)

    monkeypatch.setattr(studio, "post", refuse_the_team)
    with pytest.raises(StudioRefused):
        await begin(maestro, sample)
    assert await sessions(maestro) == {"ended"}
    assert maestro.connections.teams == {}


async def test_a_plan_studio_refuses_ends_the_team(
    maestro: LocalMaestro, home: Home, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio, post = maestro.connections.studio, maestro.connections.studio.post

    async def refuse_the_plan(path: str, *args: Any, **more: Any) -> Any:
        if path == "plans":
            raise StudioRefused(400, "bad_frame", "no")
        return await post(path, *args, **more)

    monkeypatch.setattr(studio, "post", refuse_the_plan)
    with pytest.raises(StudioRefused):
        await begin(maestro, sample)
    assert maestro.connections.teams == {}
    assert await sessions(maestro) == {"ended"}
    nothing_left(home, sample)


async def test_a_channel_without_its_journal_cannot_begin(
    maestro: LocalMaestro, home: Home, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: Path) -> Any:
        raise JournalBroken(str(path), "no space left on device")

    monkeypatch.setattr("maestro_ray.actors.channel.Journal", broken)
    with pytest.raises(JournalBroken):
        await begin(maestro, sample)
    assert maestro.connections.teams == {}
    nothing_left(home, sample)


async def test_starts_at_the_same_moment_get_slots_of_their_own(
    maestro: LocalMaestro, sample: Sample
) -> None:
    maestro.connections.fill_pool()
    await asyncio.gather(*(begin(maestro, sample, plan=None) for _ in range(3)))
    taken = [slot for team in maestro.connections.teams.values() for slot in team.record.slots.values()]
    assert len(taken) == len(set(taken)) == 12


async def test_a_caller_who_leaves_in_the_middle_leaves_a_whole_team(
    maestro: LocalMaestro, sample: Sample
) -> None:
    starting = asyncio.create_task(begin(maestro, sample, plan=plan("one")))
    async with asyncio.timeout(60):
        while not maestro.connections.teams:
            await asyncio.sleep(0)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    (live,) = maestro.connections.teams.values()
    await asyncio.wait_for(live.up.wait(), 60)
    await maestro.until("plan.updated")
    assert live.record.plans
