from __future__ import annotations

import asyncio
import gc

from maestro_ray.background import Background


async def sleep_for_ever(log: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        log.append("over")


async def fail() -> None:
    raise RuntimeError("nobody foresaw this")


async def test_what_nobody_else_holds_goes_on_to_its_end() -> None:
    background, done = Background(lambda _: None), asyncio.Event()

    async def later() -> None:
        await asyncio.sleep(0)
        done.set()

    background.spawn(later())
    gc.collect()
    await asyncio.wait_for(done.wait(), 60)


async def test_what_goes_wrong_is_told_once_and_ends_nothing_else() -> None:
    told: list[BaseException] = []
    log: list[str] = []
    background = Background(told.append)
    other = background.spawn(sleep_for_ever(log))
    await asyncio.wait([background.spawn(fail())])
    assert [str(error) for error in told] == ["nobody foresaw this"]
    assert not other.done()
    await background.end()
    assert (log, len(told)) == (["over"], 1)
    await background.end()


async def test_to_cancel_waits_for_none_and_to_end_waits_for_all() -> None:
    log: list[str] = []
    background = Background(lambda _: None)
    for _ in range(2):
        background.spawn(sleep_for_ever(log))
    await asyncio.sleep(0)
    background.cancel()
    assert log == []
    await background.end()
    assert log == ["over", "over"]


async def test_who_is_spawned_is_waited_for_with_its_result() -> None:
    async def three() -> int:
        return 3

    assert await Background(lambda _: None).spawn(three()) == 3
