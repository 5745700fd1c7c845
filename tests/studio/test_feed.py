from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
import pytest_asyncio
import sqlalchemy as sa

from maestro_ray.errors import Conflict
from maestro_ray.studio import feed as module
from maestro_ray.studio import schema as t
from maestro_ray.studio.database import connect
from maestro_ray.studio.store import Store, Transaction
from maestro_ray.testing import FakeClock

from .postgres import Server

A, B = "private-team.a", "private-team.b"


class Heard:
    """What one process tells its subscribers."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.renumbered: list[dict[str, int]] = []
        self._more = asyncio.Event()

    def publish(self, *event: Any) -> None:
        self.events.append(event)
        self._more.set()

    def renumber(self, numbers: Mapping[str, int]) -> None:
        self.renumbered.append(dict(numbers))
        self._more.set()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not true():
                self._more.clear()
                await self._more.wait()

    def numbers(self, channel: str = A) -> list[int]:
        return [event[4] for event in self.events if event[0] == channel]


class Process:
    """A Studio's store and what it hears."""

    def __init__(self, store: Store, heard: Heard) -> None:
        self.store = store
        self.heard = heard

    async def say(self, *channels: str, **params: Any) -> None:
        def work(tx: Transaction) -> None:
            for channel in channels or (A,):
                tx.publish(channel, "told", **params)

        await self.store.write(work)

    async def listening(self) -> None:
        assert self.store.feed is not None
        async with asyncio.timeout(60):
            await self.store.feed.listening.wait()


@pytest_asyncio.fixture
async def start(
    postgres_database: str, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Any]:
    monkeypatch.setattr(module, "AGAIN", 0.01)
    stores: list[Store] = []

    async def one_more() -> Process:
        heard = Heard()
        store = await Store.open(postgres_database, clock, heard.publish, heard.renumber)
        stores.append(store)
        process = Process(store, heard)
        await process.listening()
        return process

    yield one_more
    for store in stores:
        await store.close()


async def test_each_process_hears_the_same_events_in_the_same_order(start: Any) -> None:
    processes = [await start(), await start()]
    await asyncio.gather(*(each.say(A, B, A, by=number) for number in range(10) for each in processes))
    for each in processes:
        await each.heard.until(lambda heard=each.heard: len(heard.events) == 60)
    one, two = (each.heard for each in processes)
    assert one.events == two.events
    assert one.numbers(A) == list(range(1, 41))
    assert one.numbers(B) == list(range(1, 21))
    assert len({event[3] for event in one.events}) == 60


async def test_ones_own_events_are_told_when_the_write_returns(start: Any) -> None:
    process = await start()
    await process.say(text="a")
    assert [event[:3] for event in process.heard.events] == [(A, "told", {"text": "a"})]


async def test_an_event_larger_than_a_notification_may_be_arrives(start: Any) -> None:
    one, two = await start(), await start()
    await one.say(text="ü" * 100_000)
    await two.heard.until(lambda: bool(two.heard.events))
    assert two.heard.events[0][2] == {"text": "ü" * 100_000}


async def test_of_what_fails_nothing_is_told_and_no_number_is_lost(start: Any) -> None:
    one, two = await start(), await start()

    def work(tx: Transaction) -> None:
        tx.publish(A, "told")
        raise Conflict("no", "")

    with pytest.raises(Conflict):
        await one.store.write(work)
    await one.say()
    await two.heard.until(lambda: bool(two.heard.events))
    assert one.heard.numbers() == two.heard.numbers() == [1]


async def test_numbers_go_on_after_a_restart_of_all(start: Any) -> None:
    first = await start()
    assert first.heard.renumbered == [{}]
    await first.say(A, A, B)
    await first.store.close()
    second = await start()
    assert second.heard.renumbered == [{A: 2, B: 1}]
    await second.say()
    assert second.heard.numbers() == [3]


async def test_a_listener_that_was_cut_off_is_healed_and_misses_nothing(
    start: Any, postgres_server: Server
) -> None:
    one, two = await start(), await start()
    assert two.store.feed is not None
    two.store.feed.listening.clear()
    postgres_server.cut_all("studio", "LISTEN")
    for number in range(20):
        await one.say(number=number)
    await two.listening()
    await one.say(number=20)
    await two.heard.until(lambda: len(two.heard.events) == 21)
    assert two.heard.numbers() == list(range(1, 22))
    assert two.heard.renumbered == [{}]


async def test_a_notification_that_is_lost_is_not_waited_for(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.02)
    monkeypatch.setattr(module, "_RING", sa.text("SELECT :bell, CAST(:position AS text)"))
    one, two = await start(), await start()
    await one.say()
    await two.heard.until(lambda: bool(two.heard.events))


async def test_who_was_cut_off_for_too_long_says_so_and_goes_on(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT", 3)
    monkeypatch.setattr(module, "SWEEP", 1)
    one, two = await start(), await start()
    feed = two.store.feed
    await feed.close()
    for _ in range(10):
        await one.say(A)
    await feed.catch_up()
    assert two.heard.events == []
    assert two.heard.renumbered == [{}, {A: 10}]
    await one.say(A)
    await feed.catch_up()
    assert two.heard.numbers() == [11]
    kept = sa.select(sa.func.count()).select_from(t.events)
    assert await one.store.read(lambda tx: tx.execute(kept).scalar_one()) == 3


def put_back(process: Process, last: int) -> None:
    """What a restore does to these two tables while Studio runs."""
    engine = connect(process.store.feed._engine.url.render_as_string(hide_password=False))
    with engine.begin() as connection:
        connection.execute(t.events.delete())
        connection.execute(t.numbers.update().values(last=last))
    engine.dispose()


async def test_a_database_that_was_put_back_is_noticed(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.02)
    process = await start()
    await process.say(A, A, A)
    put_back(process, 1)
    await process.heard.until(lambda: len(process.heard.renumbered) == 2)
    assert process.heard.renumbered[1] == {A: 1}
    await process.say(A)
    assert process.heard.numbers() == [1, 2, 3, 2]


@pytest.mark.parametrize("spoken", [True, False], ids=["after bells", "before any bell"])
async def test_a_database_that_was_put_back_is_noticed_where_it_is_never_quiet(
    start: Any, monkeypatch: pytest.MonkeyPatch, spoken: bool
) -> None:
    """Whoever waits for silence would wait for ever."""
    monkeypatch.setattr(module, "PATIENCE", 3600.0)
    first = await start()
    await first.say(A, A, A)
    process = first if spoken else await start()
    began = len(process.heard.renumbered)
    put_back(process, 1)
    await process.say(A)
    await process.heard.until(lambda: len(process.heard.renumbered) > began)
    assert process.heard.renumbered[-1] == {A: 2}
    await process.say(A)
    assert process.heard.numbers()[-1] == 3


async def test_a_strangers_notification_makes_nobody_deaf(start: Any, postgres_server: Server) -> None:
    one, two = await start(), await start()
    postgres_server.do("NOTIFY maestro_events, 'hello'", "studio")
    await one.say()
    await two.heard.until(lambda: bool(two.heard.events))
    assert two.heard.numbers() == [1]
