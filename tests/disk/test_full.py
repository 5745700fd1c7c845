"""A disk that is full or read-only: nothing that was acknowledged is lost, it is said, and with room the work goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from maestro_ray.actors.channel import Channel
from maestro_ray.actors.facts import Facts
from maestro_ray.actors.ledger import Ledger
from maestro_ray.actors.mail import Courier
from maestro_ray.actors.messages import BeChannel, Directives, Post, Steer, TeamSpec
from maestro_ray.actors.minutes import Minutes
from maestro_ray.actors.pulses import Pulses
from maestro_ray.config import Config
from maestro_ray.errors import JournalBroken
from maestro_ray.journal import Journal
from maestro_ray.journal_check import check
from maestro_ray.studio import identity
from maestro_ray.studio.app import create_app
from maestro_ray.studio.studio import Studio
from maestro_ray.testing import FakeClock

from .small import SmallDisk, small_disk

LONG = "x" * 20_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as disk:
        yield disk


async def until_full(journal: Journal) -> int:
    """How many entries were acknowledged before the first that was not, whose error says why."""
    for number in range(10_000):
        try:
            await journal.append("said", LONG, at=0.0)[1]
        except JournalBroken as error:
            assert str(error) == f"journal {journal.path} cannot be used: database or disk is full"
            return number
    raise AssertionError("the disk is not small")


async def test_a_journal_keeps_what_it_acknowledged_and_goes_on_with_room(disk: SmallDisk) -> None:
    """Red when the writer acknowledges before the commit, or when what was refused keeps its number."""
    journal = Journal(disk.path / "a.db")
    await journal.append("said", "first", at=0.0)[1]
    disk.fill()
    count = 1 + await until_full(journal)
    for _ in range(3):  # each attempt finds the same
        journal.recover()
        with pytest.raises(JournalBroken, match="disk is full"):
            await journal.append("said", LONG, at=0.0)[1]
    assert [entry.number for entry in journal.read()] == list(range(1, count + 1))
    disk.empty()
    journal.recover()
    entry, done = journal.append("said", "again", at=0.0)
    assert await done == entry.number == count + 1
    journal.close()
    assert [each.number for each in journal_of(disk)] == list(range(1, count + 2))


def journal_of(disk: SmallDisk) -> list:
    journal = Journal(disk.path / "a.db")
    try:
        return journal.read()
    finally:
        journal.close()


async def test_what_waits_together_on_a_full_disk_fails_together(disk: SmallDisk) -> None:
    journal = Journal(disk.path / "a.db")
    await journal.append("said", "first", at=0.0)[1]
    disk.fill()
    results = await asyncio.gather(
        *(journal.append("said", LONG, at=0.0)[1] for _ in range(300)), return_exceptions=True
    )
    acknowledged = [result for result in results if isinstance(result, int)]
    assert len(acknowledged) < 300
    journal.close()
    assert [each.number for each in journal_of(disk)] == [1, *acknowledged]


async def test_a_channel_goes_on_with_room(disk: SmallDisk) -> None:
    """What was refused never happened: neither the directive nor its number. Red without `Journal.recover`."""

    async def nowhere(*_: object) -> list[None]:
        return [None]

    slots = {"lead": "l", "channel": "c", "dev-1": "d"}
    team = TeamSpec("t", "bot", "private-bot", "bot", "/", "/", "/", str(disk.path / "a.db"), "i", slots)
    channel = Channel(BeChannel(team, ()), Courier("c", nowhere), FakeClock())
    await channel.handle("x", Steer("d1", "kept"))
    disk.fill()
    posted = 0

    async def post_on() -> None:
        nonlocal posted
        while True:
            await channel.handle("x", Post("dev-1", "said", {"text": LONG}, f"m{posted}"))
            posted += 1

    with pytest.raises(JournalBroken, match="disk is full"):
        await post_on()
    for _ in range(3):
        with pytest.raises(JournalBroken, match="disk is full"):
            await channel.handle("x", Steer("d2", LONG))
    assert [each["id"] for each in channel.handle("x", Directives())] == ["d1"]
    disk.empty()
    assert await channel.handle("x", Steer("d2", "now")) == posted + 2
    assert [each["id"] for each in channel.handle("x", Directives())] == ["d1", "d2"]
    channel._courier.close()
    await channel.close()
    minutes = Minutes()
    assert check(disk.path / "a.db", minutes) == []
    assert list(minutes.posted) == [f"m{n}" for n in range(posted)]


async def test_the_ledger_goes_on_with_room(disk: SmallDisk) -> None:
    ledger = Ledger(disk.path / "a.db", FakeClock())
    await ledger.append("team", {"id": "a"})[1]
    disk.fill()
    given = []

    async def report_on() -> None:
        while True:
            number, done = ledger.append("report", {"text": LONG})
            await done
            given.append(number)

    with pytest.raises(JournalBroken, match="disk is full"):
        await report_on()
    with pytest.raises(JournalBroken, match="disk is full"):
        await ledger.append("team", {"id": "b", "text": LONG})[1]
    disk.empty()
    await ledger.append("team", {"id": "c"})[1]
    assert (set(ledger.teams), list(ledger.reports)) == ({"a", "c"}, given)
    ledger.close()
    facts = Facts()
    assert check(disk.path / "a.db", facts) == []
    assert (set(facts.teams), list(facts.reports)) == ({"a", "c"}, given)


async def test_studio_says_that_its_disk_is_full_and_goes_on_with_room(disk: SmallDisk) -> None:
    """A request on a full disk changes nothing and says why. Red (`internal_error`) without `problem.away`."""
    studio = await Studio.open(disk.path / "studio.db", Config(), FakeClock())
    transport = httpx.ASGITransport(create_app(studio))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8001", trust_env=False
    ) as http:
        invite = await studio.store.write(identity.invite)
        made = await http.post("/api/v1/auth/redeem", json={"token": invite, "name": "me"})
        http.headers["authorization"] = f"Bearer {made.json()['access_token']}"

        async def project(n: int) -> httpx.Response:
            return await http.post("/api/v1/projects", json={"key": f"local:{n}", "name": "n" * 200})

        assert (await project(0)).status_code == 201
        disk.fill()
        count = 1
        while (answer := await project(count)).status_code == 201:
            count += 1
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert answer.json()["detail"] == (
            "the database of this Studio cannot be used: its disk is full; nothing was changed"
        )
        disk.empty()
        keys = {each["key"] for each in (await http.get("/api/v1/projects", params={"limit": 100})).json()}
        assert keys == {f"local:{n}" for n in range(count)}
        assert (await project(count)).status_code == 201
    await studio.store.close()


async def test_a_read_only_disk_is_said_to_be(disk: SmallDisk) -> None:
    path = disk.path / "a.db"
    journal = Journal(path)
    await journal.append("said", "kept", at=0.0)[1]
    journal.close()
    studio = await Studio.open(disk.path / "studio.db", Config(), FakeClock())
    await studio.store.close()
    disk.read_only()
    with pytest.raises(JournalBroken, match=r"a\.db cannot be used: the disk of .* is read-only"):
        Journal(path)
    assert check(path, Said()) == []
    with pytest.raises(JournalBroken, match=r"new\.db cannot be used: the disk of .* is read-only"):
        Journal(disk.path / "new.db")
    with pytest.raises(JournalBroken, match=r"studio\.db cannot be used: the disk of .* is read-only"):
        await Studio.open(disk.path / "studio.db", Config(), FakeClock())
    disk.writable()
    assert [entry.body for entry in journal_of(disk)] == ["kept"]


class Said:
    def knows(self, kind: str) -> bool:
        return kind == "said"

    def apply(self, entry: object) -> None:
        pass


def test_who_shows_that_it_lives_goes_on_and_who_cannot_begin_says_so(disk: SmallDisk) -> None:
    """The place of a pulse is kept: no room is needed for the next. Red with each put beside the last and renamed (`put_small`)."""
    mine, late = (Pulses(disk.path / "node", name, 1, "team") for name in ("slot-1", "slot-2"))
    mine.show(1)
    disk.fill()
    for _ in range(3):
        with pytest.raises(OSError, match="No space left"):
            late.show(2)
    mine.show(2)
    assert [(each.slot, each.at) for each in mine.news(2)] == [("slot-1", 2)]
    disk.empty()
    late.show(3)
    assert [each.slot for each in mine.news(3) if each.at == 3] == ["slot-2"]
