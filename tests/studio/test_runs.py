from __future__ import annotations

import pytest

from maestro_ray.errors import IllegalEvent, StaleEpoch
from maestro_ray.model.run import Cancelled, Claimed, Dispatched, Purpose, Succeeded
from maestro_ray.studio import runs
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Store, Transaction

from .conftest import Published


def a_plan(tx: Transaction) -> str:
    project = tx.insert(t.projects, key="github:acme/shop", name="shop")
    tx.insert(t.sessions, id="s", project_id=project, role="worker", lease_until=0.0)
    return tx.insert(t.plans, project_id=project, title="Shop")


async def test_runs_of_one_purpose_are_counted(store: Store) -> None:
    plan = await store.write(a_plan)
    for purpose, attempt in [(Purpose.RELEASE, 1), (Purpose.RELEASE, 2), (Purpose.MERGE, 1)]:
        run = await store.write(runs.queue, plan, purpose, commit="c")
        row = await store.read(lambda tx, run=run: tx.get(t.runs, run))
        assert (row["state"], row["attempt"], row["commit"], row["epoch"]) == ("queued", attempt, "c", 0)


async def test_a_run_moves_only_along_its_arrows_and_every_move_is_told(
    store: Store, published: Published
) -> None:
    plan = await store.write(a_plan)
    run = await store.write(runs.queue, plan, Purpose.RELEASE)

    def step(tx: Transaction, event: object, **also: object) -> None:
        runs.step(tx, tx.get(t.runs, run), event, **also)  # type: ignore[arg-type]  # what the test gives

    with pytest.raises(IllegalEvent):
        await store.write(step, Claimed("s"))
    await store.write(step, Dispatched("s"))
    await store.write(step, Claimed("s"), started_at=5.0)
    with pytest.raises(StaleEpoch):
        await store.write(step, Succeeded(0))
    await store.write(step, Succeeded(1), reason="fine")
    row = await store.read(lambda tx: tx.get(t.runs, run))
    # a run that is over still says whose it was
    assert (row["state"], row["session_id"], row["started_at"], row["reason"]) == (
        "succeeded",
        "s",
        5.0,
        "fine",
    )
    assert row["finished_at"] is not None
    told = [params["run"] for channel, method, params in published if method == "run.updated"]
    assert [(each["state"], each["session_id"], each["epoch"]) for each in told] == [
        ("dispatched", "s", 0), ("running", "s", 1), ("succeeded", "s", 1),
    ]  # fmt: skip
    assert {each["id"] for each in told} == {run}


async def test_cancelling_takes_back_what_lives_and_leaves_what_is_over(store: Store) -> None:
    plan = await store.write(a_plan)
    over, waiting = [await store.write(runs.queue, plan, Purpose.RELEASE) for _ in range(2)]
    await store.write(lambda tx: runs.step(tx, tx.get(t.runs, over), Cancelled()))
    assert [row["id"] for row in await store.read(runs.live)] == [waiting]
    await store.write(runs.cancel, t.runs.c.plan_id == plan)
    assert await store.read(runs.live) == []
    assert (await store.read(lambda tx: tx.get(t.runs, over)))["epoch"] == 1
