"""A pretend program that is started, found, killed and ended; whatever happens, there is never a second one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from maestro_ray.daemon import watched as module
from maestro_ray.daemon.watched import TOO_OFTEN, Watched
from maestro_ray.errors import DaemonUnavailable, StudioUnavailable
from maestro_ray.testing import eventually


class Pretend:
    """Its `parts` are what runs; a whole one is a number."""

    name = "It"

    def __init__(self) -> None:
        self.parts: set[int] = set()
        self.left: int | None = None
        self.fails: list[Exception] = []
        self.starts = 0
        self.most = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.deaths: dict[int, asyncio.Event] = {}

    async def find(self) -> int | None:
        return self.left

    async def start(self) -> int:
        self.starts += 1
        number = self.starts
        self._run(number)
        await self.gate.wait()
        if self.fails:
            raise self.fails.pop(0)
        return number

    async def ended(self, running: int) -> str:
        await self.deaths[running].wait()
        return "its heart"

    async def end(self, running: int | None) -> None:
        await asyncio.sleep(0)
        self.parts.clear()

    def _run(self, number: int) -> None:
        self.parts.add(number)
        self.most = max(self.most, len(self.parts))
        self.deaths[number] = asyncio.Event()

    def leave(self, *numbers: int) -> None:
        """What an earlier daemon left."""
        for number in numbers:
            self._run(number)


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Pretend:
    monkeypatch.setattr(module, "PAUSE", 0.001)
    return Pretend()


@pytest.fixture
async def watched(program: Pretend) -> AsyncIterator[Watched[int]]:
    watched = Watched(program)
    yield watched
    await watched.stop()
    assert program.parts == set()
    assert program.most <= 1


def quiet(_text: str) -> None:
    pass


async def test_any_number_may_ask_and_it_is_started_once(watched: Watched[int], program: Pretend) -> None:
    said: list[str] = []
    assert await asyncio.gather(*(watched.ensure(said.append) for _ in range(5))) == [1] * 5
    assert said == ["starting It"]
    assert watched.seconds is not None


async def test_it_is_started_again_when_it_dies_and_the_rest_of_it_ends_first(
    watched: Watched[int], program: Pretend
) -> None:
    await watched.ensure(quiet)
    program.deaths[1].set()
    await eventually(lambda: watched.running == 2)
    assert program.parts == {2}
    assert watched.trouble == ""


async def test_a_start_that_fails_leaves_nothing_behind(watched: Watched[int], program: Pretend) -> None:
    """Such as a Studio that runs but cannot be signed in to: the next start would be a second one."""
    program.fails = [StudioUnavailable("url", "timed out")]
    with pytest.raises(StudioUnavailable):
        await watched.ensure(quiet)
    assert program.parts == set()
    assert await watched.ensure(quiet) == 2
    program.deaths[2].set()
    await eventually(lambda: watched.running == 3)


async def test_a_restart_that_fails_is_tried_again_whatever_went_wrong(
    watched: Watched[int], program: Pretend
) -> None:
    await watched.ensure(quiet)
    program.fails = [OSError(28, "No space left on device"), StudioUnavailable("url", "x"), KeyError("pid")]
    program.deaths[1].set()
    await eventually(lambda: watched.running == 5)
    assert watched.trouble == ""


async def test_one_that_dies_again_and_again_is_given_up_until_it_is_needed(
    watched: Watched[int], program: Pretend
) -> None:
    await watched.ensure(quiet)
    for number in range(1, TOO_OFTEN + 1):
        await eventually(lambda number=number: watched.running == number)
        program.deaths[number].set()
    assert await eventually(lambda: watched.trouble) == (
        f"its heart ended; after {TOO_OFTEN} times it is not started again before it is needed"
    )
    assert (watched.running, program.starts, program.parts) == (None, TOO_OFTEN, set())
    assert await watched.ensure(quiet) == TOO_OFTEN + 1
    assert watched.trouble == ""


async def test_one_that_cannot_start_again_is_given_up_with_its_reason(
    watched: Watched[int], program: Pretend
) -> None:
    await watched.ensure(quiet)
    program.fails = [OSError(28, "No space left on device")] * 100
    program.deaths[1].set()
    await eventually(lambda: "before it is needed" in watched.trouble)
    assert "No space left on device" in watched.trouble
    assert program.starts == TOO_OFTEN


async def test_deaths_of_long_ago_do_not_count(
    watched: Watched[int], program: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOW", 0.0)
    await watched.ensure(quiet)
    for number in range(1, 2 * TOO_OFTEN):
        program.deaths[number].set()
        await eventually(lambda number=number: watched.running == number + 1)


async def test_who_leaves_does_not_end_the_start(watched: Watched[int], program: Pretend) -> None:
    program.gate.clear()
    leaves, stays = (asyncio.create_task(watched.ensure(quiet)) for _ in range(2))
    await eventually(lambda: program.starts == 1)
    leaves.cancel()
    await asyncio.gather(leaves, return_exceptions=True)
    program.gate.set()
    assert await stays == 1


async def test_what_an_earlier_daemon_left_whole_is_taken_over_and_watched(
    watched: Watched[int], program: Pretend
) -> None:
    program.leave(7)
    program.left = 7
    await watched.adopt()
    assert await watched.ensure(quiet) == 7
    program.deaths[7].set()
    await eventually(lambda: watched.running == 1)


async def test_what_an_earlier_daemon_left_in_parts_is_ended_before_a_start(
    watched: Watched[int], program: Pretend
) -> None:
    program.leave(7)
    await watched.adopt()
    assert (watched.running, program.parts) == (None, set())
    assert await watched.ensure(quiet) == 1


async def test_stopping_ends_a_start_and_who_waits_for_it_is_told(program: Pretend) -> None:
    watched = Watched(program)
    program.gate.clear()
    waiting = asyncio.create_task(watched.ensure(quiet))
    await eventually(lambda: program.starts == 1)
    await watched.stop()
    for asked in (waiting, watched.ensure(quiet)):
        with pytest.raises(DaemonUnavailable, match="it is being stopped"):
            await asked
    assert (program.parts, program.starts) == (set(), 1)


async def test_what_dies_while_it_is_stopped_stays_dead(program: Pretend) -> None:
    watched = Watched(program)
    await watched.ensure(quiet)
    watched.close()
    program.deaths[1].set()
    await eventually(lambda: program.parts == set())
    await watched.stop()
    assert program.starts == 1


async def test_a_start_that_is_given_up_leaves_nothing_and_may_be_made_again(
    program: Pretend, watched: Watched[int]
) -> None:
    program.gate.clear()
    starting = asyncio.create_task(watched.ensure(quiet))
    await eventually(lambda: program.parts)
    await watched.give_up()
    with pytest.raises(DaemonUnavailable):
        await starting
    assert program.parts == set()
    program.gate.set()
    assert await watched.ensure(quiet) == 2
    await watched.give_up()
    assert watched.running == 2
