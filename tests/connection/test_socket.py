"""The WebSocket to a real Studio: events come, and come again after every end; what may be missing is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from maestro_ray.connection import doorway
from maestro_ray.connection import socket as module
from maestro_ray.connection.socket import StudioSocket
from maestro_ray.errors import StudioUnavailable
from maestro_ray.protocol.backoff import Backoff
from maestro_ray.testing import LocalStudio, eventually

PROJECT, TEAM = "private-project.p", "private-team.t"


class Ear:
    """A socket that runs, and what it heard."""

    def __init__(self, studio: LocalStudio) -> None:
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        self.gaps: list[str] = []
        self.studio = studio
        self.refusals = 0
        self.socket = StudioSocket(studio.ws_url, self._authorise, self._on_event, self.gaps.append)
        self.task = asyncio.create_task(self.socket.run())

    async def _authorise(self, socket_id: str, channel: str) -> str:
        if self.refusals:
            self.refusals -= 1
            raise StudioUnavailable("studio", "busy")
        client = await self.studio.client()
        try:
            return await client.authorise(socket_id, channel)
        finally:
            await client.close()

    def _on_event(self, channel: str, method: str, params: dict[str, Any]) -> None:
        self.events.append((channel, method, params))
        if method == "poison":
            raise KeyError("nobody foresaw this event")

    @property
    def methods(self) -> list[str]:
        return [method for _, method, _ in self.events]

    async def hears(self, channel: str, count: int = 1) -> None:
        """The channel is subscribed for the so-many-th time."""
        await eventually(lambda: self.gaps.count(channel) >= count)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Backoff", lambda: Backoff(cap=0.1, base=0.05, floor=0.01))
    monkeypatch.setattr(doorway, "NEAR", Backoff(cap=0.05, base=0.05, floor=0.01))
    monkeypatch.setattr(module, "PATIENCE", 0.01)


@pytest.fixture
async def ear(studio: LocalStudio) -> AsyncIterator[Ear]:
    ear = Ear(studio)
    yield ear
    ear.task.cancel()
    await asyncio.gather(ear.task, return_exceptions=True)


async def test_a_subscription_is_told_as_a_gap_and_then_events_come(ear: Ear, studio: LocalStudio) -> None:
    ear.socket.subscribe(PROJECT)
    await ear.hears(PROJECT)
    studio.hub.publish(PROJECT, "task.updated", {"task": {"id": "t"}})
    studio.hub.publish(TEAM, "run.dispatched", {})
    studio.hub.publish(PROJECT, "plan.updated", {})
    await eventually(lambda: len(ear.events) == 2)
    assert ear.methods == ["task.updated", "plan.updated"]
    assert ear.events[0][2]["task"] == {"id": "t"}
    assert ear.socket.connected
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
    await eventually(lambda: not ear.socket.connected)
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
    ear = Ear(studio)
    ear.socket.subscribe(PROJECT)
    await asyncio.sleep(0)
    await studio.start()
    await ear.hears(PROJECT)
    ear.task.cancel()
    await asyncio.gather(ear.task, return_exceptions=True)
