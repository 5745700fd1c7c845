"""Project connections are islands: a mistake, a hang or a death in one is not noticed in any other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from maestro_ray.connection import doorway
from maestro_ray.connection import socket as module
from maestro_ray.connection.login import Login
from maestro_ray.connection.project import ProjectConnection
from maestro_ray.connection.sign_in import studio_tokens
from maestro_ray.connection.studios import Access, Studios
from maestro_ray.connection.trouble import Trouble
from maestro_ray.errors import StudioUnavailable
from maestro_ray.protocol.backoff import Backoff
from maestro_ray.protocol.session import ServerLimits
from maestro_ray.studio import identity
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Transaction
from maestro_ray.testing import LocalStudio, eventually

from .ears import Ears


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Backoff", lambda: Backoff(cap=0.1, base=0.05, floor=0.01))
    monkeypatch.setattr(doorway, "NEAR", Backoff(cap=0.05, base=0.05, floor=0.01))
    monkeypatch.setattr(module, "PATIENCE", 0.01)


@pytest.fixture
async def studios() -> AsyncIterator[Studios]:
    studios = Studios()
    yield studios
    await studios.close()


@dataclass
class Hole:
    """A server that takes every connection and never says a word."""

    login: Login
    taken: list[asyncio.StreamWriter]


@pytest.fixture
async def hole() -> AsyncIterator[Hole]:

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await asyncio.Event().wait()

    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    login = Login(f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/app/k?protocol=7", "nothing")
    yield Hole(login, writers)
    server.close()
    for writer in writers:
        writer.transport.abort()
    current = asyncio.current_task()
    others = [task for task in asyncio.all_tasks() if task is not current and "silent" in repr(task)]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def test_it_connects_with_its_first_subscription_and_says_so(
    studio: LocalStudio, studios: Studios
) -> None:
    ears = Ears()
    connection = ProjectConnection("p", studios.access(await studio.login()), ears)
    await asyncio.sleep(0)
    assert not connection.connected
    await connection.close()
    connection.subscribe("private-project.p")
    await ears.subscribed("p")
    assert connection.connected
    await connection.close()
    await connection.close()
    assert ears.changes == [("p", Trouble.NONE), ("p", Trouble.AWAY)]


@pytest.mark.parametrize("trouble", ["listener", "session"])
async def test_a_mistake_in_one_is_not_noticed_in_another_and_ends_neither(
    studio: LocalStudio, studios: Studios, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    """Of our own kind: one that nobody foresaw."""
    ears = Ears(broken="bad" if trouble == "listener" else "")
    access = studios.access(await studio.login())
    good, bad = ProjectConnection("good", access, ears), ProjectConnection("bad", access, ears)
    for each in (good, bad):
        each.subscribe("private-project.p")
    for key in ("good", "bad"):
        await ears.subscribed(key)
    session = next(iter(good._sockets))._session
    if trouble == "session":
        assert next(iter(bad._sockets))._session
        monkeypatch.setattr(next(iter(bad._sockets))._session, "receive", lambda *_: 1 / 0)
    studio.hub.publish("private-project.p", "task.updated", {})
    await ears.hears("good")
    if trouble == "session":
        await ears.subscribed("bad", 2)
    studio.hub.publish("private-project.p", "task.updated", {})
    for key in ("good", "bad"):
        await ears.hears(key, 1)
    await ears.hears("good", 2)
    assert next(iter(good._sockets))._session is session
    for each in (good, bad):
        await each.close()


async def test_a_studio_that_hangs_keeps_nobody_of_another_waiting(
    studio: LocalStudio, studios: Studios, hole: Hole, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of them than there are threads, turns or anything else that is counted."""
    ears = Ears()
    mine = await studio.login()
    theirs = studios.access(replace(hole.login, tokens=mine.tokens))
    silent = [ProjectConnection(f"silent-{n}", theirs, ears) for n in range(100)]
    for each in silent:
        each.subscribe("private-project.p")
    calls = [asyncio.create_task(each.rest.get("me")) for each in silent]
    # every socket, and as many calls as are made beside each other: from here on all of them wait
    await eventually(lambda: len(hole.taken) == len(silent) + 64)
    good = ProjectConnection("good", studios.access(mine), ears)
    good.subscribe("private-project.p")
    await asyncio.wait_for(ears.subscribed("good"), 60)
    assert (await asyncio.wait_for(good.rest.get("me"), 60))["id"]
    studio.hub.publish("private-project.p", "task.updated", {})
    await asyncio.wait_for(ears.hears("good"), 60)
    assert not any(task.done() for task in calls)
    for task in calls:
        task.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    for each in (good, *silent):
        await asyncio.wait_for(each.close(), 60)


