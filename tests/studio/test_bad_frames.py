"""Whatever one client does over its socket: it gets the right code, and another goes on hearing everything."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

from maestro_ray.config import Config
from maestro_ray.home import Home
from maestro_ray.protocol.auth import sign_channel
from maestro_ray.studio import identity
from maestro_ray.studio import schema as t
from maestro_ray.studio import socket as module
from maestro_ray.studio.store import Transaction
from maestro_ray.testing import FakeClock, LocalStudio, eventually

from .browser import MEMBERS, ROOM, Client
from .test_text import HOSTILE

ESTABLISHED = "pusher:connection_established"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def studio(tmp_path: Path, clock: FakeClock, new_database: Path) -> AsyncIterator[LocalStudio]:
    home = Home(tmp_path / "home", tmp_path / "run")
    home.prepare()
    shutil.copy(new_database, home.studio / "studio.db")
    studio = LocalStudio(home, Config(), clock)
    await studio.start()
    await studio.store.write(_furnish)
    yield studio
    await Client.all_leave()
    await studio.stop()


def _furnish(tx: Transaction) -> None:
    """Two projects, each with a team."""
    for project, team in (("p", "shop"), ("q", "other")):
        tx.insert(t.projects, id=project, key=f"github:acme/{project}", name=project)
        tx.insert(t.teams, project_id=project, name=team)


Arrive = Callable[..., Awaitable[Client]]


@pytest.fixture
def arrive(studio: LocalStudio) -> Arrive:
    async def arrive(**options: Any) -> Client:
        return await Client.arrive(_port(studio), studio.hub.key, secret=studio.hub.secret, **options)

    return arrive


def _port(studio: LocalStudio) -> int:
    return int(studio.url.rpartition(":")[2])


@pytest.fixture(autouse=True)
async def the_others_are_unaffected(studio: LocalStudio, arrive: Arrive) -> AsyncIterator[Client]:
    """Somebody is there before it happens, hears each number, and is answered afterwards."""
    witness = await arrive()
    await witness.subscribe()
    yield witness
    studio.hub.publish(ROOM, "team.message", {"after": "all that"})
    while (await witness.next())[1]["params"].get("after") != "all that":
        pass
    await witness.nothing_more()


# ── frames ───────────────────────────────────────────────────────────────────────────────────────────────────────────

FRAME = json.dumps({"event": "client-x", "channel": ROOM, "data": ["x" * 500]})


BAD_FRAMES: list[tuple[str | bytes, int]] = [
    (FRAME.replace("x" * 500, "x" * 10_000), 4301),
    (b"\x00" * 10_001, 4301),
    (FRAME[:250], 4200),
    ("", 4200),
    ("[" * 5000, 4200),
    ('{"event":' * 900, 4200),
    (json.dumps({"event": "client-x", "data": json.loads("[" * 70 + "]" * 70)}), 4200),
    (b"\xff\xfe{}", 4200),
    (FRAME.encode("utf-16"), 4200),
    (b"\x00\x01\x02", 4200),
    ('{"event": "pusher:ping", "event": "pusher:pong"}', 4200),
    ('{"event": "client-x", "data": NaN}', 4200),
    ('{"data": 1}', 4200),
    ('"pusher:ping"', 4200),
    ('{"event": "pusher:signin", "data": {}}', 4301),
    (json.dumps({"event": "run.updated", "channel": ROOM}), 4301),
    ('{"event": "pusher:subscribe", "data": {}}', 4200),
    ('{"event": "pusher:unsubscribe", "data": 7}', 4200),
    ('{"event": "client-x", "data": {}}', 4200),
]


async def test_a_bad_frame_is_told_and_the_connection_goes_on(arrive: Arrive) -> None:
    client = await arrive()
    for frame, code in BAD_FRAMES:
        await client.websocket.send(frame)
        assert await client.error() == code, frame[:100]
        await client.nothing_more()


async def test_a_frame_no_client_would_send_is_not_even_read(arrive: Arrive) -> None:
    client = await arrive(compression=None)
    await client.websocket.send("x" * (module.LARGEST_MESSAGE + 1))
    assert await client.until_closed() == 1009


async def test_a_small_frame_cannot_unfold_to_a_large_one(arrive: Arrive) -> None:
    client = await arrive(compression="deflate")
    await client.websocket.send(" " * (64 * module.LARGEST_MESSAGE))
    assert await client.until_closed() == 1009


async def test_a_frame_may_come_in_pieces(arrive: Arrive, the_others_are_unaffected: Client) -> None:
    client = await arrive()
    await client.subscribe()
    await client.websocket.send([FRAME[:10], FRAME[10:300], FRAME[300:]])
    assert await the_others_are_unaffected.next() == ("client-x", ["x" * 500])


async def test_a_text_that_is_not_utf_8_ends_the_connection(
    arrive: Arrive, caplog: pytest.LogCaptureFixture
) -> None:
    client = await arrive()
    with caplog.at_level(logging.CRITICAL, "uvicorn.error"):
        await client.websocket.send(b'{"event": "\xff"}', text=True)
        assert await client.until_closed() == 1007


async def test_a_connection_cut_in_the_middle_of_a_frame_is_over(studio: LocalStudio) -> None:
    ask = (
        f"GET /app/{studio.hub.key}?protocol=7 HTTP/1.1\r\nHost: {studio.url[7:]}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", _port(studio))
    writer.write(ask.encode())
    while ESTABLISHED.encode() not in await reader.read(4096):
        pass
    here = len(studio.hub._connections)
    # a masked text of 100 bytes, of which 10 come
    writer.write(b"\x81\xe4" + os.urandom(4) + b"x" * 10)
    await writer.drain()
    # no goodbye: the machine is gone
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    await eventually(lambda: len(studio.hub._connections) == here - 1)


# ── who knocks ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_unknown_key_or_version_is_told_and_closed(studio: LocalStudio) -> None:
    for path, code in (
        ("/app/{key}x?protocol=7", 4001),
        ("/app/unknown?protocol=7", 4001),
        ("/app/{key}", 4008),
        ("/app/{key}?protocol=", 4008),
        ("/app/{key}?protocol=seven", 4006),
        ("/app/{key}?protocol=4", 4007),
        ("/app/{key}?protocol=99", 4007),
    ):
        client = await Client.knock(_port(studio), path.format(key=studio.hub.key))
        assert await client.error() == code, path
        assert await client.until_closed() == code, path


async def test_an_unknown_path_is_no_websocket(studio: LocalStudio) -> None:
    for path in ("/", "/app", "/app/", f"/apps/{studio.hub.key}"):
        with pytest.raises(websockets.InvalidStatus):
            await Client.knock(_port(studio), path)


async def test_a_page_of_another_origin_is_told_and_closed(studio: LocalStudio) -> None:
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1", f"http://localhost:{_port(studio)}"):
        client = await Client.knock(_port(studio), f"/app/{studio.hub.key}?protocol=7", origin=origin)
        assert await client.error() == 4009
        assert await client.until_closed() == 4009


async def test_a_rebound_host_reaches_nothing(studio: LocalStudio) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        await Client.knock(
            _port(studio), f"/app/{studio.hub.key}?protocol=7", additional_headers={"Host": "evil.example"}
        )
    assert refused.value.response.status_code == 400


# ── subscriptions ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_of_ten_thousand_subscriptions_a_hundred_are_taken(
    studio: LocalStudio, arrive: Arrive, the_others_are_unaffected: Client
) -> None:
    client = await arrive()
    names = [f"private-team.t{number}" for number in range(10_000)]

    async def ask() -> None:
        for number, name in enumerate(names):
            # the last ones are not even looked at
            signed = number < 200 and sign_channel(studio.hub.key, studio.hub.secret, client.socket_id, name)
            await client.say("pusher:subscribe", {"channel": name, "auth": signed or "none"})

    asking = asyncio.create_task(ask())
    for _ in range(100):
        assert (await client.next())[0] == "pusher_internal:subscription_succeeded"
    studio.hub.publish(ROOM, "team.message", {"in": "the middle"})
    await the_others_are_unaffected.next()
    for _ in names[100:]:
        assert await client.error() == 4004
        assert (await client.next())[0] == "pusher:subscription_error"
    await asking
    studio.hub.publish(names[99], "team.message", {})
    assert (await client.next())[0] == "team.message"


async def test_a_subscription_twice_is_told_and_stays(arrive: Arrive, studio: LocalStudio) -> None:
    client = await arrive()
    await client.subscribe()
    name, data = await client.subscribe()
    assert (name, data) == ("pusher:error", {"code": None, "message": "already subscribed"})
    studio.hub.publish(ROOM, "team.message", {})
    assert (await client.next())[0] == "team.message"


async def test_an_unknown_channel_is_refused(arrive: Arrive) -> None:
    client = await arrive()
    for channel in ("chat", "private-chat", "private-encrypted-team.shop", "team.shop", "no:such channel"):
        await client.say("pusher:subscribe", {"channel": channel})
        assert await client.error() == 4009
        if channel != "no:such channel":
            assert (await client.next())[0] == "pusher:subscription_error"


def _forgeries(client: Client, other: Client, studio: LocalStudio) -> dict[str, dict[str, str]]:
    key, secret, own = studio.hub.key, studio.hub.secret, client.socket_id
    member = '{"user_id":"1"}'
    return {
        "none": {},
        "empty": {"auth": ""},
        "short": {"auth": f"{key}:00"},
        "another secret": {"auth": sign_channel(key, "another", own, ROOM)},
        "another key": {"auth": sign_channel("other", secret, own, ROOM)},
        "another connection": {"auth": sign_channel(key, secret, other.socket_id, ROOM)},
        "another channel": {"auth": sign_channel(key, secret, own, "private-team.other")},
        "of the presence channel": {"auth": sign_channel(key, secret, own, MEMBERS, member)},
        "not ASCII": {"auth": f"{key}:é\ud800"},
    }


async def test_a_signature_that_is_not_ours_is_refused(
    studio: LocalStudio, arrive: Arrive, the_others_are_unaffected: Client
) -> None:
    client = await arrive()
    for name, auth in _forgeries(client, the_others_are_unaffected, studio).items():
        await client.say("pusher:subscribe", {"channel": ROOM, **auth})
        assert await client.error() == 4009, name
        assert (await client.next())[0] == "pusher:subscription_error", name
    await client.nothing_more()


async def test_nobody_is_somebody_else(studio: LocalStudio, arrive: Arrive) -> None:
    """Neither with other words than those signed, nor with signed words that name nobody."""
    client = await arrive()
    ada = '{"user_id":"1"}'
    words = [(ada, '{"user_id":"2"}'), (ada, '{"user_id":"1","x":1}'), (ada, ""), ("", ada)]
    for signed, said in [*words, *((nobody, nobody) for nobody in ("", "{}", "[]", '{"user_id":""}', "{"))]:
        auth = sign_channel(studio.hub.key, studio.hub.secret, client.socket_id, MEMBERS, signed)
        await client.say("pusher:subscribe", {"channel": MEMBERS, "auth": auth, "channel_data": said})
        assert await client.error() == 4009, (signed, said)
        assert (await client.next())[0] == "pusher:subscription_error"
    assert studio.hub._rooms.people(MEMBERS) == {}


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_is_passed_on_as_it_is_and_is_no_channel(
    studio: LocalStudio, arrive: Arrive, the_others_are_unaffected: Client, text: str
) -> None:
    client = await arrive()
    await client.subscribe()
    await client.say(f"client-{text}", {text: [text]}, channel=ROOM)
    assert await the_others_are_unaffected.next() == (f"client-{text}", {text: [text]})
    for channel in (text, f"private-team.{text}", f"presence-project.{text}"):
        await client.say("pusher:subscribe", {"channel": channel, "auth": text, "channel_data": text})
        assert await client.error() == 4009
        await client.say("client-x", {}, channel=channel)
        assert await client.error() == 4009
        await client.say("pusher:unsubscribe", {"channel": channel})
    studio.hub.publish(ROOM, "team.message", {text: text})
    assert (await client.next())[1]["params"][text] == text
    await the_others_are_unaffected.next()


# ── who does not read ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_never_reads_is_got_rid_of_and_the_others_hear_all(
    studio: LocalStudio, arrive: Arrive, the_others_are_unaffected: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_SEND", 2.0)
    slow = await arrive(max_queue=1, compression=None, close_timeout=0.1)
    await slow.subscribe()
    others = len(studio.hub._connections) - 1
    hub, sent = studio.hub, 0
    before = hub.number(ROOM)
    while len(hub._rooms.inside(ROOM)) == 2:
        hub.publish(ROOM, "team.message", {"text": "x" * 50_000})
        sent += 1
        assert (await the_others_are_unaffected.next())[1]["params"]["n"] == before + sent
        assert sent < 3000
    await eventually(lambda: len(hub._connections) == others)


@pytest.mark.parametrize("path", ["/api/v1/projects", "/broadcasting/auth", "/sign-in"])
async def test_a_request_cut_in_the_middle_of_its_body_is_no_mistake_of_ours(
    studio: LocalStudio, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    kind = "application/x-www-form-urlencoded" if path == "/sign-in" else "application/json"
    invite = await studio.store.write(identity.invite)
    token = (await studio.store.write(identity.redeem, invite, "ada"))["access_token"]
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {studio.url[7:]}\r\nOrigin: {studio.url}\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: {kind}\r\nContent-Length: 100\r\n\r\n"
    )
    _, writer = await asyncio.open_connection("127.0.0.1", _port(studio))
    writer.write(head.encode() + b'{"key": "gi')
    await writer.drain()
    requests = studio.app.state.studio.metrics.requests
    writer.close()
    await writer.wait_closed()
    await eventually(lambda: any(route == path for _, route, _ in requests))
    assert not [status for _, route, status in requests if status == 500]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


# ── broadcasting/auth ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def http(studio: LocalStudio) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=studio.url, trust_env=False) as http:
        invite = await studio.store.write(identity.invite)
        tokens = (await http.post("/api/v1/auth/redeem", json={"token": invite, "name": "ada"})).json()
        http.headers["authorization"] = f"Bearer {tokens['access_token']}"
        yield http


ASKED = {"socket_id": "1.2", "channel_name": ROOM}


async def test_a_bearer_token_needs_no_origin_and_any_is_harmless(http: httpx.AsyncClient) -> None:
    for headers in ({}, {"origin": "https://elsewhere.example"}):
        assert (await http.post("/broadcasting/auth", data=ASKED, headers=headers)).status_code == 200


async def test_what_a_page_could_post_without_asking_is_refused(http: httpx.AsyncClient) -> None:
    for kind in ("text/plain", "text/plain; charset=utf-8", "multipart/form-data; boundary=x", ""):
        answer = await http.post(
            "/broadcasting/auth", content=json.dumps(ASKED), headers={"content-type": kind}
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")


async def test_a_rebound_host_gets_no_signature(http: httpx.AsyncClient) -> None:
    answer = await http.post("/broadcasting/auth", data=ASKED, headers={"host": "evil.example"})
    assert (answer.status_code, "auth" in answer.text) == (400, False)


async def test_a_forged_token_gets_no_signature(http: httpx.AsyncClient) -> None:
    for token in ("", "Bearer", "Bearer x", "Bearer a.b.c", "Basic YWRhOmFkYQ=="):
        answer = await http.post("/broadcasting/auth", data=ASKED, headers={"authorization": token})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_an_expired_token_gets_no_signature(http: httpx.AsyncClient, clock: FakeClock) -> None:
    assert (await http.post("/broadcasting/auth", data=ASKED)).status_code == 200
    clock.advance(15 * 60)
    answer = await http.post("/broadcasting/auth", data=ASKED)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_a_token_of_a_narrower_scope_gets_no_signature_beyond_it(http: httpx.AsyncClient) -> None:
    scoped = (await http.post("/api/v1/auth/token", json={"channels": [ROOM]})).json()
    headers = {"authorization": f"Bearer {scoped['access_token']}"}
    for channel, status in (
        (ROOM, 200),
        ("private-team.other", 403),
        (MEMBERS, 403),
        ("private-project.p", 403),
    ):
        asked = ASKED | {"channel_name": channel}
        answer = await http.post("/broadcasting/auth", data=asked, headers=headers)
        assert answer.status_code == status, channel


async def test_a_channel_nobody_has_is_forbidden(http: httpx.AsyncClient) -> None:
    for channel in ("private-team.ghost", "presence-team.ghost", "private-chat", "chat"):
        answer = await http.post("/broadcasting/auth", data=ASKED | {"channel_name": channel})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
