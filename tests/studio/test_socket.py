from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import websockets
from starlette.applications import Starlette
from websockets.asyncio.client import connect

from maestro_ray.protocol.auth import sign_channel
from maestro_ray.studio import socket as module
from maestro_ray.studio.server import Server
from maestro_ray.studio.store import Transaction
from maestro_ray.studio.studio import Studio

from .browser import MEMBERS, ROOM, Client
from .pretend import Rest

pytestmark = pytest.mark.sqlite_only("these events come from no transaction; test_feed.py has those that do")


@pytest_asyncio.fixture
async def server(app: Starlette) -> AsyncIterator[Server]:
    """A real server that serves this Studio."""
    server = Server(app, grace=1, signals=False)
    await server.begin()
    yield server
    await Client.all_leave()
    await server.stop()


@pytest.fixture
def port(server: Server) -> int:
    return int(server.servers[0].sockets[0].getsockname()[1])


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


async def test_a_clients_event_needs_a_channel_it_is_on(port: int) -> None:
    one, two = [await Client.arrive(port) for _ in range(2)]
    await two.subscribe()
    for channel in (ROOM, "private-team.nobody", "team.shop"):
        await one.say("client-typing", {}, channel=channel)
        assert await one.error() == 4009
    await two.nothing_more()


async def test_too_many_events_of_a_client_are_refused_and_the_others_get_the_first(port: int) -> None:
    one, two = [await Client.arrive(port) for _ in range(2)]
    for client in (one, two):
        await client.subscribe()
    for number in range(15):
        await one.say("client-typing", number, channel=ROOM)
    assert [await one.error() for _ in range(5)] == [4301] * 5
    assert [(await two.next())[1] for _ in range(10)] == list(range(10))
    await two.nothing_more()
    await one.nothing_more()


async def test_members_see_each_other_come_and_go_once_for_all_their_connections(port: int) -> None:
    ada, bob, bob_too = [await Client.arrive(port) for _ in range(3)]
    assert await ada.joins("1", "ada") == {"1": {"name": "ada"}}
    assert await bob.joins("2", "bob") == {"1": {"name": "ada"}, "2": {"name": "bob"}}
    assert await ada.next() == (
        "pusher_internal:member_added",
        {"user_id": "2", "user_info": {"name": "bob"}},
    )
    assert await bob_too.joins("2", "bob") == {"1": {"name": "ada"}, "2": {"name": "bob"}}
    await bob_too.say("client-hello", {"from": "bob"}, channel=MEMBERS)
    frame = json.loads(await ada.websocket.recv())
    assert (frame["event"], frame["user_id"]) == ("client-hello", "2")
    await bob.next()
    await bob.websocket.close()
    await ada.nothing_more()
    await bob_too.say("pusher:unsubscribe", {"channel": MEMBERS})
    assert await ada.next() == ("pusher_internal:member_removed", {"user_id": "2"})
    assert await bob_too.joins("2", "bob") == {"1": {"name": "ada"}, "2": {"name": "bob"}}
    assert (await ada.next())[0] == "pusher_internal:member_added"
    await bob_too.websocket.close()
    assert await ada.next() == ("pusher_internal:member_removed", {"user_id": "2"})


async def test_a_new_member_is_told_the_last_number_too(port: int, studio: Studio) -> None:
    client = await Client.arrive(port)
    studio.hub.publish(MEMBERS, "team.message", {})
    _, data = await client.subscribe(MEMBERS, {"user_id": "1"})
    assert data == {"n": 1, "presence": {"count": 1, "ids": ["1"], "hash": {"1": None}}}


async def test_nobody_is_on_a_channel_that_is_not_ours(port: int, studio: Studio) -> None:
    client = await Client.arrive(port)
    for channel in ("chat", "private-chat", "presence-chat", "private-project", "project.x"):
        name, data = await client.subscribe(channel, '{"user_id": "1"}' if "presence" in channel else None)
        assert (name, data["code"], data["message"]) == ("pusher:error", 4009, "there is no such channel")
        assert (await client.next())[0] == "pusher:subscription_error"
        studio.hub.publish(channel, "team.message", {})
    await client.nothing_more()


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


