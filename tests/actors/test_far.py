"""A far connection: its calls are carried there and back, and nobody waits for an answer that will not come."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from maestro_ray.actors import far as module
from maestro_ray.actors.far import FarConnection, FarHolder
from maestro_ray.actors.messages import Answered, Ask, Drop, Hold
from maestro_ray.connection.login import Login
from maestro_ray.connection.trouble import Trouble
from maestro_ray.errors import IllegalEvent, StaleEpoch, StudioUnavailable

from .office import Office

LOGIN = Login("http://s", "ws://s/app/k", "tokens")


@pytest.fixture
def office() -> Office:
    return Office()


def answering(office: Office, holder: FarHolder, *answers: Any) -> None:
    left = list(answers)

    def reply(_to: str, ask: Ask) -> None:
        answer = left.pop(0)
        error = answer if isinstance(answer, Exception) else None
        holder.answered(Answered(holder.name, ask.number, None if error else answer, error))

    office.replies[Ask] = reply


async def test_calls_go_there_and_answers_come_back(office: Office) -> None:
    courier = office.courier()
    holder = FarHolder("connections-2", "slot-1", courier)
    connection = FarConnection("k", LOGIN, holder)
    holder.up()
    answering(office, holder, {"id": 7}, StaleEpoch("r", 1, 2), None)
    assert await connection.rest.post("plans", {"a": 1}, key="once") == {"id": 7}
    with pytest.raises(StaleEpoch):
        await connection.rest.get("plans/1", page="2")
    assert await connection.rest.delete("teams/1") is None
    first, second, third = office.of(Ask, "slot-1")
    assert (first.key, first.method, first.path, first.body, first.idempotency) == (
        "k",
        "POST",
        "plans",
        {"a": 1},
        "once",
    )
    assert (second.method, second.params) == ("GET", {"page": "2"})
    assert (third.method, third.path) == ("DELETE", "teams/1")
    assert holder._asked == {}
    courier.close()


async def test_a_life_that_begins_is_told_all_it_holds_and_nothing_before(office: Office) -> None:
    courier = office.courier()
    holder = FarHolder("connections-2", "slot-1", courier)
    one, two = (FarConnection(key, LOGIN, holder) for key in ("one", "two"))
    one.subscribe("b")
    one.subscribe("a")
    one.subscribe("a")
    await asyncio.sleep(0)
    assert office.told == []
    holder.up()
    await office.until(lambda: len(office.of(Hold)) == 2)
    assert office.of(Hold) == [Hold("one", LOGIN, ["a", "b"]), Hold("two", LOGIN, [])]
    one.unsubscribe("b")
    one.unsubscribe("b")
    await two.close()
    await two.close()
    await office.until(lambda: office.of(Drop))
    assert office.of(Hold)[2:] == [Hold("one", LOGIN, ["a"])]
    holder.lost()
    holder.up()
    await office.until(lambda: len(office.of(Hold)) == 4)
    assert office.of(Hold)[-1] == Hold("one", LOGIN, ["a"])
    assert office.of(Drop) == [Drop("two")]
    courier.close()


async def test_who_asks_an_actor_that_dies_is_told_that_nothing_is_known(office: Office) -> None:
    courier = office.courier()
    holder = FarHolder("connections-2", "slot-1", courier)
    connection = FarConnection("k", LOGIN, holder)
    holder.up()
    connection.trouble = Trouble.NONE
    asked = asyncio.create_task(connection.rest.get("me"))
    await office.until(lambda: office.of(Ask))
    holder.lost()
    with pytest.raises(StudioUnavailable):
        await asyncio.wait_for(asked, 60)
    assert connection.trouble is Trouble.AWAY
    # an answer from the grave
    holder.answered(Answered(holder.name, 1, "late"))
    holder.up()
    answering(office, holder, "again")
    assert await connection.rest.get("me") == "again"
    courier.close()


async def test_who_asks_an_actor_that_does_not_start_is_told(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UP_WITHIN", 0.01)
    holder = FarHolder("connections-2", "slot-1", office.courier())
    with pytest.raises(StudioUnavailable, match="does not start"):
        await FarConnection("k", LOGIN, holder).rest.get("me")


async def test_a_question_that_is_not_taken_is_answered(office: Office) -> None:
    """By a slot that is blank again, for example."""
    courier = office.courier()
    holder = FarHolder("connections-2", "slot-1", courier)
    holder.up()
    office.replies[Ask] = lambda *_: IllegalEvent("slot", "blank", "Ask")
    with pytest.raises(StudioUnavailable, match="blank"):
        await asyncio.wait_for(FarConnection("k", LOGIN, holder).rest.get("me"), 60)
    courier.close()
