"""Two ends of the mail with a bad road between them: order and exactly once, whatever the road does."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_ray.actors.mail import LARGEST_BATCH, REMEMBERED, SENDERS, Courier, Letter, Mailbox, PeerGone
from maestro_ray.errors import IllegalEvent, JournalBroken
from maestro_ray.testing import eventually


class Road:
    """Takes each batch to the mailbox, or does to it what `fate` says: one word for each try, then all is well.

    `lost`, `unanswered`, `twice`, and `late`: given up on now, delivered some tries later.
    """

    def __init__(self, mailbox: Mailbox, fate: Sequence[str] = ()) -> None:
        self.mailbox = mailbox
        self.tries: list[list[Letter]] = []
        self._fate = list(fate)
        self._late: list[tuple[str, list[Letter]]] = []

    async def send(self, receiver: str, sender: str, batch: Sequence[Letter]) -> Sequence[Any]:
        self.tries.append(list(batch))
        word = self._fate.pop(0) if self._fate else "well"
        if word == "gone":
            raise PeerGone(receiver)
        if word in ("lost", "late"):
            if word == "late":
                self._late.append((sender, list(batch)))
            raise ConnectionError(word)
        replies = await self.mailbox.receive(sender, batch)
        if word == "twice":
            assert await self.mailbox.receive(sender, batch) == replies
        while word == "well" and self._late:
            await self.mailbox.receive(*self._late.pop())
        if word == "unanswered":
            raise ConnectionError(word)
        return replies


def ends(handle: Callable[[str, Any], Any], fate: Sequence[str] = ()) -> tuple[Courier, Road]:
    road = Road(Mailbox(handle), fate)
    return Courier("a", road.send, patience=0.0), road


@given(
    fate=st.lists(st.sampled_from(["well", "lost", "unanswered", "twice", "late"]), max_size=12),
    pauses=st.lists(st.booleans(), min_size=1, max_size=20),
)
@settings(max_examples=150, deadline=None)
def test_every_message_is_handled_once_and_in_order(fate: list[str], pauses: list[bool]) -> None:
    async def play() -> None:
        handled: list[int] = []

        def handle(_sender: str, message: int) -> int:
            handled.append(message)
            return message * 10

        courier, _ = ends(handle, fate)
        replies = []
        for number, pause in enumerate(pauses):
            replies.append(courier.tell("b", number))
            if pause:
                await asyncio.sleep(0)
        assert await asyncio.wait_for(asyncio.gather(*replies), 60) == [n * 10 for n in range(len(pauses))]
        assert handled == list(range(len(pauses)))
        courier.close()

    asyncio.run(play())


async def test_many_senders_over_a_shuffling_road_keep_each_its_order() -> None:
    chance = random.Random(20261122)
    handled: dict[str, list[int]] = {"a": [], "b": [], "c": []}

    async def handle(sender: str, message: int) -> int:
        handled[sender].append(message)
        await asyncio.sleep(chance.random() * 0.002)
        return message

    mailbox = Mailbox(handle)
    background: set[asyncio.Task[Any]] = set()

    async def deliver_late(sender: str, batch: Sequence[Letter]) -> None:
        await asyncio.sleep(chance.random() * 0.01)
        await mailbox.receive(sender, batch)

    async def send(_receiver: str, sender: str, batch: Sequence[Letter]) -> Sequence[Any]:
        await asyncio.sleep(chance.random() * 0.002)
        if chance.random() < 0.4:
            background.add(asyncio.create_task(deliver_late(sender, batch)))
        if chance.random() < 0.3:
            raise ConnectionError
        return await mailbox.receive(sender, batch)

    couriers = [Courier(name, send, patience=0.001) for name in handled]
    told = [courier.tell("x", n) for n in range(60) for courier in couriers]
    await asyncio.wait_for(asyncio.gather(*told), 60)
    await asyncio.gather(*background)
    assert all(numbers == list(range(60)) for numbers in handled.values())
    for courier in couriers:
        courier.close()


async def test_a_reply_that_was_lost_is_given_again_and_not_made_again() -> None:
    made: list[str] = []

    async def handle(_sender: str, message: str) -> str:
        made.append(message)
        await asyncio.sleep(0)
        return f"done {len(made)}"

    courier, road = ends(handle, ["unanswered", "unanswered"])
    assert await courier.tell("b", "work") == "done 1"
    assert len(road.tries) == 3
    courier.close()


async def test_an_exception_is_a_reply() -> None:
    async def later(_sender: str, _message: str) -> None:
        raise IllegalEvent("slot", "blank", "Post")

    def at_once(_sender: str, message: str) -> Any:
        return next(iter([])) if message == "stop" else int(message)

    for handle, message, error in (
        (later, "x", IllegalEvent),
        (at_once, "no number", ValueError),
        (at_once, "stop", RuntimeError),
    ):
        courier, _ = ends(handle)
        with pytest.raises(error):
            await asyncio.wait_for(courier.tell("b", message), 60)
        courier.close()


async def test_a_slow_handler_does_not_block_the_next_message_of_another() -> None:
    gate = asyncio.Event()
    handled: list[str] = []

    def handle(_sender: str, message: str) -> Awaitable[Any] | str:
        handled.append(message)
        return gate.wait() if message == "slow" else message

    mailbox = Mailbox(handle)
    first = asyncio.ensure_future(mailbox.receive("a", [(1, "slow"), (2, "next")]))
    assert await asyncio.wait_for(mailbox.receive("b", [(1, "quick")]), 60) == ["quick"]
    assert handled == ["slow", "next", "quick"]
    assert not first.done()
    gate.set()
    assert await first == [True, "next"]


async def test_a_call_that_is_given_up_does_not_undo_the_work() -> None:
    gate = asyncio.Event()

    async def handle(_sender: str, _message: str) -> str:
        await gate.wait()
        return "done"

    mailbox = Mailbox(handle)
    call = asyncio.ensure_future(mailbox.receive("a", [(1, "work")]))
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    gate.set()
    assert await asyncio.wait_for(mailbox.receive("a", [(1, "work")]), 60) == ["done"]


async def test_a_receiver_that_is_gone_fails_what_was_on_its_way_and_may_be_met_again() -> None:
    handled: list[str] = []
    courier, _ = ends(lambda _, message: handled.append(message), ["gone"])
    first, second = courier.tell("b", "one"), courier.tell("b", "two")
    for reply in (first, second):
        with pytest.raises(PeerGone):
            await reply
    await courier.tell("b", "three")
    assert handled == ["three"]
    courier.close()


async def test_a_forgotten_receiver_that_is_met_again_gets_higher_numbers() -> None:
    handled: list[str] = []
    courier, road = ends(lambda _, message: handled.append(message))
    await courier.tell("b", "one")
    courier.forget("b")
    await courier.tell("b", "two")  # with numbers that began again it would be taken for a repeat
    assert handled == ["one", "two"]
    assert road.tries[1][0][0] > road.tries[0][0][0]
    courier.close()


async def test_forgetting_answers_who_waits() -> None:
    async def never(*_: Any) -> Any:
        await asyncio.Event().wait()

    courier = Courier("a", never)
    waiting = courier.tell("b", "x")
    await asyncio.sleep(0)
    courier.forget("b")
    with pytest.raises(PeerGone):
        await waiting
    courier.close()
    with pytest.raises(PeerGone):
        await courier.tell("b", "after the end")


async def test_a_younger_receiver_takes_up_where_its_sender_is() -> None:
    handled: list[str] = []
    old = Mailbox(lambda *_: None)
    courier, road = ends(lambda *_: None)
    road.mailbox = old
    await courier.tell("b", "one")
    road.mailbox = Mailbox(lambda _, message: handled.append(message))
    await courier.tell("b", "two")
    assert handled == ["two"]
    courier.close()


async def test_insisting_goes_on_until_it_is_handled() -> None:
    answers = [ValueError("not yet"), ValueError("not yet"), "done"]
    courier, _ = ends(lambda *_: answers.pop(0))
    assert await courier.insist("b", "x", pause=0.0) == "done"
    courier.close()


async def test_batches_are_bounded_and_one_is_on_its_way_at_a_time() -> None:
    courier, road = ends(lambda _, message: message)
    await asyncio.gather(*(courier.tell("b", n) for n in range(3 * LARGEST_BATCH)))
    assert max(map(len, road.tries)) == LARGEST_BATCH
    courier.close()


async def test_the_memory_of_replies_is_bounded() -> None:
    handled: list[int] = []
    mailbox = Mailbox(lambda _, message: handled.append(message) or "reply")
    for number in range(1, REMEMBERED + 11):
        await mailbox.receive("a", [(number, number)])
    for sender in range(SENDERS + 10):
        await mailbox.receive(f"life {sender}", [(1, 0)])
    assert len(mailbox._senders) == SENDERS
    assert all(len(known.replies) <= REMEMBERED for known in mailbox._senders.values())


async def test_a_repeat_beyond_memory_is_not_handled_again() -> None:
    handled: list[int] = []
    mailbox = Mailbox(lambda _, message: handled.append(message) or "reply")
    for number in range(1, REMEMBERED + 11):
        await mailbox.receive("a", [(number, number)])
    assert await mailbox.receive("a", [(1, 1)]) == [None]
    assert await mailbox.receive("a", [(REMEMBERED, REMEMBERED)]) == ["reply"]
    assert len(handled) == REMEMBERED + 10


@pytest.mark.parametrize("error", [JournalBroken("j", "database or disk is full"), IllegalEvent("a", "b", "c")],
                         ids=["not written", "refused"])  # fmt: skip
async def test_what_could_not_be_written_down_is_told_again_and_what_is_refused_is_not(
    error: Exception,
) -> None:
    """Red for the first when `assure` is `tell`."""
    heard: list[str] = []
    fails = {"one": 2}

    def handle(_sender: str, message: str) -> None:
        if fails.get(message, 0):
            fails[message] -= 1
            raise error
        heard.append(message)

    mailbox = Mailbox(handle)

    async def send(_receiver: str, sender: str, batch: Sequence[Letter]) -> list[Any]:
        return await mailbox.receive(sender, batch)

    courier = Courier("me", send)
    courier.assure("you", "one", pause=0.01)
    courier.assure("you", "two", pause=0.01)
    if isinstance(error, JournalBroken):
        await eventually(lambda: len(heard) == 2)
        assert heard == ["two", "one"]
    else:
        await courier.tell("you", "three")
        await asyncio.sleep(0.05)
        assert heard == ["two", "three"]
    fails["last"] = 1
    courier.assure("you", "last", pause=0.5)
    await eventually(lambda: not fails["last"])
    courier.close()
    await asyncio.sleep(0.6)
    assert "last" not in heard
