"""Two Studios on one PostgreSQL database, each behind a server of its own, serve one team together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import websockets

from maestro_ray.clock import SystemClock
from maestro_ray.config import Config
from maestro_ray.studio import feed as module
from maestro_ray.studio import identity
from maestro_ray.studio import studio as studio_module
from maestro_ray.studio.app import create_app
from maestro_ray.studio.server import Server
from maestro_ray.studio.studio import Studio

from . import postgres
from .browser import Client
from .pretend import PretendTeam, Rest, sha


class Listener(Client):
    """A browser that remembers after which number its subscription began."""

    began_after = 0


@dataclass
class Served:
    """A Studio that answers, and somebody who is signed in there."""

    studio: Studio
    port: int
    rest: Rest
    over: AsyncExitStack

    async def listener(self, channel: str) -> Listener:
        """A browser that has subscribed to a channel."""
        hub = self.studio.hub
        client = await Listener.arrive(self.port, hub.key, secret=hub.secret)
        assert isinstance(client, Listener)
        name, data = await client.subscribe(channel)
        assert name == "pusher_internal:subscription_succeeded"
        client.began_after = data["n"]
        return client

    async def listening(self) -> None:
        assert self.studio.store.feed is not None
        async with asyncio.timeout(60):
            await self.studio.store.feed.listening.wait()


@asynccontextmanager
async def serving(studio: Studio) -> AsyncIterator[int]:
    server = Server(create_app(studio), grace=1, signals=False)
    yield await server.begin()
    await server.stop()


@pytest_asyncio.fixture
async def start(postgres_database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    monkeypatch.setattr(module, "AGAIN", 0.01)
    async with AsyncExitStack() as all_over:

        async def one_more() -> Served:
            over = await all_over.enter_async_context(AsyncExitStack())
            studio = await Studio.open(postgres_database, Config(), SystemClock())
            port = await over.enter_async_context(serving(studio))
            http = await over.enter_async_context(
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False)
            )
            rest = Rest(http)
            await rest.sign_in(await studio.store.write(identity.invite))
            served = Served(studio, port, rest, over)
            await served.listening()
            return served

        yield one_more
        await Client.all_leave()


async def heard(client: Client, until: str) -> list[tuple[str, Any]]:
    """The events up to the first with this name."""
    events = [await client.next()]
    while events[-1][0] != until:
        events.append(await client.next())
    return events


async def test_a_team_that_speaks_to_both_is_served_as_by_one(start: Any) -> None:
    one, two = await start(), await start()
    assert (one.studio.hub.key, one.studio.hub.secret) == (two.studio.hub.key, two.studio.hub.secret)
    project = await one.rest.project()
    clients = [await each.listener(f"private-project.{project}") for each in (one, two)]

    # the lead is at one Studio, the person who writes the plan at the other, each report goes to either
    team = await PretendTeam.join(one.rest, project)
    plan = await two.rest.plan(project)
    await team.bootstrap()
    task = (await two.rest.tasks(plan["id"]))["one"]["id"]
    team.rest = two.rest
    await team.work(task, sha("work"))
    team.rest = one.rest
    await team.test(task)
    team.rest = two.rest
    await team.review(task)
    await team.merge(task)
    team.rest = one.rest
    await team.release()
    assert (await two.rest.get(f"plans/{plan['id']}"))["status"] == "completed"

    await one.rest.post(f"agent-sessions/{team.lead}/heartbeat")
    await two.rest.delete(f"teams/{team.id}")
    first, second = [await heard(client, "team.ended") for client in clients]
    assert first == second
    assert [event[1]["params"]["n"] for event in first] == list(
        range(clients[0].began_after + 1, clients[0].began_after + 1 + len(first))
    )
    assert len({event[1]["params"]["id"] for event in first}) == len(first) > 20
    assert {"team.allocated", "run.updated", "plan.updated", "task.updated", "verdict.given"} <= {
        name for name, _ in first
    }


async def test_two_who_claim_the_same_run_at_both_studios_do_not_both_get_it(start: Any) -> None:
    one, two = await start(), await start()
    team = await PretendTeam.join(one.rest, project := await one.rest.project())
    await two.rest.plan(project)
    (run,) = await team.held()
    path, body = f"cli-runs/{run['id']}/complete", {"epoch": 1, "result": {"commit": sha("epic")}}
    await team.claim(run)
    answers = await asyncio.gather(
        *(each.rest.http.post(f"/api/v1/{path}", json=body) for each in (one, two) for _ in range(3))
    )
    assert sorted(answer.status_code for answer in answers) == [204, 409, 409, 409, 409, 409]


async def test_a_repeated_key_at_the_other_studio_gets_the_first_answer(start: Any) -> None:
    one, two = await start(), await start()
    two.rest.http.headers["authorization"] = one.rest.http.headers["authorization"]
    body = {"key": "github:acme/shop", "name": "shop"}
    first = await one.rest.post("projects", body, status=201, key="k")
    assert await two.rest.post("projects", body, status=201, key="k") == first
    await two.rest.post("projects", {**body, "key": "github:acme/x"}, status=409, key="k")


async def test_one_studio_starts_anew_and_the_numbers_go_on(start: Any) -> None:
    one, two = await start(), await start()
    project = await one.rest.project()
    channel = f"private-project.{project}"
    there = await two.listener(channel)
    await PretendTeam.join(one.rest, project, [])
    last = (await heard(there, "team.allocated"))[-1][1]["params"]["n"]
    await one.over.aclose()
    again = await start()
    here = await again.listener(channel)
    assert here.began_after == last
    await PretendTeam.join(two.rest, project, [])
    events = [await heard(client, "team.allocated") for client in (here, there)]
    assert events[0] == events[1]
    assert events[0][0][1]["params"]["n"] == last + 1


async def test_a_studio_whose_listening_connection_is_cut_tells_what_happened_meanwhile(
    start: Any, postgres_server: postgres.Server
) -> None:
    one, two = await start(), await start()
    project = await one.rest.project()
    client = await two.listener(f"private-project.{project}")
    two.studio.store.feed.listening.clear()
    postgres_server.cut_all("studio", "LISTEN")
    await PretendTeam.join(one.rest, project, [("dev-1", "dev")])
    numbers = [event[1]["params"]["n"] for event in await heard(client, "team.allocated")]
    assert numbers == list(range(client.began_after + 1, client.began_after + 1 + len(numbers)))
    await two.listening()


async def test_subscribers_of_a_studio_that_has_missed_too_much_are_asked_to_look_again(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT", 1)
    monkeypatch.setattr(module, "SWEEP", 1)
    one, two = await start(), await start()
    project = await one.rest.project()
    client = await two.listener(f"private-project.{project}")
    await two.studio.store.feed.close()  # it hears nothing
    await PretendTeam.join(one.rest, project, [("dev-1", "dev"), ("dev-2", "dev")])
    await two.studio.store.feed.start()
    with pytest.raises(websockets.ConnectionClosed):
        await client.next()
    assert client.websocket.close_code == 4200
    again = await two.listener(f"private-project.{project}")
    assert again.began_after == one.studio.hub.number(f"private-project.{project}") > client.began_after


async def test_a_token_that_is_cut_at_one_studio_is_soon_worth_nothing_at_the_other(start: Any) -> None:
    one, two = await start(), await start()
    two.rest.http.headers["authorization"] = one.rest.http.headers["authorization"]
    await two.rest.get("me")
    await one.rest.post("auth/logout", {"everywhere": True}, status=204)
    async with asyncio.timeout(60):
        while (await two.rest.http.get("/api/v1/me")).status_code != 401:
            await asyncio.sleep(0.05)


async def test_a_logout_at_one_studio_ends_the_sockets_at_the_other(start: Any) -> None:
    """Whichever of them was asked for the signature: a balancer sends each request where it likes."""
    one, two = await start(), await start()
    channel = f"private-project.{await one.rest.project()}"
    witness = await two.listener(channel)
    two.rest.http.headers["authorization"] = one.rest.http.headers["authorization"]
    clients = []
    for asked in (one, two):
        client = await Client.arrive(two.port, two.studio.hub.key)
        about = {"socket_id": client.socket_id, "channel_name": channel}
        answer = await asked.rest.http.post("/broadcasting/auth", json=about)
        await client.say("pusher:subscribe", {"channel": channel, **answer.json()})
        await client.next()
        clients.append(client)
    await one.rest.post("auth/logout", status=204)
    for client in clients:
        assert await client.until_closed() == 4200
    await one.studio.store.say(channel, "team.message")
    assert (await witness.next())[0] == "team.message"


async def test_what_an_agent_says_is_heard_and_remembered_at_both(start: Any) -> None:
    one, two = await start(), await start()
    team = await PretendTeam.join(one.rest, project := await one.rest.project(), [])
    await one.rest.plan(project)
    run = await team.take("bootstrap_epic")
    clients = [await each.listener(f"private-team.{team.name}") for each in (one, two)]
    for number, each in enumerate((one, two, one)):
        await each.rest.post(
            f"cli-runs/{run['id']}/chunks", {"worker": "lead", "text": f"{number} "}, status=204
        )
    for each, client in zip((one, two), clients, strict=True):
        heard = [(await client.next())[1]["params"] for _ in range(3)]
        assert [event["text"] for event in heard] == ["0 ", "1 ", "2 "]
        assert [event["n"] - client.began_after for event in heard] == [1, 2, 3]
        assert (await each.rest.get(f"cli-runs/{run['id']}/chunks"))["text"] == "0 1 2 "


def test_nobody_tells_subscribers_past_the_database() -> None:
    """What goes to the hub directly is heard in one process only, and upsets its numbers."""
    sources = Path(studio_module.__file__).parent.rglob("*.py")
    assert [path.name for path in sources if "hub.publish(" in path.read_text()] == ["studio.py"]
