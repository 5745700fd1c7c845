"""Studio's copy of the channel: every message once in order, however Studio behaves, and never a reason to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from maestro_ray.actors import mirror as module
from maestro_ray.actors.mirror import Mirror
from maestro_ray.errors import StudioRefused, StudioUnavailable
from maestro_ray.journal import Entry
from maestro_ray.testing import eventually


def entries(first: int, last: int) -> list[Entry]:
    return [Entry(n, "dev-1" if n % 2 else "", "said", {"n": n}, float(n)) for n in range(first, last + 1)]


class Studio:
    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.got: list[dict[str, Any]] = []
        self.paths: set[str] = set()
        self.calls = 0

    async def post(self, path: str, body: Mapping[str, Any]) -> None:
        self.calls += 1
        self.paths.add(path)
        if self.errors:
            raise self.errors.pop(0)
        self.got += body["messages"]

    @property
    def numbers(self) -> list[int]:
        return [message["number"] for message in self.got]


async def test_messages_go_out_in_order_and_in_batches() -> None:
    studio = Studio()
    mirror = Mirror("team", studio.post)
    mirror.add(entries(1, 450))
    mirror.add([])
    await eventually(lambda: len(studio.got) == 450)
    assert studio.numbers == list(range(1, 451))
    assert studio.paths == {"teams/team/messages"}
    assert studio.calls == 3
    assert studio.got[1] == {"number": 2, "sender": "maestro", "kind": "said", "body": {"n": 2}, "at": 2.0}
    await mirror.close(within=1)


async def test_what_follows_soon_goes_together_and_the_first_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 3600.0)
    studio = Studio()
    mirror = Mirror("team", studio.post)
    mirror.add(entries(1, 1))
    await eventually(lambda: studio.numbers == [1])
    monkeypatch.setattr(module, "EVERY", 0.0)
    for number in range(2, 6):
        mirror.add(entries(number, number))
        await asyncio.sleep(0)
    assert studio.numbers == [1]
    await mirror.close(within=0)


async def test_a_studio_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.0)
    studio = Studio(StudioUnavailable("u", "away"), StudioUnavailable("u", "away"))
    mirror = Mirror("team", studio.post)
    mirror.add(entries(1, 3))
    await eventually(lambda: studio.got)
    assert studio.numbers == [1, 2, 3]
    await mirror.close(within=1)


@pytest.mark.parametrize("error", [StudioRefused(400, "bad", "no"), ValueError("cannot be encoded")])
async def test_what_studio_never_takes_is_left_out_and_the_rest_goes_on(error: Exception) -> None:
    studio = Studio(error)
    mirror = Mirror("team", studio.post)
    mirror.add(entries(1, 2))
    await eventually(lambda: studio.calls == 1)
    mirror.add(entries(3, 3))
    await eventually(lambda: studio.got)
    assert studio.numbers == [3]
    await mirror.close(within=1)


async def test_closing_gives_what_waits_its_time_and_not_more() -> None:
    studio = Studio()
    mirror = Mirror("team", studio.post)
    mirror.add(entries(1, 5))
    await mirror.close(within=5)
    assert studio.numbers == [1, 2, 3, 4, 5]

    away = Studio(*(StudioUnavailable("u", "away") for _ in range(1000)))
    mirror = Mirror("team", away.post)
    mirror.add(entries(1, 5))
    async with asyncio.timeout(60):
        await mirror.close(within=0.05)
    assert away.got == []
    assert not mirror._waiting


async def test_of_a_long_time_away_the_newest_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.0)
    monkeypatch.setattr(module, "KEPT", 100)
    gate = asyncio.Event()
    studio = Studio()
    post = studio.post

    async def slowly(path: str, body: Mapping[str, Any]) -> None:
        await gate.wait()
        await post(path, body)

    mirror = Mirror("team", slowly)
    mirror.add(entries(1, 10))
    await asyncio.sleep(0)  # the first are on their way
    mirror.add(entries(11, 300))
    assert len(mirror._waiting) == 100
    gate.set()
    await eventually(lambda: studio.numbers[-1:] == [300])
    assert studio.numbers == [*range(1, 11), *range(201, 301)]
    await mirror.close(within=1)
