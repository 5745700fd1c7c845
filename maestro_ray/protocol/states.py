"""The states of a connection and of a subscription: one table each, a missing arrow is the refusal."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from maestro_ray.errors import IllegalEvent


class ConnectionState(Enum):
    """Where one connection is, at either end."""

    CONNECTING = "connecting"
    ESTABLISHED = "established"
    CLOSED = "closed"


class ConnectionMove(Enum):
    """What can happen to a connection."""

    ESTABLISH = "establish"
    END = "end"


class SubscriptionState(Enum):
    """Where one subscription is, as the client sees it."""

    ABSENT = "absent"
    PENDING = "pending"
    SUBSCRIBED = "subscribed"
    FAILED = "failed"


class SubscriptionMove(Enum):
    """What can happen to a subscription."""

    ASK = "ask"
    ACCEPT = "accept"
    REFUSE = "refuse"
    LEAVE = "leave"


CONNECTION: Mapping[ConnectionState, Mapping[ConnectionMove, ConnectionState]] = {
    ConnectionState.CONNECTING: {
        ConnectionMove.ESTABLISH: ConnectionState.ESTABLISHED,
        ConnectionMove.END: ConnectionState.CLOSED,
    },
    ConnectionState.ESTABLISHED: {ConnectionMove.END: ConnectionState.CLOSED},
    ConnectionState.CLOSED: {},
}

SUBSCRIPTION: Mapping[SubscriptionState, Mapping[SubscriptionMove, SubscriptionState]] = {
    SubscriptionState.ABSENT: {SubscriptionMove.ASK: SubscriptionState.PENDING},
    SubscriptionState.PENDING: {
        SubscriptionMove.ACCEPT: SubscriptionState.SUBSCRIBED,
        SubscriptionMove.REFUSE: SubscriptionState.FAILED,
        SubscriptionMove.LEAVE: SubscriptionState.ABSENT,
    },
    SubscriptionState.SUBSCRIBED: {
        # A server that confirms twice begins to count anew.
        SubscriptionMove.ACCEPT: SubscriptionState.SUBSCRIBED,
        SubscriptionMove.REFUSE: SubscriptionState.FAILED,
        SubscriptionMove.LEAVE: SubscriptionState.ABSENT,
    },
    SubscriptionState.FAILED: {
        SubscriptionMove.ASK: SubscriptionState.PENDING,
        # A refusal without a channel's name is laid to the oldest request; the server's yes corrects that.
        SubscriptionMove.ACCEPT: SubscriptionState.SUBSCRIBED,
        SubscriptionMove.LEAVE: SubscriptionState.ABSENT,
    },
}


def move_connection(state: ConnectionState, move: ConnectionMove) -> ConnectionState:
    """The next state. Raises `IllegalEvent` when there is no such arrow."""
    try:
        return CONNECTION[state][move]
    except KeyError:
        raise IllegalEvent("connection", state.value, move.value) from None


def move_subscription(state: SubscriptionState, move: SubscriptionMove) -> SubscriptionState:
    """The next state. Raises `IllegalEvent` when there is no such arrow."""
    try:
        return SUBSCRIPTION[state][move]
    except KeyError:
        raise IllegalEvent("subscription", state.value, move.value) from None
