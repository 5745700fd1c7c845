"""Our client and a server with Reverb's habits: a test for each trap, and none of them deafens it for good."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from maestro_ray.protocol.session import ClientLimits
from maestro_ray.testing import eventually

from .ear import Ear, signing
from .reverb import KEY, LARGEST_MESSAGE, SECRET, Reverb

PROJECT, TEAM = "private-project.p", "private-team.t"
# what is 10 to 30 s in earnest
SOON = ClientLimits(activity_timeout=0.1, pong_timeout=0.1, establish_timeout=0.2, answer_timeout=0.1)

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
async def reverb() -> AsyncIterator[Reverb]:
    async with Reverb() as reverb:
        yield reverb


Listen = Callable[..., Ear]


@pytest.fixture
async def listen(reverb: Reverb) -> AsyncIterator[Listen]:
    """Somebody listens to the project's channel."""
    ears: list[Ear] = []

    def listen(limits: ClientLimits | None = None) -> Ear:
        ears.append(ear := Ear(reverb.url, signing(KEY, SECRET), limits))
        ear.socket.subscribe(PROJECT)
        return ear

    yield listen
    for ear in ears:
        await ear.close()


async def hears_an_event(ear: Ear, reverb: Reverb) -> None:
    n = max(ear.numbers, default=0) + 1
    await reverb.publish(PROJECT, "task.updated", n)
    await eventually(lambda: n in ear.numbers)


async def test_events_come_and_its_pings_are_answered(listen: Listen, reverb: Reverb) -> None:
    ear = listen()
    await ear.hears(PROJECT)
    await reverb.tell("pusher:ping")
    await hears_an_event(ear, reverb)
    await eventually(lambda: "pusher:pong" in reverb.names())
    assert reverb.arrived == 1


@pytest.mark.parametrize(
    ("code", "message"), [(4009, "Origin not allowed"), (4004, "Application is over quota")]
)
async def test_who_is_turned_away_on_a_socket_that_stays_open_leaves_it_and_comes_back_rarely(
    listen: Listen, reverb: Reverb, caplog: pytest.LogCaptureFixture, code: int, message: str
) -> None:
    reverb.turned_away = code, message
    ear = listen()
    await eventually(lambda: reverb.arrived >= 2)
    assert f"refuses this client ({message}): trying again rarely" in caplog.text
    assert len(reverb.connections) <= 1
    reverb.turned_away = None
    await ear.hears(PROJECT)
    await hears_an_event(ear, reverb)
    assert len(reverb.connections) == 1


async def test_an_unknown_key_is_told_from_the_cut_that_follows_it(
    listen: Listen, reverb: Reverb, caplog: pytest.LogCaptureFixture
) -> None:
    reverb.key = "another"
    ear = listen()
    await eventually(lambda: reverb.arrived >= 2)
    assert "refuses this client (Application does not exist): trying again rarely" in caplog.text
    reverb.key = KEY
    await ear.hears(PROJECT)


async def test_a_refusal_that_names_no_channel_costs_no_other_channel(listen: Listen, reverb: Reverb) -> None:
    reverb.forbidden.add(TEAM)
    ear = listen()
    ear.socket.subscribe(TEAM)
    await ear.hears(PROJECT)
    await eventually(lambda: reverb.names().count("pusher:subscribe") >= 4)
    await hears_an_event(ear, reverb)
    assert ear.gaps == [PROJECT]
    reverb.forbidden.clear()
    await ear.hears(TEAM)
    assert reverb.arrived == 1


async def test_a_message_the_server_could_not_read_costs_no_connection(
    listen: Listen, reverb: Reverb
) -> None:
    ear = listen()
    await ear.hears(PROJECT)
    for code in (4200, 4201, 4301, 4009, 4100, 4001):
        await reverb.tell("pusher:error", {"code": code, "message": "Invalid message format"})
    await hears_an_event(ear, reverb)
    assert reverb.arrived == 1
    assert ear.gaps == [PROJECT]


