"""Whoever is cancelled leaves only when what was begun is over."""

from __future__ import annotations

import asyncio
import threading

import pytest

from maestro_ray.actors.threads import ended, in_thread


async def test_a_threads_result_and_error_come_back() -> None:
    assert await in_thread(lambda a, b: a + b, 1, 2) == 3
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 / 0)


async def test_a_cancelled_caller_waits_for_the_thread() -> None:
    begun, go, over = threading.Event(), threading.Event(), []

    def work() -> None:
        begun.set()
        assert go.wait(60)
        over.append(True)

    task = asyncio.create_task(in_thread(work))
    await asyncio.to_thread(begun.wait)
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert over == [True]


async def slow_end(gate: asyncio.Event, over: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        await gate.wait()
        over.append("over")


async def test_two_who_end_a_task_both_wait_and_cut_its_end_in_two_no_more_than_one() -> None:
    gate, over = asyncio.Event(), list[str]()
    task = asyncio.create_task(slow_end(gate, over))
    await asyncio.sleep(0)
    enders = [asyncio.create_task(ended(task)) for _ in range(2)]
    await asyncio.sleep(0)
    assert not any(ender.done() for ender in enders)
    gate.set()
    await asyncio.gather(*enders)
    assert over == ["over"]
    await ended(task)


async def test_an_ender_that_is_cancelled_waits_too_and_is_cancelled_then() -> None:
    gate, over = asyncio.Event(), list[str]()
    task = asyncio.create_task(slow_end(gate, over))
    await asyncio.sleep(0)
    ender = asyncio.create_task(ended(task))
    await asyncio.sleep(0)
    ender.cancel()
    await asyncio.sleep(0)
    assert not ender.done()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await ender
    assert over == ["over"]


async def test_how_a_task_failed_is_no_matter_of_who_ends_it() -> None:
    async def fail() -> None:
        raise ValueError

    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    await ended(task)
