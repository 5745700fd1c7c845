from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest
import pytest_asyncio
import uvicorn
import websockets
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect

from maestro_ray.protocol.auth import sign_channel
from maestro_ray.studio import socket as module
from maestro_ray.studio.socket import Hub
from maestro_ray.studio.studio import Studio

from .pretend import Rest

pytestmark = pytest.mark.sqlite_only("these events come from no transaction; test_feed.py has those that do")

ROOM = "private-team.shop"


@pytest_asyncio.fixture
async def server(app: Starlette) -> AsyncIterator[uvicorn.Server]:
    """A real server that serves this Studio."""
    config = uvicorn.Config(
        app, port=0, log_level="error", ws="websockets-sansio", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        assert not serving.done()
        await asyncio.sleep(0.005)
    yield server
    for client in Client.arrived:
        await client.websocket.close()
    Client.arrived.clear()
    server.should_exit = True
    await serving


@pytest.fixture
def port(server: uvicorn.Server) -> int:
    return int(server.servers[0].sockets[0].getsockname()[1])


class Client:
    """A browser's Pusher client, by hand."""

    arrived: ClassVar[list[Client]] = []

    def __init__(self, websocket: ClientConnection, socket_id: str) -> None:
        self.websocket = websocket
        self.socket_id = socket_id
        self.began_after = 0

    @classmethod
    async def arrive(cls, port: int, *, key: str = "key", **options: Any) -> Client:
        websocket = await connect(f"ws://127.0.0.1:{port}/app/{key}?protocol=7", proxy=None, **options)
        name, data = event(await websocket.recv())
        assert name == "pusher:connection_established"
        cls.arrived.append(client := cls(websocket, data["socket_id"]))
        return client

    async def next(self) -> tuple[str, Any]:
        return event(await asyncio.wait_for(self.websocket.recv(), 10))

    async def subscribe(
        self, channel: str = ROOM, *, secret: str = "secret", key: str = "key"
    ) -> tuple[str, Any]:
        auth = sign_channel(key, secret, self.socket_id, channel)
        await self.say("pusher:subscribe", {"channel": channel, "auth": auth})
        return await self.next()

    async def say(self, name: str, data: Any, **more: str) -> None:
        await self.websocket.send(json.dumps({"event": name, "data": data, **more}))

    async def until_closed(self) -> None:
        while True:
            await self.next()

    async def nothing_more(self) -> None:
        """What is said in between would have come before the answer to a ping."""
        await self.say("pusher:ping", {})
        assert (await self.next())[0] == "pusher:pong"


def event(text: str | bytes) -> tuple[str, Any]:
    frame = json.loads(text)
    data = frame.get("data")
    return frame["event"], json.loads(data) if isinstance(data, str) else data


async def test_events_are_numbered_and_reach_the_subscribers_of_their_channel_alone(
    port: int, studio: Studio
) -> None:
    hub = studio.hub
    one, two, other = [await Client.arrive(port) for _ in range(3)]
    hub.publish(ROOM, "team.message", {"text": "before anybody came"})
    for client in (one, two):
        assert await client.subscribe() == ("pusher_internal:subscription_succeeded", {"n": 1})
    await other.subscribe("private-team.another")
    hub.publish(ROOM, "team.message", {"text": "a"})
    hub.publish(ROOM, "run.updated", {"text": "b"})
    ids = set()
    for client in (one, two):
        for number, (method, text) in enumerate([("team.message", "a"), ("run.updated", "b")], 2):
            name, notification = await client.next()
            assert name == notification["method"] == method
            assert notification["jsonrpc"] == "2.0"
            assert (notification["params"]["n"], notification["params"]["text"]) == (number, text)
            ids.add(notification["params"]["id"])
    assert len(ids) == 2
    await other.nothing_more()
    await one.say("pusher:unsubscribe", {"channel": ROOM})
    await one.nothing_more()
    hub.publish(ROOM, "team.message", {"text": "c"})
    assert (await two.next())[1]["params"]["n"] == 4
    await one.nothing_more()


async def test_what_a_request_changed_is_told_over_the_socket(port: int, rest: Rest) -> None:
    project = await rest.project()
    client = await Client.arrive(port)
    asked = {"socket_id": client.socket_id, "channel_name": f"private-project.{project}"}
    auth = (await rest.http.post("/broadcasting/auth", json=asked)).json()["auth"]
    await client.say("pusher:subscribe", {"channel": asked["channel_name"], "auth": auth})
    await client.next()
    await rest.post("agent-sessions", {"project_id": project, "role": "lead", "name": "maestro"}, status=201)
    name, notification = await client.next()
    assert (name, notification["params"]["session"]["name"]) == ("session.updated", "maestro")


async def test_a_clients_own_event_reaches_the_others(port: int) -> None:
    one, two = [await Client.arrive(port) for _ in range(2)]
    for client in (one, two):
        await client.subscribe()
    await one.say("client-typing", {"by": "one"}, channel=ROOM)
    assert await two.next() == ("client-typing", {"by": "one"})
    await one.nothing_more()


async def test_an_unsigned_subscription_is_refused(port: int, studio: Studio) -> None:
    client = await Client.arrive(port)
    forged = sign_channel("key", "another secret", client.socket_id, ROOM)
    for auth in ({}, {"auth": ""}, {"auth": "key:00"}, {"auth": forged}):
        await client.say("pusher:subscribe", {"channel": ROOM, **auth})
        name, data = await client.next()
        assert (name, data["code"]) == ("pusher:error", 4009)
        assert (await client.next())[0] == "pusher:subscription_error"
    studio.hub.publish(ROOM, "team.message", {})
    await client.nothing_more()


async def test_a_signature_for_another_connection_is_worth_nothing(port: int) -> None:
    one, two = [await Client.arrive(port) for _ in range(2)]
    stolen = sign_channel("key", "secret", one.socket_id, ROOM)
    await two.say("pusher:subscribe", {"channel": ROOM, "auth": stolen})
    assert (await two.next())[1]["code"] == 4009


async def test_a_wrong_key_is_told_and_closed(port: int) -> None:
    async with connect(f"ws://127.0.0.1:{port}/app/wrong?protocol=7", proxy=None) as websocket:
        name, data = event(await websocket.recv())
        assert (name, data["code"]) == ("pusher:error", 4001)
        with pytest.raises(websockets.ConnectionClosed):
            await websocket.recv()
        assert websocket.close_code == 4001


async def test_a_page_of_another_site_is_refused(port: int) -> None:
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1"):
        with pytest.raises(websockets.InvalidStatus) as refused:
            await Client.arrive(port, origin=origin)
        assert refused.value.response.status_code == 403


async def test_studios_own_page_is_welcome(port: int) -> None:
    await (await Client.arrive(port, origin=f"http://127.0.0.1:{port}")).nothing_more()


async def test_a_rebound_name_is_refused(port: int) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        await connect(f"ws://evil.example:{port}/app/key?protocol=7", host="127.0.0.1", port=port, proxy=None)
    assert refused.value.response.status_code == 400


async def test_a_bad_frame_is_told_and_the_connection_goes_on(port: int) -> None:
    client = await Client.arrive(port)
    for bad in ("{", b"\x00\xff", json.dumps({"event": "pusher:x" * 3000}), "[" * 5000):
        await client.websocket.send(bad)
        assert (await client.next())[0] == "pusher:error"
    await client.nothing_more()


async def test_who_does_not_read_is_cut_off_and_the_others_are_not_held_up(
    server: uvicorn.Server, port: int, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_QUEUE", 20)
    monkeypatch.setattr(module, "LONGEST_SEND", 0.3)
    # it takes one frame and then nothing from its socket
    slow, quick = await Client.arrive(port, max_queue=1, compression=None), await Client.arrive(port)
    for client in (slow, quick):
        await client.subscribe()
    hub = studio.hub
    numbers = []
    while len(hub._connections) == 2:
        hub.publish(ROOM, "team.message", {"text": "x" * 100_000})
        numbers.append((await quick.next())[1]["params"]["n"])
        assert len(numbers) < 500
    assert numbers == list(range(1, len(numbers) + 1))
    # it is got rid of though it still does not read
    async with asyncio.timeout(10):
        while len(server.server_state.tasks) > 1:
            await asyncio.sleep(0.01)
    with pytest.raises(websockets.ConnectionClosed):
        await slow.until_closed()
    await quick.nothing_more()


async def test_an_overflow_in_the_middle_of_an_event_reaches_the_others_too(
    port: int, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_QUEUE", 2)
    clients = [await Client.arrive(port) for _ in range(3)]
    for client in clients:
        await client.subscribe()
    # nobody can be served before this function waits: all overflow, one after the other
    for _ in range(4):
        studio.hub.publish(ROOM, "team.message", {})
    assert not studio.hub._connections
    for client in clients:
        with pytest.raises(websockets.ConnectionClosed):
            await client.next()
        assert client.websocket.close_code == 4100


async def test_when_studio_stops_its_clients_may_come_back_at_once(port: int, studio: Studio) -> None:
    client = await Client.arrive(port)
    await studio.hub.close()
    with pytest.raises(websockets.ConnectionClosed):
        await client.next()
    assert client.websocket.close_code == 4200


def test_a_channel_nobody_spoke_on_has_no_number() -> None:
    hub = Hub("key", "secret")
    assert hub.number(ROOM) == 0
    hub.publish(ROOM, "team.message", {})
    assert hub.number(ROOM) == 1
    assert hub.number("private-team.another") == 0
