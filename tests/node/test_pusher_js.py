"""pusher-js, from npm, and the embedded Studio."""

from __future__ import annotations

import pytest

from maestro_ray.model.access import Role
from maestro_ray.studio import identity
from maestro_ray.testing import LocalStudio

from .conftest import Start
from .program import Program

PROJECT, TEAM, MEMBERS = "private-project.p", "private-team.shop", "presence-team.shop"


async def subscribed(start: Start, channel: str = PROJECT, **more: str) -> Program:
    pusher = await start("pusher.mjs", **more)
    await pusher.do("subscribe", channel=channel)
    await pusher.until("subscribed", channel=channel)
    return pusher


async def test_it_hears_events_as_json_rpc(start: Start, studio: LocalStudio) -> None:
    pusher = await subscribed(start)
    studio.hub.publish(PROJECT, "run.updated", {"run": {"id": "r", "title": "Grüße, \u2028 <b>"}})
    told = await pusher.until("event", event="run.updated")
    assert told["data"]["jsonrpc"] == "2.0"
    assert told["data"]["method"] == "run.updated"
    params = told["data"]["params"]
    assert (params["n"], params["run"]) == (
        studio.hub.number(PROJECT),
        {"id": "r", "title": "Grüße, \u2028 <b>"},
    )
    assert params["id"]


async def test_after_it_left_it_hears_no_more(start: Start, studio: LocalStudio) -> None:
    pusher = await subscribed(start)
    await pusher.do("subscribe", channel=TEAM)
    await pusher.until("subscribed", channel=TEAM)
    await pusher.do("unsubscribe", channel=PROJECT)
    other = await subscribed(start, TEAM)
    await pusher.do("trigger", channel=TEAM, event="client-left", data={})
    await other.until("event", event="client-left")
    studio.hub.publish(PROJECT, "run.updated", {})
    studio.hub.publish(TEAM, "run.dispatched", {})
    await pusher.until("event", event="run.dispatched")
    assert pusher.told("event") == 0


async def test_two_of_them_exchange_client_events(start: Start) -> None:
    one, two = [await subscribed(start, TEAM) for _ in range(2)]
    await one.do("trigger", channel=TEAM, event="client-typing", data={"by": "one", "n": [1, None]})
    told = await two.until("event", event="client-typing")
    assert told["data"] == {"by": "one", "n": [1, None]}
    await two.do("trigger", channel=TEAM, event="client-typing", data={"by": "two"})
    assert (await one.until("event", event="client-typing"))["data"] == {"by": "two"}
    assert two.told("event") == 0


async def test_members_see_each_other_and_know_who_speaks(start: Start, studio: LocalStudio) -> None:
    one = await subscribed(start, MEMBERS)
    me = {"name": "operator", "role": "owner"}
    await one.do("members", channel=MEMBERS)
    told = await one.until("members")
    assert (told["count"], list(told["members"].values())) == (1, [me])
    assert told["me"]["info"] == me
    invite = await studio.store.write(identity.invite, Role.MEMBER, "p")
    redeemed = await studio.store.write(identity.redeem, invite, "ada")
    ada = await subscribed(start, MEMBERS, token=redeemed["access_token"])
    came = (await one.until("event", event="pusher:member_added"))["data"]
    assert came["info"] == {"name": "ada", "role": "member"}
    await ada.do("trigger", channel=MEMBERS, event="client-hello", data={})
    assert (await one.until("hello"))["from"] == came["id"]
    await ada.do("unsubscribe", channel=MEMBERS)
    gone = (await one.until("event", event="pusher:member_removed"))["data"]
    assert gone["id"] == came["id"]


async def test_it_comes_back_after_studio_restarted(start: Start, studio: LocalStudio) -> None:
    pusher = await subscribed(start)
    await studio.stop()
    await studio.start()
    await pusher.until("subscribed", channel=PROJECT)
    studio.hub.publish(PROJECT, "run.updated", {"run": {"id": "after"}})
    told = await pusher.until("event", event="run.updated")
    assert told["data"]["params"]["run"] == {"id": "after"}


async def test_when_its_sign_in_ends_it_comes_back_and_is_told_so(start: Start, studio: LocalStudio) -> None:
    invite = await studio.store.write(identity.invite)
    token = (await studio.store.write(identity.redeem, invite, "ada"))["access_token"]
    ada, other = await subscribed(start, token=token), await subscribed(start)
    caller = await studio.app.state.studio.door.caller(token)
    await studio.store.write(identity.logout, caller)
    assert (await ada.until("refused"))["status"] == 401
    studio.hub.publish(PROJECT, "run.updated", {})
    await other.until("event", event="run.updated")
    assert ada.told("event") == 0


@pytest.mark.parametrize("channel", ["private-project.ghost", "private-chat", "presence-team.ghost"])
async def test_a_channel_it_may_not_hear_is_refused_and_the_others_go_on(
    start: Start, studio: LocalStudio, channel: str
) -> None:
    pusher = await subscribed(start)
    await pusher.do("subscribe", channel=channel)
    assert (await pusher.until("refused", channel=channel))["status"] == 403
    studio.hub.publish(PROJECT, "run.updated", {})
    await pusher.until("event", event="run.updated")


async def test_without_a_token_it_is_refused(start: Start) -> None:
    pusher = await start("pusher.mjs", token="forged")
    await pusher.do("subscribe", channel=PROJECT)
    assert (await pusher.until("refused"))["status"] == 401


async def test_a_public_channel_is_refused(start: Start) -> None:
    pusher = await start("pusher.mjs")
    await pusher.do("subscribe", channel="chat")
    assert (await pusher.until("refused", channel="chat"))["status"] == 401


async def test_an_unknown_key_is_final(start: Start) -> None:
    pusher = await start("pusher.mjs", key="unknown")
    assert (await pusher.until("error"))["code"] == 4001
    await pusher.until("state", state="disconnected")


async def test_events_beyond_the_rate_are_told(start: Start) -> None:
    one, two = [await subscribed(start, TEAM) for _ in range(2)]
    for n in range(15):
        await one.do("trigger", channel=TEAM, event="client-typing", data=n)
    assert (await one.until("error"))["code"] == 4301
    assert (await two.until("event", event="client-typing"))["data"] == 0
