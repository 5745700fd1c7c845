from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_ray.errors import IllegalEvent
from maestro_ray.model.steering import (
    Accepted,
    Cleared,
    Delivered,
    Directive,
    DirectiveState,
    Event,
    How,
    Receipt,
    ReceiptState,
    active,
    apply,
    told,
)

ACTIVE, CLEARED = DirectiveState.ACTIVE, DirectiveState.CLEARED

EXPECTED: dict[str, dict[type, str]] = {
    "active": {Accepted: "active", Delivered: "active", Cleared: "cleared"},
    "cleared": {Delivered: "cleared", Cleared: "cleared"},
}
# the receipt of the one worker after the event
RECEIPTS: dict[tuple[str, str, type], str] = {
    ("active", "accepted", Accepted): "accepted",
    ("active", "delivered", Accepted): "delivered",
    ("active", "accepted", Delivered): "delivered",
    ("active", "delivered", Delivered): "delivered",
    ("active", "accepted", Cleared): "superseded",
    ("active", "delivered", Cleared): "superseded",
    ("cleared", "superseded", Delivered): "superseded",
    ("cleared", "superseded", Cleared): "superseded",
}
EVENTS: list[Event] = [Accepted("dev-1"), Delivered("dev-1", How.IN_TURN), Cleared()]


def directive(state: DirectiveState, receipt: ReceiptState) -> Directive:
    how = "next-turn" if receipt is ReceiptState.DELIVERED else ""
    return Directive("d", "keep the API", 1.0, state, {"dev-1": Receipt(receipt, 2.0, how)})


def test_the_tests_know_every_state_and_event() -> None:
    assert set(EXPECTED) == set(DirectiveState)
    assert {type(event) for event in EVENTS} == set(get_args(Event))


@pytest.mark.parametrize(("state", "event"), list(product(DirectiveState, EVENTS)), ids=str)
def test_every_arrow_of_a_directive_and_no_other(state: DirectiveState, event: Event) -> None:
    before = directive(state, ReceiptState.ACCEPTED if state is ACTIVE else ReceiptState.SUPERSEDED)
    wanted = EXPECTED[state].get(type(event))
    if wanted is None:
        with pytest.raises(IllegalEvent):
            apply(before, event, 9.0)
    else:
        assert apply(before, event, 9.0).state == wanted


@pytest.mark.parametrize(
    ("state", "receipt", "event"), list(product(DirectiveState, ReceiptState, EVENTS)), ids=str
)
def test_every_arrow_of_a_receipt(state: DirectiveState, receipt: ReceiptState, event: Event) -> None:
    wanted = RECEIPTS.get((state, receipt, type(event)))
    if wanted is not None:
        assert apply(directive(state, receipt), event, 9.0).receipts["dev-1"].state == wanted


def test_a_receipt_says_when_and_how() -> None:
    said = apply(Directive("d", "x", 1.0), Accepted("dev-1"), 2.0)
    assert said.receipts == {"dev-1": Receipt(ReceiptState.ACCEPTED, 2.0)}
    said = apply(said, Delivered("dev-1", How.IN_TURN), 3.0)
    assert said.receipts == {"dev-1": Receipt(ReceiptState.DELIVERED, 3.0, "in-turn")}
    said = apply(said, Cleared(), 4.0)
    assert said.receipts == {"dev-1": Receipt(ReceiptState.SUPERSEDED, 4.0, "in-turn")}


@pytest.mark.parametrize("event", [Accepted("dev-1"), Delivered("dev-1", How.IN_TURN)], ids=str)
def test_a_repeat_changes_nothing(event: Event) -> None:
    before = directive(ACTIVE, ReceiptState.DELIVERED)
    assert apply(before, event, 9.0) == before


def test_clearing_twice_is_clearing_once() -> None:
    once = apply(directive(ACTIVE, ReceiptState.DELIVERED), Cleared(), 5.0)
    assert apply(once, Cleared(), 9.0) == once


def test_a_delivery_that_was_on_its_way_when_it_was_cleared_is_told_once() -> None:
    cleared = apply(directive(ACTIVE, ReceiptState.ACCEPTED), Cleared(), 5.0)
    told = apply(cleared, Delivered("dev-1", How.NEXT_TURN), 6.0)
    assert told.receipts == {"dev-1": Receipt(ReceiptState.SUPERSEDED, 6.0, "next-turn")}
    assert apply(told, Delivered("dev-1", How.IN_TURN), 7.0) == told


def test_nothing_is_delivered_to_a_worker_it_was_not_accepted_for() -> None:
    with pytest.raises(IllegalEvent, match="Delivered to ghost"):
        apply(directive(ACTIVE, ReceiptState.ACCEPTED), Delivered("ghost", How.IN_TURN), 9.0)


workers = st.sampled_from(["dev-1", "dev-2"])
events = st.one_of(
    st.builds(Accepted, workers), st.builds(Delivered, workers, st.sampled_from(How)), st.just(Cleared())
)
ORDER = list(ReceiptState)


@settings(max_examples=150, deadline=None)
@given(st.lists(events, max_size=20))
def test_receipts_only_go_forward_and_a_cleared_directive_stays_cleared(history: list[Event]) -> None:
    said = Directive("d", "x", 0.0)
    for now, event in enumerate(history, 1):
        before = said
        try:
            said = apply(said, event, float(now))
        except IllegalEvent:
            assert said is before
            continue
        assert before.state is ACTIVE or said.state is CLEARED
        for worker, receipt in before.receipts.items():
            assert ORDER.index(said.receipts[worker].state) >= ORDER.index(receipt.state)
        if said.state is CLEARED:
            assert {receipt.state for receipt in said.receipts.values()} <= {ReceiptState.SUPERSEDED}


def test_a_reader_of_the_messages_comes_to_the_same_state() -> None:
    directives: Mapping[str, Directive] = {}
    for at, (kind, body) in enumerate(
        [
            ("directive", {"id": "d1", "text": "one", "workers": ["dev-1"]}),
            ("said", {"text": "hello"}),
            ("accepted", {"directive": "d1", "worker": "dev-2"}),
            ("receipt", {"directive": "d1", "worker": "dev-1", "how": "in-turn"}),
            ("receipt", {"directive": "of an earlier time", "worker": "dev-1", "how": "in-turn"}),
            ("directive", {"id": "d2", "text": "two", "workers": []}),
            ("directive", {"id": "d3", "text": "three", "workers": []}),
            ("cleared", {"directives": ["d2"]}),
        ]
    ):
        directives = told(directives, kind, body, float(at))
    assert [each.id for each in active(directives)] == ["d1", "d3"]
    assert directives["d1"].receipts["dev-1"] == Receipt(ReceiptState.DELIVERED, 3.0, "in-turn")
    assert directives["d1"].receipts["dev-2"].state is ReceiptState.ACCEPTED
    assert active(told(directives, "cleared", {}, 9.0)) == []