async def test_a_page_of_another_site_is_told_and_closed(port: int) -> None:
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1"):
        client = await Client.knock(port, "/app/key?protocol=7", origin=origin)
        assert await client.error() == 4009
        assert await client.until_closed() == 4009


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
    server: Server, port: int, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST_BACKLOG", 2_000_000)
    monkeypatch.setattr(module, "LONGEST_SEND", 2.0)
    # it takes one frame and then nothing from its socket
    slow, quick = await Client.arrive(port, max_queue=1, compression=None), await Client.arrive(port)
    for client in (slow, quick):
        await client.subscribe()
    hub = studio.hub
    numbers = []
    while len(hub._rooms.inside(ROOM)) == 2:
        hub.publish(ROOM, "team.message", {"text": "x" * 100_000})
        numbers.append((await quick.next())[1]["params"]["n"])
        assert len(numbers) < 500
    assert numbers == list(range(1, len(numbers) + 1))
    # it is got rid of though it still does not read
    async with asyncio.timeout(60):
        while len(server.server_state.tasks) > 1:
            await asyncio.sleep(0.01)
    await slow.until_closed()
    await quick.nothing_more()


async def test_a_commit_that_publishes_thousands_of_events_cuts_nobody_off_who_reads(
    port: int, studio: Studio
) -> None:
    clients = [await Client.arrive(port) for _ in range(3)]
    for client in clients:
        await client.subscribe()

    def change(tx: Transaction) -> None:
        for number in range(5000):
            tx.publish(ROOM, "task.updated", task={"number": number, "text": "x" * 1000})

    # the hub is told of all of them in one turn of the event loop: nobody's sender runs in between
    await studio.store.write(change)
    for client in clients:
        heard = [(await client.next())[1]["params"]["task"]["number"] for _ in range(5000)]
        assert heard == list(range(5000))
        await client.nothing_more()


async def test_who_never_reads_keeps_no_more_than_the_bound_and_no_text_twice(
    port: int, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST_BACKLOG", 1_000_000)
    clients = [await Client.arrive(port, max_queue=1, compression=None) for _ in range(3)]
    for client in clients:
        await client.subscribe()
    waiting = [connection._outgoing for connection in studio.hub._rooms.inside(ROOM)]
    for _ in range(9):
        studio.hub.publish(ROOM, "team.message", {"text": "x" * 100_000})
    texts = [list(queue._queue) for queue in waiting]
    assert [len(each) for each in texts] == [9, 9, 9]
    assert all(a is b is c for a, b, c in zip(*texts, strict=True))
    for _ in range(3):
        studio.hub.publish(ROOM, "team.message", {"text": "x" * 100_000})
    # nothing but the goodbye
    assert [queue.qsize() for queue in waiting] == [1, 1, 1]


async def test_an_overflow_in_the_middle_of_an_event_reaches_the_others_too(
    port: int, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = [await Client.arrive(port) for _ in range(30)]
    for number, client in enumerate(clients):
        await client.joins(str(number), "somebody")
    for number, client in enumerate(clients):
        for _ in clients[number + 1 :]:
            await client.next()
    monkeypatch.setattr(module, "LARGEST_BACKLOG", 1000)
    # nobody can be served before this function waits: all overflow, one after the other
    for _ in range(4):
        studio.hub.publish(MEMBERS, "team.message", {"text": "x" * 300})
    for client in clients:
        assert await client.until_closed() == 4100
    assert studio.hub._rooms.people(MEMBERS) == {}


async def test_who_is_cut_off_has_left(port: int, studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    slow, quick = await Client.arrive(port), await Client.arrive(port)
    await quick.joins("1", "quick")
    await slow.joins("2", "slow")
    await slow.subscribe(ROOM)
    await quick.next()
    monkeypatch.setattr(module, "LARGEST_BACKLOG", 1000)
    for _ in range(4):
        studio.hub.publish(ROOM, "team.message", {"text": "x" * 300})
    assert await quick.next() == ("pusher_internal:member_removed", {"user_id": "2"})


async def test_who_asks_without_end_and_reads_the_answers_is_answered(port: int) -> None:
    """Its own questions must not make it a slow reader."""
    client = await Client.arrive(port)
    ping = json.dumps({"event": "pusher:ping"})

    async def ask() -> None:
        for _ in range(30 * module.UNREAD_ANSWERS):
            await client.websocket.send(ping)

    asking = asyncio.create_task(ask())
    for _ in range(30 * module.UNREAD_ANSWERS):
        assert (await client.next())[0] == "pusher:pong"
    await asking


async def test_when_studio_stops_its_clients_may_come_back_at_once(port: int, studio: Studio) -> None:
    client = await Client.arrive(port)
    await studio.hub.close()
    assert await client.until_closed() == 4200
