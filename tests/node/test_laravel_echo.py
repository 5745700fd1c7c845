"""laravel-echo, from npm, and the embedded Studio."""

from __future__ import annotations

import pytest

from maestro_ray.model.access import Role
from maestro_ray.studio import identity
from maestro_ray.testing import LocalStudio

from .conftest import Start
from .program import Program

CHANNEL = "private-project.p"


async def listening(start: Start, broadcaster: str = "reverb") -> Program:
    echo = await start("echo.mjs", broadcaster=broadcaster)
    await echo.do("private", channel="project.p", event=".run.updated")
    await echo.until("subscribed", channel="project.p")
    return echo


@pytest.mark.parametrize("broadcaster", ["pusher", "reverb"])
async def test_it_listens_to_events_by_their_names(
    start: Start, studio: LocalStudio, broadcaster: str
) -> None:
    echo = await listening(start, broadcaster)
    studio.hub.publish(CHANNEL, "task.updated", {})
    studio.hub.publish(CHANNEL, "run.updated", {"run": {"id": "r"}})
    told = await echo.until("event", event=".run.updated")
    assert (told["data"]["method"], told["data"]["params"]["run"]) == ("run.updated", {"id": "r"})
    assert echo.told("event") == 0


async def test_two_of_them_whisper(start: Start) -> None:
    one, two = [await listening(start) for _ in range(2)]
    await one.do("whisper", channel="project.p", data={"by": "one"})
    assert (await two.until("whisper"))["data"] == {"by": "one"}
    await two.do("whisper", channel="project.p", data={"by": "two"})
    assert (await one.until("whisper"))["data"] == {"by": "two"}


async def test_it_sees_who_is_here_who_joins_and_who_leaves(start: Start, studio: LocalStudio) -> None:
    one = await start("echo.mjs", broadcaster="reverb")
    await one.do("join", channel="team.shop")
    assert (await one.until("here"))["members"] == [{"name": "operator", "role": "owner"}]
    invite = await studio.store.write(identity.invite, Role.MEMBER, "p")
    tokens = await studio.store.write(identity.redeem, invite, "ada")
    ada = await start("echo.mjs", broadcaster="reverb", token=tokens["access_token"])
    await ada.do("join", channel="team.shop")
    assert len((await ada.until("here"))["members"]) == 2
    assert (await one.until("joining"))["member"] == {"name": "ada", "role": "member"}
    await ada.do("leave", channel="team.shop")
    assert (await one.until("leaving"))["member"] == {"name": "ada", "role": "member"}


async def test_it_listens_again_after_studio_restarted(start: Start, studio: LocalStudio) -> None:
    echo = await listening(start)
    await studio.stop()
    await studio.start()
    await echo.until("subscribed", channel="project.p")
    studio.hub.publish(CHANNEL, "run.updated", {"run": {"id": "after"}})
    assert (await echo.until("event"))["data"]["params"]["run"] == {"id": "after"}


async def test_it_is_told_what_it_may_not_hear(start: Start) -> None:
    echo = await start("echo.mjs", broadcaster="reverb")
    await echo.do("private", channel="project.ghost", event=".run.updated")
    assert (await echo.until("refused"))["status"] == 403
