"""Whoever listens does so as long as the sign-in lasts that was shown for it, and not a moment longer."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import websockets
from starlette.applications import Starlette

from maestro_ray.ids import new_id
from maestro_ray.model.channels import is_ours
from maestro_ray.studio import browser, housekeeping, identity
from maestro_ray.studio.backstage import BACKSTAGE, Backstage
from maestro_ray.studio.server import Server
from maestro_ray.studio.studio import Studio
from maestro_ray.testing import FakeClock, eventually

from .browser import Client
from .pretend import Enter, Rest


@pytest.fixture
async def port(app: Starlette) -> AsyncIterator[int]:
    server = Server(app, grace=1, signals=False)
    yield await server.begin()
    await Client.all_leave()
    await server.stop()


Listen = Callable[..., Awaitable[Client]]


@pytest.fixture
async def listen(port: int) -> Listen:
    """Somebody listens to a channel because these headers may."""

    async def listen(rest: Rest, channel: str, **headers: str) -> Client:
        client = await Client.arrive(port)
        # the page's own client shows its cookie and no token
        asked = rest.http.build_request(
            "POST",
            "/broadcasting/auth",
            json={"socket_id": client.socket_id, "channel_name": channel},
            headers=headers,
        )
        if "cookie" in headers:
            del asked.headers["authorization"]
        answer = await rest.http.send(asked)
        assert answer.status_code == 200, answer.text
        await client.say("pusher:subscribe", {"channel": channel, **answer.json()})
        assert (await client.next())[0] == "pusher_internal:subscription_succeeded"
        return client

    return listen


async def hears(client: Client, studio: Studio, channel: str) -> bool:
    """Whether it is told of what happens next. Who is not was asked to come back, before anything else was said."""
    await studio.store.say(channel, "team.message", text=(text := new_id()))
    try:
        while (heard := await client.next())[1].get("params", {}).get("text") != text:
            assert heard[0] != "client-late"
    except websockets.ConnectionClosed:
        assert client.websocket.close_code == 4200
        return False
    return True


async def cookie_of(rest: Rest, studio: Studio) -> dict[str, str]:
    link = (await rest.post("auth/page-link", status=201))["token"]
    cookie = await studio.store.write(browser.enter, link)
    return {"cookie": f"maestro-key={cookie}", "origin": "http://127.0.0.1:8001"}


async def test_who_has_signed_out_hears_no_more_and_others_do(
    listen: Listen, rest: Rest, enter: Enter, studio: Studio
) -> None:
    channel = f"private-project.{await rest.project()}"
    other = await enter("owner")
    mine, theirs = await listen(rest, channel), await listen(other, channel)
    await rest.post("auth/logout", status=204)
    with contextlib.suppress(websockets.ConnectionClosed):
        await mine.say("client-late", {}, channel=channel)
    assert not await hears(mine, studio, channel)
    assert await hears(theirs, studio, channel)


async def test_many_channels_signed_in_one_call_end_with_the_sign_in_too(
    port: int, rest: Rest, studio: Studio
) -> None:
    channel = f"private-project.{await rest.project()}"
    client = await Client.arrive(port)
    asked = {"channels": [{"socket_id": client.socket_id, "channel_name": channel}]}
    (signed,) = await rest.post("auth/channels", asked)
    await client.say("pusher:subscribe", {"channel": channel, **signed})
    await client.next()
    await rest.post("auth/logout", status=204)
    assert not await hears(client, studio, channel)


async def test_a_logout_everywhere_ends_screens_and_browsers_too(
    listen: Listen, rest: Rest, enter: Enter, studio: Studio
) -> None:
    project = await rest.project()
    channel = f"private-project.{project}"
    screen = (await rest.post("auth/token", {"channels": [channel]}, status=201))["access_token"]
    clients = [
        await listen(rest, channel),
        await listen(rest, channel, authorization=f"Bearer {screen}"),
        await listen(rest, channel, **await cookie_of(rest, studio)),
    ]
    other = await listen(await enter("member", project), channel)
    await rest.post("auth/logout", {"everywhere": True}, status=204)
    assert [await hears(client, studio, channel) for client in clients] == [False, False, False]
    assert await hears(other, studio, channel)


async def test_a_browser_that_signs_out_hears_no_more_and_its_person_elsewhere_does(
    listen: Listen, rest: Rest, studio: Studio
) -> None:
    channel = f"presence-project.{await rest.project()}"
    headers = await cookie_of(rest, studio)
    page, program = await listen(rest, channel, **headers), await listen(rest, channel)
    await studio.store.write(browser.leave, headers["cookie"].partition("=")[2])
    assert not await hears(page, studio, channel)
    assert await hears(program, studio, channel)


async def test_a_browser_whose_time_is_over_hears_no_more(
    listen: Listen, rest: Rest, studio: Studio, clock: FakeClock
) -> None:
    channel = f"private-project.{await rest.project()}"
    page, program = await listen(rest, channel, **await cookie_of(rest, studio)), await listen(rest, channel)
    clock.advance(browser.STAY_SECONDS)
    await housekeeping.tidy(studio.store)
    assert not await hears(page, studio, channel)
    assert await hears(program, studio, channel)
    clock.advance(identity.REFRESH_SECONDS)
    await housekeeping.tidy(studio.store)
    assert not await hears(program, studio, channel)


async def test_a_role_taken_away_ends_what_was_heard_by_it(
    listen: Listen, rest: Rest, enter: Enter, studio: Studio
) -> None:
    project = await rest.project()
    channel = f"private-project.{project}"
    guest = await enter("member", project)
    clients = [await listen(guest, channel), await listen(guest, channel, **await cookie_of(guest, studio))]
    mine = await listen(rest, channel)
    await rest.delete(f"projects/{project}/members/{(await guest.get('me'))['id']}")
    assert [await hears(client, studio, channel) for client in clients] == [False, False]
    assert await hears(mine, studio, channel)


async def test_a_copied_refresh_token_costs_its_thief_the_socket(
    listen: Listen, rest: Rest, enter: Enter, studio: Studio
) -> None:
    channel = f"private-project.{await rest.project()}"
    guest = await enter("owner")
    first = await guest.sign_in(await studio.store.write(identity.invite))
    client = await listen(guest, channel)
    fresh = await guest.post("auth/refresh", {"refresh_token": first["refresh_token"]})
    await guest.post("auth/refresh", {"refresh_token": fresh["refresh_token"]})
    await guest.refused("POST", "auth/refresh", {"refresh_token": first["refresh_token"]}, status=401)
    assert not await hears(client, studio, channel)


async def test_who_comes_back_with_what_is_left_to_them_is_heard_again(
    listen: Listen, rest: Rest, enter: Enter, studio: Studio, clock: FakeClock
) -> None:
    here, there = await rest.project(), await rest.project("github:acme/other")
    guest = await enter("member", here)
    tokens = await guest.sign_in(
        (await rest.post("auth/invites", {"role": "member", "project_id": there}, status=201))["token"]
    )
    both = (await rest.post("auth/invites", {"role": "member", "project_id": here}, status=201))["token"]
    tokens = await guest.post("auth/redeem", {"token": both, "name": "ada"})
    guest.http.headers["authorization"] = f"Bearer {tokens['access_token']}"
    channel = f"private-project.{there}"
    client = await listen(guest, channel)
    await rest.delete(f"projects/{here}/members/{(await guest.get('me'))['id']}")
    assert not await hears(client, studio, channel)
    clock.advance(1)
    fresh = await guest.post("auth/refresh", {"refresh_token": tokens["refresh_token"]})
    guest.http.headers["authorization"] = f"Bearer {fresh['access_token']}"
    assert await hears(await listen(guest, channel), studio, channel)


async def test_a_sign_in_that_ends_while_its_channel_is_signed_ends_the_connection(
    port: int, rest: Rest, studio: Studio
) -> None:
    client = await Client.arrive(port)
    caller = await studio.door.caller(rest.http.headers["authorization"].split()[1])
    await studio.store.write(identity.logout, caller)
    await eventually(lambda: studio.door.is_cut([caller.family], caller.issued))
    # it was let in a moment before
    await studio.hold(caller, [client.socket_id])
    assert await client.until_closed() == 4200


def test_what_is_told_backstage_reaches_no_client() -> None:
    assert not is_ours(BACKSTAGE)


def test_a_word_of_a_newer_studio_is_passed_over() -> None:
    heard: list[str] = []
    backstage = Backstage()
    backstage.on["cut"] = lambda subject: heard.append(subject)
    backstage.hear("another", {"x": 1})
    backstage.hear("cut", {"subject": "ada"})
    assert heard == ["ada"]
