"""Our client and soketi, a Pusher server that nobody here wrote."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from connection.ear import Ear, signing

from maestro_ray.connection import socket
from maestro_ray.protocol.backoff import Backoff
from maestro_ray.protocol.session import ClientLimits
from maestro_ray.testing import eventually

from .soketi import KEY, SECRET, Soketi

PROJECT, TEAM = "private-project.p", "private-team.shop"


@pytest.fixture
async def soketi() -> AsyncIterator[Soketi]:
    soketi = Soketi()
    await soketi.start()
    yield soketi
    await soketi.kill()


@pytest.fixture
async def ear(soketi: Soketi, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ear]:
    """Somebody listens to the project's channel, and tries again soon."""
    monkeypatch.setattr(socket, "Backoff", lambda: Backoff(cap=0.2, base=0.05, floor=0.01))
    monkeypatch.setattr(socket, "PATIENCE", 0.01)
    ear = Ear(soketi.url, signing(KEY, SECRET), ClientLimits(activity_timeout=0.2))
    ear.socket.subscribe(PROJECT)
    yield ear
    await ear.close()


def event(n: int, method: str = "run.updated") -> str:
    return json.dumps(
        {"jsonrpc": "2.0", "method": method, "params": {"id": f"e{n}", "n": n, "text": "Grüße"}}
    )


async def test_it_hears_what_is_triggered_on_its_channels_alone(soketi: Soketi, ear: Ear) -> None:
    await ear.hears(PROJECT)
    ear.socket.subscribe(TEAM)
    await ear.hears(TEAM)
    assert await soketi.channels() == {PROJECT, TEAM}
    await soketi.trigger("private-team.other", "run.updated", event(7))
    await soketi.trigger(PROJECT, "run.updated", event(1))
    await soketi.trigger(TEAM, "team.message", event(1, "team.message"))
    await eventually(lambda: len(ear.events) == 2)
    assert [(channel, method) for channel, method, _ in ear.events] == [
        (PROJECT, "run.updated"),
        (TEAM, "team.message"),
    ]
    assert ear.events[0][2] == {"id": "e1", "n": 1, "text": "Grüße"}


async def test_gaps_and_repeats_are_noticed_there_too(soketi: Soketi, ear: Ear) -> None:
    await ear.hears(PROJECT)
    for n in (1, 2, 2, 5, 3):
        await soketi.trigger(PROJECT, "run.updated", event(n))
    await soketi.trigger(PROJECT, "run.updated", event(6))
    await eventually(lambda: 6 in ear.numbers)
    assert ear.numbers == [1, 2, 5, 6]
    assert ear.gaps == [PROJECT, PROJECT]


async def test_a_channel_that_is_left_is_left(soketi: Soketi, ear: Ear) -> None:
    await ear.hears(PROJECT)
    ear.socket.unsubscribe(PROJECT)
    ear.socket.subscribe(TEAM)
    await ear.hears(TEAM)
    assert await soketi.channels() == {TEAM}


async def test_a_signature_it_does_not_accept_is_tried_again_until_it_is_right(
    soketi: Soketi, ear: Ear
) -> None:
    await ear.hears(PROJECT)
    right, wrong = ear._sign, signing(KEY, "another secret")
    asked = []

    async def at_first_wrong(socket_id: str, channel: str) -> str:
        asked.append(channel)
        return await (wrong if len(asked) < 3 else right)(socket_id, channel)

    ear._sign = at_first_wrong
    ear.socket.subscribe(TEAM)
    await ear.hears(TEAM)
    assert asked == [TEAM] * 3
    await soketi.trigger(PROJECT, "run.updated", event(1))
    await eventually(lambda: ear.numbers == [1])
    assert ear.gaps.count(PROJECT) == 1


async def test_its_silence_is_no_end(soketi: Soketi, ear: Ear) -> None:
    """soketi answers pings: the connection outlives many of our silences."""
    await ear.hears(PROJECT)
    since = ear.socket.connected_since
    session = ear.socket._session
    assert since
    assert session
    answered = [0]
    receive = session.receive

    def listen(text: str | bytes, now: float) -> object:
        answered[0] += "pusher:pong" in str(text)
        return receive(text, now)

    session.receive = listen  # type: ignore[method-assign, assignment]
    await eventually(lambda: answered[0] >= 3)
    assert ear.socket.connected_since == since


async def test_it_is_back_after_the_server_died(soketi: Soketi, ear: Ear) -> None:
    ear.socket.subscribe(TEAM)
    for channel in (PROJECT, TEAM):
        await ear.hears(channel)
    await soketi.kill()
    await eventually(lambda: ear.socket.connected_since is None)
    await soketi.start()
    for channel in (PROJECT, TEAM):
        await ear.hears(channel, 2)
    await soketi.trigger(TEAM, "run.updated", event(1))
    await eventually(lambda: ear.numbers == [1])


async def test_an_unknown_key_is_tried_rarely(soketi: Soketi, caplog: pytest.LogCaptureFixture) -> None:
    ear = Ear(soketi.url.replace(KEY, "unknown"), signing(KEY, SECRET))
    await eventually(lambda: "refuses this client" in caplog.text)
    await ear.close()
