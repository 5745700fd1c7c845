"""The doubles do what they stand for: they are trusted by every other test."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from maestro_ray.actors.mail import Courier, Mailbox, PeerGone
from maestro_ray.actors.messages import BeWorker, TeamSpec, WhoAmI
from maestro_ray.actors.slot import CONNECTIONS
from maestro_ray.clock import Clock, SystemClock
from maestro_ray.errors import IllegalEvent
from maestro_ray.home import Home
from maestro_ray.ports import ProviderSpec
from maestro_ray.testing import (
    FakeClock,
    Faults,
    LocalActors,
    LocalStudio,
    SetClock,
    Unreachable,
    eventually,
)


def test_the_clock_stands_until_it_is_told() -> None:
    clock: Clock = FakeClock(wall=100.0, monotonic=5.0)
    assert (clock.wall(), clock.monotonic()) == (100.0, 5.0) == (clock.wall(), clock.monotonic())


def test_the_clock_goes_on_and_only_its_wall_can_be_set() -> None:
    clock = FakeClock(wall=100.0, monotonic=5.0)
    clock.advance(2.5)
    assert (clock.wall(), clock.monotonic()) == (102.5, 7.5)
    clock.jump(-3600)
    assert (clock.wall(), clock.monotonic()) == (-3497.5, 7.5)
    with pytest.raises(ValueError):
        clock.advance(-1)


class Echo:
    """An actor that keeps what it handled."""

    def __init__(self) -> None:
        self.handled: list[Any] = []
        self.mailbox = Mailbox(self._handle)

    def _handle(self, _sender: str, message: Any) -> Any:
        self.handled.append(message)
        return message


async def through(faults: Faults, seed: int, count: int = 60) -> tuple[list[Any], int]:
    """What an echo handled behind such a road, and how many deliveries that took."""
    actors, echo = LocalActors(faults=faults, seed=seed), Echo()
    actors.host("echo", echo.mailbox.receive)
    courier = Courier("a", actors.send, patience=0.0)
    for number in range(count):
        assert await asyncio.wait_for(courier.tell("echo", number), 60) == number
    courier.close()
    await actors.close()
    return echo.handled, actors.deliveries


def test_a_clock_that_is_set_goes_on_from_there() -> None:
    clock, real = SetClock(), SystemClock()
    clock.jump(-3600)
    assert abs(clock.wall() - real.wall() + 3600) < 60
    assert abs(clock.monotonic() - real.monotonic()) < 60
    before = clock.monotonic()
    clock.jump(7200)
    assert abs(clock.wall() - real.wall() - 3600) < 60
    assert clock.monotonic() - before < 60


async def test_without_faults_every_delivery_arrives() -> None:
    handled, _ = await through(Faults(), seed=0)
    assert handled == list(range(60))


@pytest.mark.parametrize("fault", ["lost", "unanswered", "doubled", "late"])
async def test_each_fault_happens_and_the_mail_lives_with_it(fault: str) -> None:
    handled, deliveries = await through(Faults(**{fault: 0.5}), seed=1)
    assert handled == list(range(60))
    assert fault == "doubled" or deliveries > 60


async def test_the_same_seed_gives_the_same_faults() -> None:
    faults = Faults(lost=0.3, unanswered=0.3)
    assert (await through(faults, seed=5))[1] == (await through(faults, seed=5))[1]
    assert len({(await through(faults, seed=seed))[1] for seed in range(5)}) > 1


async def test_a_doubled_delivery_really_comes_twice() -> None:
    actors = LocalActors(faults=Faults(doubled=1.0, reach=0.0))
    got: list[Any] = []

    async def receive(sender: str, batch: Any) -> list[Any]:
        got.extend(batch)
        return [None for _ in batch]

    actors.host("x", receive)
    await actors.send("x", "a", [(1, "it")])
    await eventually(lambda: got == [(1, "it"), (1, "it")])
    await actors.close()


async def test_a_late_delivery_comes_after_its_sender_gave_up() -> None:
    actors = LocalActors(faults=Faults(late=1.0, reach=0.0))
    got: list[Any] = []

    async def receive(sender: str, batch: Any) -> list[Any]:
        got.extend(batch)
        return [None]

    actors.host("x", receive)
    with pytest.raises(Unreachable):
        await actors.send("x", "a", [(1, "it")])
    assert got == []
    await eventually(lambda: got)
    await actors.close()


async def test_what_is_sent_is_a_copy_and_must_be_picklable() -> None:
    actors, echo = LocalActors(), Echo()
    actors.host("echo", echo.mailbox.receive)
    mine = {"a": [1]}
    (answer,) = await actors.send("echo", "a", [(1, mine)])
    assert answer == mine == echo.handled[0]
    assert answer is not mine
    assert echo.handled[0] is not mine
    with pytest.raises(Exception, match="pickle"):
        await actors.send("echo", "a", [(2, lambda: None)])
    await actors.close()


async def test_nobody_is_there_and_somebody_is_starting() -> None:
    actors = LocalActors()
    with pytest.raises(PeerGone):
        await actors.send("slot-x", "a", [(1, "it")])
    with pytest.raises(Unreachable):
        await actors.send(CONNECTIONS, "a", [(1, "it")])
    await actors.close()


def a_part(tmp_path: Path) -> BeWorker:
    spec = TeamSpec(
        "t", "team", "private-team.team", "bot", str(tmp_path), str(tmp_path / "w"), str(tmp_path / "s"),
        str(tmp_path / "j.db"), "instance", {"lead": "slot-l", "channel": "slot-c", "dev-1": "slot-1"}, ping=0.01,
    )  # fmt: skip
    return BeWorker(spec, "dev-1", "dev", "session", ProviderSpec("command", "true"))


async def test_a_slot_that_is_killed_comes_back_as_another_life(tmp_path: Path) -> None:
    actors = LocalActors()
    hellos: list[WhoAmI] = []
    parts: list[Any] = [None]

    def handle(_sender: str, message: Any) -> Any:
        if isinstance(message, WhoAmI):
            hellos.append(message)
            return parts[-1]
        return True

    actors.host(CONNECTIONS, Mailbox(handle).receive)
    actors.make("slot-1")
    actors.make("slot-1")  # it is there: this makes no second one
    await eventually(lambda: hellos)
    part = a_part(tmp_path)
    await actors.become("slot-1", part)
    first = actors.slots["slot-1"]
    assert first._part == part
    assert first._part is not part

    parts.append(part)
    await actors.kill("slot-1")
    second = actors.slots["slot-1"]
    assert second is not first
    await eventually(lambda: second._part == part)
    assert [hello.slot for hello in hellos] == ["slot-1", "slot-1"]
    assert hellos[0].pid != hellos[1].pid
    await actors.close()


async def test_the_dead_say_nothing_and_the_ended_stay_dead() -> None:
    actors, echo = LocalActors(), Echo()
    actors.host("echo", echo.mailbox.receive)
    actors.make("slot-1")
    old = actors.slots["slot-1"]
    await actors.kill("slot-1")
    with pytest.raises(PeerGone):
        await old._courier._send("echo", "ghost", [(1, "boo")])
    assert echo.handled == []
    actors.end("slot-1")
    with pytest.raises(PeerGone):
        await actors.send("slot-1", "a", [(1, "it")])
    with pytest.raises(PeerGone):
        await actors.become("slot-1", None)  # type: ignore[arg-type]
    await actors.close()


async def test_errors_of_an_actor_come_back_as_replies() -> None:
    actors = LocalActors()
    actors.host(CONNECTIONS, Mailbox(lambda *_: None).receive)
    actors.make("slot-1")
    (answer,) = await actors.send("slot-1", "a", [(1, "for a blank slot")])
    assert isinstance(answer, IllegalEvent)
    await actors.close()


async def test_a_local_studio_restarts_at_the_same_place_with_its_memory(tmp_path: Path) -> None:
    home = Home(tmp_path, tmp_path / "run")
    home.prepare()
    studio = LocalStudio(home)
    await studio.start()
    client = await studio.client()
    made = await client.post("projects", {"key": "local:a/b", "name": "b"})
    url = studio.url
    await studio.stop()
    await studio.start()
    assert studio.url == url
    assert [project["id"] for project in await client.get("projects")] == [made["id"]]
    await client.close()
    await studio.stop()
    await studio.stop()


async def test_waiting_for_what_never_comes_ends() -> None:
    with pytest.raises(TimeoutError):
        await eventually(lambda: False, within=0.02)
