"""Two Studios on one PostgreSQL database: whoever is on a presence channel at one is seen at the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa

from maestro_ray.config import Config
from maestro_ray.studio import feed, neighbours
from maestro_ray.studio import schema as t
from maestro_ray.studio.app import create_app
from maestro_ray.studio.server import Server
from maestro_ray.studio.store import Transaction
from maestro_ray.studio.studio import Studio
from maestro_ray.testing import FakeClock, eventually

from . import postgres
from .browser import MEMBERS, ROOM, Client

ADDED, REMOVED = "pusher_internal:member_added", "pusher_internal:member_removed"


class Served:
    """A Studio that answers."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._server = Server(create_app(studio), grace=1, signals=False)

    async def begin(self) -> None:
        self.port = await self._server.begin()
        feed = self.studio.store.feed
        assert feed is not None
        await asyncio.wait_for(feed.listening.wait(), 60)
        await eventually(lambda: not self.studio.neighbours._look_again)

    async def arrive(self) -> Client:
        return await Client.arrive(self.port, self.studio.hub.key, secret=self.studio.hub.secret)

    async def joins(self, user_id: str, name: str) -> tuple[Client, Any]:
        """Who is there, as the new one is told."""
        client = await self.arrive()
        return client, await client.joins(user_id, name)

    async def stop(self) -> None:
        await self._server.stop()


Start = Callable[[], Awaitable[Served]]