async def test_a_hundred_connections_are_all_back_after_a_restart_and_read_again(
    studio: LocalStudio, studios: Studios
) -> None:
    def furnish(tx):  # type: ignore[no-untyped-def]
        for n in range(100):
            tx.insert(t.projects, id=f"p{n}", key=f"local:x/{n}", name=str(n))

    await studio.store.write(furnish)
    ears = Ears()
    access = studios.access(await studio.login())
    crowd = [ProjectConnection(f"p{n}", access, ears) for n in range(100)]
    for each in crowd:
        each.subscribe(f"private-project.{each.key}")
    for each in crowd:
        await ears.subscribed(each.key)
    await studio.stop()
    with pytest.raises(StudioUnavailable):
        await access.rest.get("me")
    await eventually(lambda: not any(each.connected for each in crowd))
    await studio.start()
    for each in crowd:
        await ears.subscribed(each.key, 2)
    studio.hub.publish("private-project.p99", "task.updated", {})
    await ears.hears("p99")
    await asyncio.gather(*(each.close() for each in crowd))


# ── more channels than a server takes on one connection ──────────────────────────────────────────────────────────────


def _counted(access: Access, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The channels whose signatures are asked for from now on."""
    asked: list[str] = []
    sign = access.signatures.sign

    async def counted(socket_id: str, channel: str) -> str:
        asked.append(channel)
        return await sign(socket_id, channel)

    monkeypatch.setattr(access.signatures, "sign", counted)
    return asked


def _teams(count: int) -> list[str]:
    return [f"private-team.t{n}" for n in range(count)]


async def _furnish_teams(studio: LocalStudio, count: int) -> None:
    def furnish(tx: Transaction) -> None:
        for n in range(count):
            tx.insert(t.teams, project_id="p", name=f"t{n}")

    await studio.store.write(furnish)


@pytest.mark.parametrize("taken", [100, 30])
async def test_a_project_with_hundreds_of_teams_hears_every_one(
    studio: LocalStudio, studios: Studios, caplog: pytest.LogCaptureFixture, taken: int
) -> None:
    """Also at a server that takes fewer channels than we think."""
    await _furnish_teams(studio, 250)
    studio.hub.limits = ServerLimits(subscriptions=taken)
    ears = Ears()
    connection = ProjectConnection("p", studios.access(await studio.login()), ears)
    for channel in _teams(250):
        connection.subscribe(channel)
    await eventually(lambda: len({channel for _, channel in ears.gaps}) == 250)
    for channel in _teams(250):
        studio.hub.publish(channel, "run.dispatched", {})
    await ears.hears("p", 250)
    assert {channel for _, channel, _ in ears.events} == set(_teams(250))
    assert len(ears.gaps) == 250
    assert studio.hub.count() == (-(-250 // taken), 250)
    assert connection.connected
    assert ears.changes[-1] == ("p", Trouble.NONE)
    assert "refused" not in caplog.text
    connection.unsubscribe("private-team.t249")
    connection.unsubscribe("private-team.nobody")
    await eventually(lambda: studio.hub.count()[1] == 249)
    # the place is used again
    connection.subscribe("private-team.t249")
    await eventually(lambda: studio.hub.count() == (-(-250 // taken), 250))
    await connection.close()


async def test_a_server_that_takes_no_channel_at_all_is_asked_rarely_and_on_one_socket(
    studio: LocalStudio, studios: Studios, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    studio.hub.limits = ServerLimits(subscriptions=0)
    connection = ProjectConnection("p", access := studios.access(await studio.login()), Ears())
    asked = _counted(access, monkeypatch)
    connection.subscribe("private-project.p")
    await eventually(lambda: len(asked) >= 3)
    assert studio.hub.count() == (1, 0)
    # each pause is twice as long as the one before: in the first second there is no room for more
    assert len(asked) <= 6
    await connection.close()


# ── signed out ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_is_signed_out_says_so_once_knocks_rarely_and_hears_again_after_a_sign_in(
    studio: LocalStudio,
    studios: Studios,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ears = Ears()
    login = await studio.login()
    connection = ProjectConnection("p", access := studios.access(login), ears)
    asked = _counted(access, monkeypatch)
    connection.subscribe("private-project.p")
    await ears.subscribed("p")
    with caplog.at_level(logging.WARNING):
        await connection.rest.post("auth/logout")
        await eventually(
            lambda: ears.changes[-1] == ("p", Trouble.SIGNED_OUT) and "not signed in" in caplog.text
        )
        await eventually(lambda: studio.hub.count() == (1, 0))
    assert not connection.connected
    await eventually(lambda: asked.count("private-project.p") >= 4)
    assert caplog.text.count("cannot be authorised") == 1
    requests = studio.app.state.studio.metrics.requests
    assert [n for (_, route, _), n in requests.items() if route.endswith("auth/refresh")] == [1]
    invite = await studio.store.write(identity.invite)
    tokens = studio_tokens(studio.home, studio.url)
    await asyncio.to_thread(tokens.redeem, invite, "operator")
    await ears.subscribed("p", 2)
    assert connection.connected
    studio.hub.publish("private-project.p", "task.updated", {})
    await ears.hears("p")
    await connection.close()
