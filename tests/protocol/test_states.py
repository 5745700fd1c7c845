from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.errors import IllegalEvent
from maestro_ray.protocol.states import (
    CONNECTION,
    SUBSCRIPTION,
    ConnectionMove,
    ConnectionState,
    SubscriptionMove,
    SubscriptionState,
    move_connection,
    move_subscription,
)


def test_a_connection_begins_once_and_ends_for_good() -> None:
    arrows = {
        (state.value, move.value, to.value) for state, row in CONNECTION.items() for move, to in row.items()
    }

    assert arrows == {
        ("connecting", "establish", "established"),
        ("connecting", "end", "closed"),
        ("established", "end", "closed"),
    }


def test_a_subscription_is_asked_for_answered_and_left() -> None:
    arrows = {
        (state.value, move.value, to.value) for state, row in SUBSCRIPTION.items() for move, to in row.items()
    }

    assert arrows == {
        ("absent", "ask", "pending"),
        ("pending", "accept", "subscribed"),
        ("pending", "refuse", "failed"),
        ("pending", "leave", "absent"),
        ("subscribed", "accept", "subscribed"),
        ("subscribed", "refuse", "failed"),
        ("subscribed", "leave", "absent"),
        ("failed", "ask", "pending"),
        ("failed", "accept", "subscribed"),
        ("failed", "leave", "absent"),
    }


@pytest.mark.parametrize("state", list(ConnectionState))
@pytest.mark.parametrize("move", list(ConnectionMove))
def test_a_missing_arrow_of_a_connection_is_the_error(state: ConnectionState, move: ConnectionMove) -> None:
    if move in CONNECTION[state]:
        assert move_connection(state, move) is CONNECTION[state][move]
    else:
        with pytest.raises(
            IllegalEvent, match=f"connection: {move.value} is not possible in state {state.value}"
        ):
            move_connection(state, move)


@pytest.mark.parametrize("state", list(SubscriptionState))
@pytest.mark.parametrize("move", list(SubscriptionMove))
def test_a_missing_arrow_of_a_subscription_is_the_error(
    state: SubscriptionState, move: SubscriptionMove
) -> None:
    if move in SUBSCRIPTION[state]:
        assert move_subscription(state, move) is SUBSCRIPTION[state][move]
    else:
        with pytest.raises(
            IllegalEvent, match=f"subscription: {move.value} is not possible in state {state.value}"
        ):
            move_subscription(state, move)


@given(st.lists(st.sampled_from(ConnectionMove)), st.lists(st.sampled_from(SubscriptionMove)))
def test_no_order_of_moves_leaves_the_tables_and_what_is_over_stays_over(
    moves: list[ConnectionMove], wishes: list[SubscriptionMove]
) -> None:
    state, ended = ConnectionState.CONNECTING, False
    for move in moves:
        with contextlib.suppress(IllegalEvent):
            state = move_connection(state, move)
        ended = ended or state is ConnectionState.CLOSED
        assert ended == (state is ConnectionState.CLOSED)
    subscription = SubscriptionState.ABSENT
    for wish in wishes:
        before = subscription
        with contextlib.suppress(IllegalEvent):
            subscription = move_subscription(subscription, wish)
        assert subscription is SUBSCRIPTION[before].get(wish, before)
