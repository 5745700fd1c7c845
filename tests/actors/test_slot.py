"""A slot: blank until it is told, itself again after a death, and never left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from workspace.sample import Sample

from maestro_ray.actors import slot as module
from maestro_ray.actors.channel import Channel
from maestro_ray.actors.lead import Lead
from maestro_ray.actors.messages import BeChannel, Ping, Post, Quit, Roster, Text, WhoAmI
from maestro_ray.actors.pinging import ORPHANED_AFTER
from maestro_ray.actors.slot import CONNECTIONS, Slot
from maestro_ray.actors.worker import Worker
from maestro_ray.clock import SystemClock
from maestro_ray.errors import IllegalEvent
from maestro_ray.home import Home
from maestro_ray.testing import FakeClock, eventually

from .office import Office
from .parts import a_channel, a_lead, a_worker, command

Make = Callable[..., Slot]


@pytest.fixture
def office() -> Office:
    """Connections is content with everybody."""
    office = Office()
    office.replies[Ping] = lambda *_: True
    return office


@pytest.fixture
async def make(office: Office) -> AsyncIterator[Make]:
    slots: list[Slot] = []

    def make_slot(name: str = "slot-channel", clock: Any = None) -> Slot:
        life = str(len(slots) + 1)
        slots.append(Slot(name, office.send, clock or SystemClock(), pid=7, node="n", incarnation=life))
        return slots[-1]

    yield make_slot
    for slot in slots:
        await slot.close()


@pytest.fixture
def part(home: Home, tmp_path: Path) -> BeChannel:
    return a_channel(home, tmp_path)


async def ask(slot: Slot, message: Any, number: int = 1) -> Any:
    return (await slot.receive(f"asker-{number}", [(number, message)]))[0]


async def test_a_blank_slot_does_nothing_it_is_asked(make: Make) -> None:
    for message in (Roster(), Text("dev-1", "r", "x"), Post("a", "said", {})):
        assert isinstance(await ask(make(), message), IllegalEvent)


async def test_a_blank_slot_may_be_told_to_quit(make: Make) -> None:
    assert await ask(make(), Quit()) is None


async def test_it_becomes_what_it_is_told(make: Make, home: Home, sample: Sample) -> None:
    for part, kind in (
        (a_channel(home, sample.path), Channel),
        (a_lead(home, sample.path), Lead),
        (a_worker(home, sample.path, command("true")), Worker),
    ):
        slot = make()
        await slot.become(part)
        assert type(slot._occupant) is kind


async def test_becoming_the_same_twice_is_harmless_and_another_is_refused(
    make: Make, part: BeChannel, home: Home, tmp_path: Path
) -> None:
    slot = make()
    await slot.become(part)
    occupant = slot._occupant
    await slot.become(part)
    assert slot._occupant is occupant
    with pytest.raises(IllegalEvent):
        await slot.become(a_lead(home, tmp_path))
    assert slot._occupant is occupant


async def test_it_shows_that_it_lives(make: Make, office: Office, part: BeChannel) -> None:
    slot = make()
    await slot.become(part)
    await office.until(lambda: len(office.of(Ping)) >= 3)
    assert office.of(Ping, CONNECTIONS)[0] == Ping("slot-channel", 7, "n", "team-id")


async def test_quitting_makes_it_blank_and_silent(make: Make, office: Office, part: BeChannel) -> None:
    slot = make()
    await slot.become(part)
    await office.until(lambda: office.of(Ping))
    assert await ask(slot, Quit()) is None
    count = len(office.of(Ping))
    assert isinstance(await ask(slot, Post("a", "said", {}), 2), IllegalEvent)
    await asyncio.sleep(3 * part.team.ping)
    assert len(office.of(Ping)) == count
    await slot.become(part)  # it can be used again, with the same journal
    assert await ask(slot, Post("a", "said", {}), 3) == 1


async def test_after_a_death_it_asks_and_is_itself_again(make: Make, office: Office, part: BeChannel) -> None:
    office.replies[WhoAmI] = lambda *_: part
    slot = make()
    greeting = asyncio.create_task(slot.hello())
    await eventually(lambda: slot._part == part)
    assert office.of(WhoAmI) == [WhoAmI("slot-channel", 7, "n")]
    greeting.cancel()


async def test_a_blank_slot_says_hello_again_and_again(
    make: Make, office: Office, part: BeChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections may have begun a new life, and then knows nothing of blank slots."""
    monkeypatch.setattr(module, "HELLO_EVERY", 0.01)
    slot = make()
    greeting = asyncio.create_task(slot.hello())
    await office.until(lambda: len(office.of(WhoAmI)) >= 3)
    await slot.become(part)
    await asyncio.sleep(0.02)
    count = len(office.of(WhoAmI))
    await asyncio.sleep(0.05)
    assert len(office.of(WhoAmI)) == count
    greeting.cancel()