async def test_nothing_is_sent_that_ends_the_connection_by_its_size(listen: Listen, reverb: Reverb) -> None:
    ear = listen()
    await ear.hears(PROJECT)
    right, long_ones = ear._sign, iter("12")

    async def at_first_too_long(socket_id: str, channel: str) -> str:
        return "k" * LARGEST_MESSAGE if next(long_ones, "") else await right(socket_id, channel)

    ear._sign = at_first_too_long
    ear.socket.subscribe(TEAM)
    await ear.hears(TEAM)
    ear.socket.subscribe("private-" + "x" * 192)
    await ear.hears("private-" + "x" * 192)
    await hears_an_event(ear, reverb)
    assert reverb.arrived == 1


async def test_nothing_is_asked_for_that_it_does_not_know(listen: Listen, reverb: Reverb) -> None:
    ear = listen(SOON)
    await ear.hears(PROJECT)
    ear.socket.subscribe(TEAM)
    await ear.hears(TEAM)
    ear.socket.unsubscribe(TEAM)
    await eventually(lambda: "pusher:unsubscribe" in reverb.names() and "pusher:ping" in reverb.names())
    assert set(reverb.names()) <= {"pusher:subscribe", "pusher:unsubscribe", "pusher:ping", "pusher:pong"}


async def test_a_server_that_falls_silent_is_left_for_a_new_connection(
    listen: Listen, reverb: Reverb
) -> None:
    ear = listen(SOON)
    await ear.hears(PROJECT)
    reverb.silent = True
    await eventually(lambda: ear.socket.connected_since is None)
    assert "pusher:ping" in reverb.names()
    await eventually(lambda: reverb.arrived >= 3)
    reverb.silent = False
    await ear.hears(PROJECT, 2)
    await hears_an_event(ear, reverb)


async def test_a_server_that_never_greets_is_left(listen: Listen, reverb: Reverb) -> None:
    reverb.silent = True
    ear = listen(SOON)
    await eventually(lambda: reverb.arrived >= 2)
    reverb.silent = False
    await ear.hears(PROJECT)


async def test_a_subscription_nobody_answers_is_asked_for_again(listen: Listen, reverb: Reverb) -> None:
    ear = listen(ClientLimits(answer_timeout=0.1))
    await ear.hears(PROJECT)
    reverb.silent = True
    ear.socket.subscribe(TEAM)
    await eventually(lambda: reverb.names().count("pusher:subscribe") >= 3)
    reverb.silent = False
    await ear.hears(TEAM)
    assert reverb.arrived == 1


async def test_who_is_pruned_or_cut_is_back_with_all_its_channels(listen: Listen, reverb: Reverb) -> None:
    ear = listen()
    ear.socket.subscribe(TEAM)
    await ear.hears(TEAM)
    await reverb.tell("pusher:error", {"code": 4201, "message": "Pong reply not received in time"})
    reverb.cut()
    for channel in (PROJECT, TEAM):
        await ear.hears(channel, 2)
    await hears_an_event(ear, reverb)


@pytest.mark.parametrize("noise", [b"\x00\xff", "[" * 5000, '{"event": 1}', "{}", '{"event": "run.updated"}'])
async def test_noise_costs_nothing(listen: Listen, reverb: Reverb, noise: str | bytes) -> None:
    ear = listen()
    await ear.hears(PROJECT)
    await reverb.say_raw(noise)
    await hears_an_event(ear, reverb)
    assert reverb.arrived == 1


@pytest.mark.parametrize("noise", [b'{"event": "\xff"}', b" " * (2**20 + 1)])
async def test_noise_that_breaks_the_websocket_costs_one_connection(
    listen: Listen, reverb: Reverb, noise: bytes
) -> None:
    ear = listen()
    await ear.hears(PROJECT)
    await reverb.say_raw(noise, text=True)
    await ear.hears(PROJECT, 2)
    await hears_an_event(ear, reverb)


async def test_a_server_that_takes_the_connection_and_says_nothing_at_all_is_left() -> None:
    """Not even HTTP: a machine that hangs."""
    arrived: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: arrived.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    ear = Ear(f"ws://127.0.0.1:{port}/app/{KEY}?protocol=7", signing(KEY, SECRET), SOON)
    await eventually(lambda: len(arrived) >= 2)
    await ear.close()
    server.close()
    for writer in arrived:
        writer.close()
        await writer.wait_closed()
    await server.wait_closed()