@pytest.fixture
async def start(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> AsyncIterator[Start]:
    monkeypatch.setattr(feed, "AGAIN", 0.01)
    monkeypatch.setattr(neighbours, "AGAIN", 0.01)
    monkeypatch.setattr(neighbours, "BEAT", 0.05)
    all_served: list[Served] = []

    async def one_more() -> Served:
        served = Served(await Studio.open(postgres_database, Config(), clock))
        await served.begin()
        all_served.append(served)
        return served

    yield one_more
    await Client.all_leave()
    for served in all_served:
        await served.stop()


async def rows(served: Served) -> list[str]:
    found = await served.studio.store.read(Transaction.all, sa.select(t.presence))
    return sorted(row["user_id"] for row in found)


def die(served: Served) -> None:
    """As a killed process does: nothing of it is told, and nothing renewed."""
    served.studio.neighbours.close = _nothing  # type: ignore[method-assign]
    served.studio.neighbours._beat = _nothing  # type: ignore[method-assign]
    served.studio.neighbours._tell = _nothing  # type: ignore[method-assign]


async def _nothing() -> None:
    pass


async def beats(served: Served, times: int = 2) -> None:
    """Until it has shown so often that it lives. The first may have begun before; the last was begun and ended since."""
    beat, done = served.studio.neighbours._beat, asyncio.Semaphore(0)

    async def counted() -> None:
        await beat()
        done.release()

    served.studio.neighbours._beat = counted  # type: ignore[method-assign]
    async with asyncio.timeout(60):
        for _ in range(times):
            await done.acquire()
    served.studio.neighbours._beat = beat  # type: ignore[method-assign]


async def test_members_see_each_other_come_and_go_whichever_studio_they_are_at(start: Start) -> None:
    one, two = await start(), await start()
    ada, there = await one.joins("1", "ada")
    assert there == {"1": {"name": "ada"}}
    await eventually(lambda: two.studio.neighbours._there)
    bob, there = await two.joins("2", "bob")
    assert there == {"1": {"name": "ada"}, "2": {"name": "bob"}}
    assert await ada.next() == (ADDED, {"user_id": "2", "user_info": {"name": "bob"}})
    await ada.websocket.close()
    assert await bob.next() == (REMOVED, {"user_id": "1"})
    await bob.say("pusher:unsubscribe", {"channel": MEMBERS})
    await eventually(lambda: not one.studio.neighbours._there)
    async with asyncio.timeout(60):
        while await rows(one):
            await asyncio.sleep(0.01)
    assert one.studio.hub._rooms._rooms == two.studio.hub._rooms._rooms == {}


async def test_a_person_at_both_is_one_and_gone_with_the_last_connection(start: Start) -> None:
    one, two = await start(), await start()
    watcher, _ = await one.joins("0", "watcher")
    here, _ = await one.joins("1", "ada")
    assert (await watcher.next())[1]["user_id"] == "1"
    await eventually(lambda: len(two.studio.neighbours._there) == 2)
    there, seen = await two.joins("1", "ada")
    assert set(seen) == {"0", "1"}
    await eventually(lambda: one.studio.neighbours._there)
    await here.websocket.close()
    await eventually(lambda: len(two.studio.neighbours._there) == 1)
    await watcher.nothing_more()
    await there.websocket.close()
    assert await watcher.next() == (REMOVED, {"user_id": "1"})


async def test_who_was_there_before_a_studio_began_is_seen_at_it(start: Start) -> None:
    one = await start()
    await one.joins("1", "ada")
    async with asyncio.timeout(60):
        while await rows(one) != ["1"]:
            await asyncio.sleep(0.01)
    two = await start()
    await eventually(lambda: two.studio.neighbours._there)
    _, there = await two.joins("2", "bob")
    assert set(there) == {"1", "2"}


async def test_a_studio_that_stops_takes_its_people_along(start: Start) -> None:
    one, two = await start(), await start()
    ada, _ = await one.joins("1", "ada")
    await two.joins("2", "bob")
    assert (await ada.next())[0] == ADDED
    await two.stop()
    assert await ada.next() == (REMOVED, {"user_id": "2"})
    assert await rows(one) == ["1"]


async def test_people_of_a_killed_studio_are_gone_when_its_lease_is_over(
    start: Start, clock: FakeClock
) -> None:
    one, two = await start(), await start()
    ada, _ = await one.joins("1", "ada")
    await two.joins("2", "bob")
    assert (await ada.next())[0] == ADDED
    die(two)
    clock.advance(neighbours.LEASE / 2)
    await beats(one)  # it renews its own rows, and looks for those of others that are over
    assert await rows(one) == ["1", "2"]
    await ada.nothing_more()
    clock.advance(neighbours.LEASE / 2)
    assert await ada.next() == (REMOVED, {"user_id": "2"})
    assert await rows(one) == ["1"]


async def test_rows_are_renewed_also_while_there_is_always_something_to_tell(
    start: Start, clock: FakeClock
) -> None:
    one, two = await start(), await start()
    ada, _ = await one.joins("1", "ada")
    await two.joins("2", "bob")
    assert (await ada.next())[0] == ADDED
    talking = asyncio.create_task(_talk(two))
    for _ in range(4):
        clock.advance(neighbours.LEASE / 2)
        await asyncio.gather(beats(one), beats(two))
    talking.cancel()
    assert await rows(one) == ["1", "2"]
    two.studio.neighbours.said(MEMBERS, "client-typing", '{"last":true}', "2")
    while (told := await ada.next()) != ("client-typing", {"last": True}):
        assert told == ("client-typing", {})


async def _talk(served: Served) -> None:
    while True:
        served.studio.neighbours.said(MEMBERS, "client-typing", "{}", "2")
        await asyncio.sleep(0.001)


async def test_a_studio_that_stood_still_too_long_says_again_who_is_there(
    start: Start, clock: FakeClock
) -> None:
    one, two = await start(), await start()
    ada, _ = await one.joins("1", "ada")
    await two.joins("2", "bob")
    assert (await ada.next())[0] == ADDED
    await one.studio.store.write(neighbours._forget, t.presence.c.user_id == "2")
    assert await ada.next() == (REMOVED, {"user_id": "2"})
    assert await ada.next() == (ADDED, {"user_id": "2", "user_info": {"name": "bob"}})


async def test_a_clients_own_event_reaches_those_at_the_other_studio_once(start: Start) -> None:
    one, two = await start(), await start()
    ada, _ = await one.joins("1", "ada")
    await eventually(lambda: two.studio.neighbours._there)
    bob, _ = await two.joins("2", "bob")
    assert (await ada.next())[0] == ADDED
    quiet = await two.arrive()
    await quiet.subscribe(ROOM)
    for number in range(3):
        await ada.say("client-typing", {"number": number}, channel=MEMBERS)
    assert [await bob.next() for _ in range(3)] == [("client-typing", {"number": n}) for n in range(3)]
    await bob.say("client-typing", {"by": "bob"}, channel=MEMBERS)
    assert await ada.next() == ("client-typing", {"by": "bob"})
    for client in (ada, bob, quiet):
        await client.nothing_more()


async def test_what_was_missed_is_looked_up(start: Start) -> None:
    one, two = await start(), await start()
    await one.joins("1", "ada")
    await eventually(lambda: two.studio.neighbours._there)
    assert two.studio.store.feed is not None
    await two.studio.store.feed.close()  # it hears nothing
    await one.joins("3", "eve")
    async with asyncio.timeout(60):
        while await rows(one) != ["1", "3"]:
            await asyncio.sleep(0.01)
    await two.studio.store.feed.start()
    two.studio.hub.renumber({})
    await eventually(lambda: len(two.studio.neighbours._there) == 2)


async def test_a_database_that_was_away_learns_it_later(
    start: Start, postgres_server: postgres.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = await start(), await start()
    write = one.studio.store.write
    failures = 3

    async def failing(*args: Any, **kwargs: Any) -> Any:
        nonlocal failures
        if failures:
            failures -= 1
            raise sa.exc.OperationalError("x", {}, Exception("the server is away"))
        return await write(*args, **kwargs)

    monkeypatch.setattr(one.studio.store, "write", failing)
    await one.joins("1", "ada")
    await eventually(lambda: two.studio.neighbours._there)
    assert failures == 0
