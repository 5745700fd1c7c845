from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from starlette.applications import Starlette

from maestro_ray.config import Config
from maestro_ray.errors import IllegalEvent
from maestro_ray.studio import leases as module
from maestro_ray.studio.leases import CLOCK_JUMP, check_leases
from maestro_ray.studio.studio import Studio
from maestro_ray.testing import FakeClock

from .pretend import PretendTeam, Rest

PROJECT = {"key": "github:acme/shop", "name": "shop"}


async def status_of(rest: Rest, team: PretendTeam) -> set[str]:
    return {session["status"] for session in (await rest.get(f"teams/{team.id}"))["sessions"]}


async def test_leases_are_counted_anew_after_studio_was_away(
    rest: Rest, studio: Studio, clock: FakeClock
) -> None:
    team = await PretendTeam.join(rest, await rest.project())
    clock.advance(studio.config.session_lease * 3)
    ahead = await check_leases(studio, None)
    assert await status_of(rest, team) == {"connected"}
    clock.advance(studio.config.session_lease)
    await check_leases(studio, ahead)
    assert await status_of(rest, team) == {"interrupted"}


async def test_a_jump_of_the_wall_clock_ends_no_lease(rest: Rest, studio: Studio, clock: FakeClock) -> None:
    team = await PretendTeam.join(rest, await rest.project())
    ahead = await check_leases(studio, None)
    for jump in (studio.config.session_lease * 3, -studio.config.session_lease * 6, CLOCK_JUMP * 2):
        clock.jump(jump)
        ahead = await check_leases(studio, ahead)
        assert await status_of(rest, team) == {"connected"}
    clock.advance(studio.config.session_lease)
    await check_leases(studio, ahead)
    assert await status_of(rest, team) == {"interrupted"}


async def test_the_watch_begins_with_the_application_and_ends_with_it(
    app: Starlette, rest: Rest, studio: Studio, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = asyncio.Event()

    async def look(_studio: Studio, ahead: float | None) -> float:
        looked.set()
        return 0.0

    monkeypatch.setattr(module, "check_leases", look)
    async with app.router.lifespan_context(app):
        await asyncio.wait_for(looked.wait(), 60)
    assert len(asyncio.all_tasks()) == 1


async def test_the_watch_goes_on_whatever_a_look_raises(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float | None] = []
    again = asyncio.Event()

    async def look(_studio: Studio, ahead: float | None) -> float:
        looks.append(ahead)
        if len(looks) == 1:
            raise IllegalEvent("task", "draft", "merged")
        again.set()
        return 0.0

    monkeypatch.setattr(module, "check_leases", look)
    studio = replace(studio, config=Config(session_lease=1.0))  # to be looked at soon
    watch = asyncio.create_task(module.watch_leases(studio))
    try:
        await asyncio.wait_for(again.wait(), 60)
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


async def test_leases_are_counted_anew_after_studio_itself_stood_still(
    rest: Rest, studio: Studio, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both clocks went on and nobody was answered, as when the process is stopped or the machine far too busy."""
    team = await PretendTeam.join(rest, await rest.project())
    studio = replace(studio, config=replace(studio.config, session_lease=1.0))  # to be looked at soon
    looks: asyncio.Queue[float] = asyncio.Queue()

    async def look(studio: Studio, ahead: float | None) -> float:
        found = await check_leases(studio, ahead)
        looks.put_nowait(found)
        return found

    monkeypatch.setattr(module, "check_leases", look)
    watch = asyncio.create_task(module.watch_leases(studio))
    try:
        await asyncio.wait_for(looks.get(), 60)
        clock.advance(3.0)
        await asyncio.wait_for(looks.get(), 60)
        assert await status_of(rest, team) == {"connected"}
        for _ in range(5):
            clock.advance(0.2)
            await asyncio.wait_for(looks.get(), 60)
        await asyncio.wait_for(looks.get(), 60)
        assert await status_of(rest, team) == {"interrupted"}
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
