"""The record of a team: numbered, bounded, followed by any number of watchers."""

from __future__ import annotations

import asyncio
from typing import Any

from maestro_ray.actors.happenings import KEPT, KEPT_CHARACTERS, Happenings


async def listen(happenings: Happenings, after: int = 0) -> list[dict[str, Any]]:
    return [event async for event in happenings.follow(after)]


def numbers(events: list[dict[str, Any]]) -> list[int]:
    return [event["n"] for event in events]


async def test_every_watcher_sees_everything_in_order_to_the_end() -> None:
    happenings = Happenings()
    happenings.add("first", 1.0, worker="dev-1")
    watchers = [asyncio.create_task(listen(happenings)) for _ in range(3)]
    await asyncio.sleep(0)
    for n in range(10):
        happenings.add("more", 2.0, number=n)
        await asyncio.sleep(0)
    happenings.end()
    for seen in await asyncio.wait_for(asyncio.gather(*watchers), 60):
        assert numbers(seen) == list(range(1, 12))
        assert seen[0] == {"n": 1, "kind": "first", "at": 1.0, "worker": "dev-1"}


async def test_a_watcher_goes_on_where_it_was() -> None:
    happenings = Happenings()
    for n in range(5):
        happenings.add("it", 0.0, number=n)
    happenings.end()
    assert numbers(await listen(happenings, 3)) == [4, 5]
    assert numbers(happenings.after(0)) == [1, 2, 3, 4, 5]
    assert happenings.after(5) == []


async def test_a_watcher_of_an_earlier_life_is_told_all_of_this_one() -> None:
    happenings = Happenings()
    happenings.add("it", 0.0)
    happenings.end()
    assert numbers(await asyncio.wait_for(listen(happenings, 500), 60)) == [1]


async def test_old_ones_are_dropped_and_the_gap_is_seen() -> None:
    happenings = Happenings()
    for _ in range(KEPT + 10):
        happenings.add("it", 0.0)
    happenings.end()
    seen = numbers(await listen(happenings))
    assert seen[0] == 11
    assert len(seen) == KEPT
    assert numbers(happenings.after(KEPT + 8)) == [KEPT + 9, KEPT + 10]


async def test_a_page_holds_as_much_as_it_may_and_at_least_one() -> None:
    happenings = Happenings()
    for _ in range(5):
        happenings.add("text", 0.0, text="ü" * 1000)
    happenings.end()
    first, more = happenings.page(0, 4200)
    assert (numbers(first), more) == ([1, 2], True)
    assert (numbers(happenings.page(2, 1)[0]), numbers(happenings.page(3, 10**6)[0])) == ([3], [4, 5])
    assert happenings.page(3, 10**6)[1] is False
    assert happenings.page(5, 1) == ([], False)


async def test_those_of_talkative_agents_are_bounded_too() -> None:
    happenings = Happenings()
    for _ in range(10):
        happenings.add("text", 0.0, text="x" * (KEPT_CHARACTERS // 4))
    assert numbers(happenings.after(0)) == [8, 9, 10]
    happenings.add("text", 0.0, text="x" * (KEPT_CHARACTERS * 2))
    assert numbers(happenings.after(0)) == [11]
    happenings.add("it", 0.0)
    assert numbers(happenings.after(0)) == [12]
