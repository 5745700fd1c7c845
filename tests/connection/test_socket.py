"""The WebSocket to a real Studio: events come, and come again after every end; what may be missing is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from maestro_ray.testing import LocalStudio, eventually

from .ear import Ear, asking

PROJECT, TEAM = "private-project.p", "private-team.t"


pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
async def ear(studio: LocalStudio) -> AsyncIterator[Ear]:
    ear = Ear(studio.ws_url, asking(studio))
    yield ear
    await ear.close()


async def test_a_subscription_is_told_as_a_gap_and_then_events_come(ear: Ear, studio: LocalStudio) -> None:
    ear.socket.subscribe(PROJECT)
    await ear.hears(PROJECT)
    studio.hub.publish(PROJECT, "task.updated", {"task": {"id": "t"}})
    studio.hub.publish(TEAM, "run.dispatched", {})
    studio.hub.publish(PROJECT, "plan.updated", {})
    await eventually(lambda: len(ear.events) == 2)
    assert ear.methods == ["task.updated", "plan.updated"]
    assert ear.events[0][2]["task"] == {"id": "t"}
    assert ear.socket.connected_since is not None
    assert ear.gaps == [PROJECT]


async def test_subscribing_twice_is_once(ear: Ear, studio: LocalStudio) -> None:
    for _ in range(2):
        ear.socket.subscribe(PROJECT)
    await ear.hears(PROJECT)
    ear.socket.subscribe(PROJECT)
    ear.socket.subscribe(TEAM)
    await ear.hears(TEAM)
    studio.hub.publish(PROJECT, "task.updated", {})
    await eventually(lambda: ear.events)
    assert ear.gaps.count(PROJECT) == 1


async def test_after_an_unsubscription_nothing_more_comes(ear: Ear, studio: LocalStudio) -> None:
    for channel in (PROJECT, TEAM):
        ear.socket.subscribe(channel)
        await ear.hears(channel)
    ear.socket.unsubscribe(TEAM)
    ear.socket.unsubscribe(TEAM)
    studio.hub.publish(TEAM, "run.dispatched", {})
    studio.hub.publish(PROJECT, "task.updated", {})
    await eventually(lambda: ear.events)
    assert ear.methods == ["task.updated"]
    ear.socket.subscribe(TEAM)
    await ear.hears(TEAM, 2)


async def test_when_studio_restarts_everything_is_subscribed_and_looked_at_again(
    ear: Ear, studio: LocalStudio
) -> None:
    for channel in (PROJECT, TEAM):
        ear.socket.subscribe(channel)
        await ear.hears(channel)
    await studio.stop()
    await eventually(lambda: ear.socket.connected_since is None)
    await studio.start()
    for channel in (PROJECT, TEAM):
        await ear.hears(channel, 2)
    studio.hub.publish(TEAM, "run.dispatched", {})
    await eventually(lambda: ear.methods == ["run.dispatched"])


async def test_a_missing_number_is_told_as_a_gap_and_a_repeat_is_dropped(
    ear: Ear, studio: LocalStudio
) -> None:
    ear.socket.subscribe(PROJECT)
    await ear.hears(PROJECT)
    studio.hub.publish(PROJECT, "task.updated", {})
    studio.hub._numbers[PROJECT] += 2
    studio.hub.publish(PROJECT, "plan.updated", {})
    await eventually(lambda: len(ear.events) == 2)
    assert ear.gaps == [PROJECT, PROJECT]
    studio.hub._numbers[PROJECT] -= 1
    studio.hub.publish(PROJECT, "task.updated", {"repeated": True})
    studio.hub.publish(PROJECT, "plan.updated", {"last": True})
    await eventually(lambda: any(params.get("last") for _, _, params in ear.events))
    assert not any(params.get("repeated") for _, _, params in ear.events)


async def test_a_channel_that_cannot_be_authorised_now_is_tried_again(ear: Ear) -> None:
    """A connection that is deaf looks as well as one that hears."""
    ear.refusals = 3
    ear.socket.subscribe(PROJECT)
    await ear.hears(PROJECT)
    assert ear.refusals == 0


async def test_an_event_that_cannot_be_handled_does_not_silence_the_next(
    ear: Ear, studio: LocalStudio
) -> None:
    ear.socket.subscribe(PROJECT)
    await ear.hears(PROJECT)
    studio.hub.publish(PROJECT, "poison", {})
    studio.hub.publish(PROJECT, "task.updated", {})
    await eventually(lambda: len(ear.events) == 2)
    assert not ear.task.done()


async def test_a_studio_that_is_not_there_yet_is_waited_for(studio: LocalStudio) -> None:
    await studio.stop()
    ear = Ear(studio.ws_url, asking(studio))
    ear.socket.subscribe(PROJECT)
    await asyncio.sleep(0)
    await studio.start()
    await ear.hears(PROJECT)
    await ear.close()
