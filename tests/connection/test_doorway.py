"""The doorway: nobody knocks while another looks, nobody waits longer than needed, and no crowd comes in at once."""

from __future__ import annotations

import asyncio

import pytest

from maestro_ray.connection import doorway as module
from maestro_ray.connection.doorway import Doorway
from maestro_ray.protocol.backoff import Backoff
from maestro_ray.testing import eventually

QUICK = Backoff(cap=0.02, base=0.01, floor=0.01)
NEVER = Backoff(cap=3600.0, base=1.0, floor=3600.0)


class Studio:
    """Counts who knocks, and how many at once."""

    def __init__(self, *, here: bool = True) -> None:
        self.here = here
        self.knocks = self.inside = self.most = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def knock(self) -> str:
        self.knocks += 1
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.gate.wait()
            await asyncio.sleep(0)
            if not self.here:
                raise ConnectionRefusedError
            return "welcome"
        finally:
            self.inside -= 1


async def test_a_crowd_comes_in_a_few_at_a_time() -> None:
    studio, door = Studio(), Doorway(QUICK, at_once=8)
    assert await asyncio.gather(*(door.enter(studio.knock) for _ in range(100))) == ["welcome"] * 100
    assert studio.most == 8
    assert not door.away


async def test_while_studio_is_away_one_looks_and_all_the_others_follow_at_once() -> None:
    studio, door = Studio(here=False), Doorway(QUICK, at_once=8)
    crowd = [asyncio.create_task(door.enter(studio.knock)) for _ in range(100)]
    await eventually(lambda: studio.knocks >= 20)
    assert studio.knocks - 8 <= 20, "the first eight tried beside each other, and then one at a time"
    studio.most = 0
    await eventually(lambda: studio.knocks >= 30)
    assert studio.most == 1
    studio.here = True
    assert await asyncio.wait_for(asyncio.gather(*crowd), 60) == ["welcome"] * 100
    assert studio.most <= 8


async def test_pauses_grow_to_the_cap_and_begin_again_after_a_success(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float | None] = []
    timeout = asyncio.timeout

    def noted(delay: float | None) -> asyncio.Timeout:
        pauses.append(delay)
        return timeout(0)

    monkeypatch.setattr(module.asyncio, "timeout", noted)
    monkeypatch.setattr(module.random, "random", lambda: 1.0)
    studio, door = Studio(here=False), Doorway()
    task = asyncio.create_task(door.enter(studio.knock))
    while len(pauses) < 7:
        await asyncio.sleep(0)
    assert pauses[:7] == [2.0, 3.0, 5.0, 9.0, 17.0, 30.0, 30.0]
    studio.here = True
    await task
    studio.here, pauses[:] = False, []
    task = asyncio.create_task(door.enter(studio.knock))
    while not pauses:
        await asyncio.sleep(0)
    assert pauses[0] == 2.0
    task.cancel()


async def test_an_answer_to_anybody_ends_the_waiting() -> None:
    studio, door = Studio(here=False), Doorway(NEVER)
    task = asyncio.create_task(door.enter(studio.knock))
    await eventually(lambda: door.away)
    studio.here = True
    door.heard()
    assert await asyncio.wait_for(task, 60) == "welcome"


async def test_who_leaves_while_looking_holds_nobody_up() -> None:
    studio, door = Studio(here=False), Doorway(QUICK)
    first = asyncio.create_task(door.enter(studio.knock))
    await eventually(lambda: studio.knocks > 2)
    second = asyncio.create_task(door.enter(studio.knock))
    studio.gate.clear()
    await eventually(lambda: studio.inside)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    studio.here = True
    studio.gate.set()
    assert await asyncio.wait_for(second, 60) == "welcome"


def test_a_studio_on_this_machine_is_looked_for_more_often() -> None:
    assert Doorway.to("ws://127.0.0.1:7/app/k")._backoff is module.NEAR
    assert Doorway.to("https://studio.example")._backoff.cap == 30.0