async def test_a_part_that_cannot_be_taken_leaves_it_blank_and_asking(
    make: Make, office: Office, part: BeChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HELLO_EVERY", 0.01)
    journal = Path(part.team.journal)
    journal.write_bytes(b"no database" * 100)
    office.replies[WhoAmI] = lambda *_: part
    slot = make()
    greeting = asyncio.create_task(slot.hello())
    await office.until(lambda: len(office.of(WhoAmI)) >= 2)
    assert slot._occupant is None
    journal.unlink()
    await eventually(lambda: slot._occupant)
    greeting.cancel()


async def test_a_slot_that_belongs_to_no_team_any_more_leaves_it(
    make: Make, office: Office, part: BeChannel
) -> None:
    office.replies[Ping] = lambda *_: False
    slot = make()
    await slot.become(part)
    await eventually(lambda: slot._occupant is None and not slot._quitting)
    assert len(office.of(Ping)) == 1


def silent(_receiver: str, _message: Ping) -> Any:
    return ConnectionError("nobody")


async def test_an_orphan_leaves_its_team_and_a_short_silence_is_forgiven(
    make: Make, office: Office, part: BeChannel
) -> None:
    clock = FakeClock()
    office.replies[Ping] = silent
    slot = make(clock=clock)
    await slot.become(part)
    await office.until(lambda: office.of(Ping))
    for _ in range(ORPHANED_AFTER):
        clock.advance(part.team.lease)
        count = len(office.of(Ping))
        await office.until(lambda count=count: len(office.of(Ping)) >= count + 3)
    assert slot._occupant is not None
    clock.advance(0.1)
    await eventually(lambda: slot._occupant is None)


async def test_a_slot_that_was_stopped_for_long_is_no_orphan(
    make: Make, office: Office, part: BeChannel
) -> None:
    """It was silent itself, and is heard again at once."""
    clock = FakeClock()
    office.replies[Ping] = silent
    slot = make(clock=clock)
    await slot.become(part)
    await office.until(lambda: office.of(Ping))
    clock.advance(3 * ORPHANED_AFTER * part.team.lease)
    count = len(office.of(Ping))
    await office.until(lambda: len(office.of(Ping)) >= count + 3 or slot._occupant is None)
    assert slot._occupant is not None


async def test_while_it_quits_it_takes_no_part(
    make: Make, office: Office, part: BeChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HELLO_EVERY", 0.01)
    office.replies[WhoAmI] = lambda *_: part
    slot = make()
    await slot.become(part)
    assert slot._occupant
    gate, leave = asyncio.Event(), slot._occupant.quit

    async def slowly() -> None:
        await gate.wait()
        await leave()

    slot._occupant.quit = slowly  # type: ignore[method-assign]
    quitting = asyncio.create_task(slot._quit())
    greeting = asyncio.create_task(slot.hello())
    await asyncio.sleep(0.05)
    assert office.of(WhoAmI) == []
    assert slot._occupant is None
    gate.set()
    await quitting
    await eventually(lambda: slot._occupant)
    greeting.cancel()
