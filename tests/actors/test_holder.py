"""The holder: it holds what it is told, asks what it is asked, and a Connections that is slow costs it no memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from maestro_ray.actors import holder as module
from maestro_ray.actors.holder import Holder
from maestro_ray.actors.messages import (
    Answered,
    Ask,
    BeHolder,
    Changed,
    Drop,
    Heard,
    Hold,
    Leash,
    Missed,
    Roster,
)
from maestro_ray.connection.login import Login
from maestro_ray.connection.trouble import Trouble
from maestro_ray.errors import IllegalEvent, InternalError, StudioRefused, StudioUnavailable
from maestro_ray.home import Home
from maestro_ray.testing import LocalStudio

from .office import Office

PART = BeHolder(Leash("connections-2-abcd", "Connections"))


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[LocalStudio]:
    home = Home(tmp_path / "studio", tmp_path / "studio" / "run")
    home.prepare()
    studio = LocalStudio(home)
    await studio.start()
    yield studio
    await studio.stop()


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
async def holder(office: Office) -> AsyncIterator[Holder]:
    courier = office.courier()
    holder = Holder(PART, courier)
    holder.start()
    yield holder
    await holder.quit()
    courier.close()


async def project(studio: LocalStudio, key: str = "local:x/a") -> tuple[Login, str]:
    client = await studio.client()
    found = await client.post("projects", {"key": key, "name": "a"})
    await client.close()
    return await studio.login(), f"private-project.{found['id']}"


def of(office: Office, kind: type) -> list[Any]:
    return office.of(kind, "connections")


async def test_it_holds_what_it_is_told_and_tells_what_it_hears(
    studio: LocalStudio, office: Office, holder: Holder
) -> None:
    login, channel = await project(studio)
    for _ in range(2):
        holder.handle("connections", Hold("k", login, [channel]))
    await office.until(lambda: of(office, Missed))
    studio.hub.publish(channel, "task.updated", {"task": {"id": "t"}})
    await office.until(lambda: of(office, Heard))
    (heard,) = of(office, Heard)
    assert (heard.holder, heard.key, heard.channel, heard.method) == (
        PART.team.id,
        "k",
        channel,
        "task.updated",
    )
    assert heard.params["task"] == {"id": "t"}
    assert of(office, Missed) == [Missed(PART.team.id, "k", channel)]
    assert of(office, Changed)[-1] == Changed(PART.team.id, "k", Trouble.NONE)
    # told again, as after a silence, it says how things are
    holder.handle("connections", Hold("k", login, [channel]))
    await office.until(lambda: len(of(office, Changed)) == 4)
    assert of(office, Changed)[-1].trouble is Trouble.NONE


async def test_channels_come_and_go_with_what_it_is_told(
    studio: LocalStudio, office: Office, holder: Holder
) -> None:
    login, one = await project(studio)
    _, two = await project(studio, "local:x/b")
    holder.handle("connections", Hold("k", login, [one]))
    await office.until(lambda: of(office, Missed))
    holder.handle("connections", Hold("k", login, [two]))
    await office.until(lambda: len(of(office, Missed)) == 2)
    studio.hub.publish(one, "task.updated", {})
    studio.hub.publish(two, "plan.updated", {})
    await office.until(lambda: of(office, Heard))
    assert [heard.method for heard in of(office, Heard)] == ["plan.updated"]
    holder.handle("connections", Drop("k"))
    holder.handle("connections", Drop("k"))
    await office.until(lambda: of(office, Changed)[-1].trouble is Trouble.AWAY)


async def test_another_identity_is_another_connection(
    studio: LocalStudio, office: Office, holder: Holder, tmp_path: Path
) -> None:
    login, channel = await project(studio)
    holder.handle(
        "connections", Hold("k", Login("http://127.0.0.1:1", "ws://127.0.0.1:1/app/k", "t"), [channel])
    )
    holder.handle("connections", Hold("k", login, [channel]))
    await office.until(lambda: of(office, Missed))


async def test_a_call_is_answered_with_what_studio_says(
    studio: LocalStudio, office: Office, holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    login, channel = await project(studio)
    holder.handle("connections", Hold("k", login, [channel]))
    asked = [
        Ask(1, "k", "GET", "projects", params={"key": "local:x/a"}),
        Ask(2, "k", "GET", "plans/none"),
        Ask(3, "unknown", "GET", "projects"),
        Ask(4, "k", "POST", "projects", {"key": "local:x/a", "name": "a"}, idempotency="once"),
    ]
    for each in asked:
        assert holder.handle("connections", each) is None
    await office.until(lambda: len(of(office, Answered)) == 4)
    answers = {each.number: each for each in of(office, Answered)}
    assert answers[1].value[0]["key"] == "local:x/a"
    assert isinstance(answers[2].error, StudioRefused)
    assert isinstance(answers[3].error, StudioUnavailable)
    assert answers[4].value["id"] == answers[1].value[0]["id"]
    monkeypatch.setattr(holder._held["k"].rest, "call", None)
    holder.handle("connections", Ask(5, "k", "GET", "projects"))
    await office.until(lambda: len(of(office, Answered)) == 5)
    assert isinstance(of(office, Answered)[-1].error, InternalError)


async def test_what_connections_cannot_take_is_dropped_and_told_as_missed(
    office: Office, holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 10)
    for n in range(100):
        holder.heard("k", "c", "task.updated", {"n": n})
    holder.heard("other", "c", "task.updated", {"n": 0})
    await office.until(lambda: of(office, Missed))
    heard = [each.params["n"] for each in of(office, Heard) if each.key == "k"]
    assert heard == list(range(10))
    assert [each.key for each in of(office, Heard)].count("other") == 1
    assert of(office, Missed) == [Missed(PART.team.id, "k", "c")]
    holder.heard("k", "c", "task.updated", {"n": 100})
    await office.until(lambda: of(office, Heard)[-1].params["n"] == 100)


async def test_what_is_not_for_a_holder_is_refused(holder: Holder) -> None:
    with pytest.raises(IllegalEvent):
        holder.handle("somebody", Roster())


async def test_it_ends_in_the_middle_of_a_call(office: Office, tmp_path: Path) -> None:
    courier = office.courier()
    holder = Holder(PART, courier)
    holder.handle("c", Hold("k", Login("http://127.0.0.1:1", "ws://127.0.0.1:1/app/k", "t"), ["private-x"]))
    holder.handle("c", Ask(1, "k", "GET", "me"))
    await asyncio.sleep(0)
    await asyncio.wait_for(holder.close(), 60)
    courier.close()
