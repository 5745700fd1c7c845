"""A purse: nothing is spent that was not granted, and what was used is told however often."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from maestro_ray.actors import purse as module
from maestro_ray.actors.purse import NO_ANSWER, Purse
from maestro_ray.actors.spending import Spending
from maestro_ray.model.agent import UsageCounted
from maestro_ray.testing import eventually


def granted(tokens: int | None = None, usd: float | None = None) -> Mapping[str, Any]:
    return {"granted": True, "tokens": tokens, "usd": usd, "waits": False, "reason": ""}


REFUSED = {"granted": False, "tokens": 0, "usd": 0.0, "waits": False, "reason": "used up"}


class Studio:
    """Gives its answers one after the other, and the last one for ever."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[Mapping[str, Any]] = []

    async def __call__(self, body: Mapping[str, Any]) -> Any:
        self.asked.append(body)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def purse(studio: Studio, *, capped: bool = True) -> Purse:
    return Purse(Spending(), studio, capped=capped)


async def test_what_was_granted_may_be_used_and_no_more() -> None:
    """Red with `spent` that always goes on."""
    mine = purse(Studio(granted(usd=1.0)))
    assert await mine.fill() == ""
    assert not mine.spent(UsageCounted(10, 1, 0.9))
    assert mine.spent(UsageCounted(10, 1, 0.2))
    assert await mine.fill() == ""
    assert not mine.spent(UsageCounted(10, 1, 0.9))


async def test_the_unit_of_which_there_is_least_counts() -> None:
    mine = purse(Studio(granted(tokens=100, usd=50.0)))
    await mine.fill()
    assert mine.spent(UsageCounted(100, 1, 0.1))


async def test_without_an_answer_nothing_begins_and_nothing_goes_on() -> None:
    """Studio that is away is no leave to spend. Red with `_tell` that takes silence for a grant."""
    mine = purse(Studio(None))
    assert await mine.fill() == NO_ANSWER
    assert mine.spent(UsageCounted(1))


async def test_a_refusal_says_why_and_stops_what_runs() -> None:
    mine = purse(Studio(granted(usd=1.0), REFUSED))
    await mine.fill()
    assert await mine.fill() == "used up"
    assert mine.spent(UsageCounted(1, 0, 0.0001))


async def test_without_a_cap_it_is_told_and_never_stopped() -> None:
    studio = Studio(None)
    mine = purse(studio, capped=False)
    assert await mine.fill() == ""
    keeping = asyncio.create_task(mine.keep())
    assert not mine.spent(UsageCounted(10**9, 0, 1000.0))
    await eventually(lambda: studio.asked)
    keeping.cancel()
    assert "ask" not in studio.asked[0]
    assert studio.asked[0]["usage"]["models"][0]["cost_usd"] == 1000.0


async def test_more_is_asked_for_before_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn is not cut for want of a question. Red with `keep` that waits its time."""
    monkeypatch.setattr(module, "EVERY", 60.0)
    studio = Studio(granted(usd=1.0))
    mine = purse(studio)
    await mine.fill()
    keeping = asyncio.create_task(mine.keep())
    for _ in range(10):
        before = len(studio.asked)
        assert not mine.spent(UsageCounted(0, 0, 0.6))
        await eventually(lambda before=before: len(studio.asked) > before)
        await asyncio.sleep(0)
    keeping.cancel()


async def test_what_is_used_in_a_little_while_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.05)
    studio = Studio(granted(usd=1000.0))
    mine = purse(studio)
    await mine.fill()
    keeping = asyncio.create_task(mine.keep())
    for _ in range(50):
        mine.spent(UsageCounted(1, 0, 0.001))
    await eventually(lambda: len(studio.asked) == 2)
    mine.spent(UsageCounted(1, 0, 0.001))
    await eventually(lambda: len(studio.asked) == 3)
    assert studio.asked[-1]["usage"]["models"][0]["input_tokens"] == 51
    keeping.cancel()
