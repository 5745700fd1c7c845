"""Teams with a budget: they stop at it, ask, and go on where they were."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from workspace.sample import Sample

from maestro_ray.home import Home
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row
from maestro_ray.testing import LocalMaestro, eventually

from .stage import APPROVE, begin, end, nothing_left, once, plan

# what one answer of the model costs, and how many a task takes
STEP, STEPS = 0.2, 5


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maestro_ray.actors.worker.AGAIN", 0.05)
    monkeypatch.setattr("maestro_ray.actors.purse.EVERY", 0.05)


@pytest.fixture
async def maestro(home: Home) -> AsyncIterator[LocalMaestro]:
    async with LocalMaestro(home) as maestro:
        yield maestro


def spending(tmp_path: Path) -> str:
    """A developer that pays for each step it takes, and waits a little after it as one that thinks does."""
    path = tmp_path / "spend.toml"
    step = f"{{ run = 'echo step >> $MAESTRO_KEY.txt' }}, {{ usage = {{ input = 1000, output = 10, cost = {STEP} }} }}, {{ wait = 0.4 }}"
    path.write_text(f"[[turns]]\nsteps = [{', '.join([step] * STEPS)}]\n")
    return f"scripted:{path}"


async def spent(maestro: LocalMaestro) -> tuple[float, float]:
    """US dollars that were used, and that are reserved, in all."""

    def sums(tx: Any) -> Row:
        (spent,) = tx.all(sa.select(sa.func.sum(t.bills.c.cost_usd).label("n")))
        (reserved,) = tx.all(sa.select(sa.func.sum(t.reservations.c.usd).label("n")))
        return spent["n"] or 0.0, reserved["n"] or 0.0  # type: ignore[return-value]

    return await maestro.studio.store.read(sums)  # type: ignore[return-value]


async def card(maestro: LocalMaestro, kind: str = "budget") -> dict[str, Any]:
    async with asyncio.timeout(60):
        while not (
            cards := [each for each in (await maestro.call("decide.list"))["cards"] if each["kind"] == kind]
        ):
            await asyncio.sleep(0.02)
    return dict(cards[0])


async def told_now(maestro: LocalMaestro) -> list[str]:
    """The cards for which the team waits, as one who begins to watch hears of it."""
    heard: asyncio.Queue[list[str]] = asyncio.Queue()

    async def hear(_method: str, event: dict[str, Any]) -> None:
        if event["kind"] == "team.waiting" and not event["past"]:
            heard.put_nowait([each["id"] for each in event["decisions"]])

    watching = asyncio.create_task(maestro.service.handle("team.watch", {}, hear))  # type: ignore[arg-type]
    try:
        async with asyncio.timeout(60):
            return await heard.get()
    finally:
        watching.cancel()


async def states(maestro: LocalMaestro) -> list[str]:
    rows = await maestro.studio.store.read(
        lambda tx: tx.all(sa.select(t.runs.c.state).where(t.runs.c.purpose == "execute"))
    )
    return sorted(row["state"] for row in rows)


async def settled(maestro: LocalMaestro, *wanted: str) -> None:
    async with asyncio.timeout(60):
        while await states(maestro) != sorted(wanted):
            await asyncio.sleep(0.02)


async def start(maestro: LocalMaestro, sample: Sample, tmp_path: Path, **budget: float) -> None:
    await begin(
        maestro,
        sample,
        roles={"dev": 2, "review": 1},
        providers={"dev": spending(tmp_path), "review": APPROVE},
        plan=plan("one", "two"),
        budget=budget,
    )


async def test_at_the_cap_all_pause_and_raised_they_finish_where_they_were(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path
) -> None:
    """Both developers spend at once. Red with `Worker._spent` that only counts: more is spent than the cap and an answer
    of each; and with `_goes_on` that holds what pauses for work."""
    cap, agents = 1.0, 2
    await start(maestro, sample, tmp_path, team_usd=cap)
    asked = await card(maestro)
    await settled(maestro, "paused", "paused")
    used, reserved = await spent(maestro)
    assert cap - STEP <= used <= cap + agents * STEP + 1e-6
    assert reserved == 0.0
    assert asked["options"] == ["raise", "finish", "stop"]
    # those who watch a pipe are not left waiting
    await maestro.until("team.waiting")
    assert await told_now(maestro) == [asked["id"]], "who comes to watch now is told too"
    (shown,) = await maestro.call("team.status")
    assert shown["budget"]["burn"].startswith(f"${used:.2f} of $1.00 · ")
    assert (await maestro.until("budget.updated"))["team"]["cap_usd"] == 1.0
    # nothing is spent while it waits
    await asyncio.sleep(0.3)
    assert (await spent(maestro))[0] == used
    for _ in range(5):
        await maestro.call("decide.answer", id=asked["id"][-8:], answer="raise")
        await asyncio.sleep(0)
        done, _ = await asyncio.wait(
            [asyncio.ensure_future(end(maestro)), asyncio.ensure_future(card(maestro))],
            return_when=asyncio.FIRST_COMPLETED,
        )
        result = done.pop().result()
        if "question" not in result:
            break
        asked = result
    once(sample, result, "one", "two")
    used, reserved = await spent(maestro)
    assert reserved == 0.0
    # each step was paid once, but for one that was cut before it was noted
    assert 2 * STEPS * STEP - 1e-6 <= used <= 2 * STEPS * STEP + 4 * agents * STEP
    nothing_left(home, sample)


async def test_stop_ends_what_runs_and_the_tasks_wait_for_the_operator(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path
) -> None:
    await start(maestro, sample, tmp_path, team_usd=0.6)
    asked = await card(maestro)
    await maestro.call("decide.answer", id=asked["id"][-8:], answer="stop")
    await settled(maestro, "failed", "failed")
    assert "stopped by the operator" in (await card(maestro, "over_budget"))["question"]
    (live,) = maestro.connections.teams.values()
    await eventually(lambda: not live.runs and all(not run for run in live.doing.values()))
    used, _ = await spent(maestro)
    await asyncio.sleep(0.3)
    assert (await spent(maestro))[0] == used


async def test_a_worker_that_dies_leaves_nothing_reserved_and_what_it_spent_is_known(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path
) -> None:
    await start(maestro, sample, tmp_path, team_usd=1.0)
    await maestro.until("budget.updated")
    before, _ = await spent(maestro)
    await maestro.kill("dev-1")
    asked = await card(maestro)
    async with asyncio.timeout(60):
        while (await spent(maestro))[1] > 0:
            await asyncio.sleep(0.02)
    used, _ = await spent(maestro)
    # what the dead one had spent since its last report is all that is not known
    assert before <= used <= 1.0 + 3 * STEP
    await maestro.call("decide.answer", id=asked["id"][-8:], answer="finish")


async def test_while_studio_is_away_nobody_spends_more_than_was_granted(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path
) -> None:
    """Red with `Purse._tell` that takes silence for a grant."""
    await start(maestro, sample, tmp_path, team_usd=1.0)
    await maestro.until("budget.updated")
    await maestro.studio.stop()
    await asyncio.sleep(1.0)
    await maestro.studio.start()
    await card(maestro)
    await settled(maestro, "paused", "paused")
    assert (await spent(maestro))[0] <= 1.0 + 2 * STEP + 1e-6
