"""Both ends of a Pusher v7 conversation that carries JSON-RPC, without I/O.

The same four verbs at either end, in the manner of h11 and websockets:

    events = session.receive(text, now)        what arrived
    events = session.handle_timer(now)         at session.next_deadline()
    events = session.closed(code, reason, now) the socket is gone; `Disconnected` is always the last event
    for text in session.data_to_send(): ...    after each of these and after each action

`CloseSocket` among the events is an order: send, close, then call `closed`. Everything else is told, not asked.
No time, chance or socket is in here; `Backoff` says when to connect again, given a random number.
"""

from __future__ import annotations

from maestro_ray.protocol.backoff import Backoff
from maestro_ray.protocol.client import ClientLimits, ClientSession
from maestro_ray.protocol.events import (
    CloseSocket,
    Connected,
    Disconnected,
    ErrorReceived,
    Event,
    EventReceived,
    FrameRejected,
    GapSeen,
    Member,
    Notified,
    SubscribeAsked,
    Subscribed,
    SubscriptionRefused,
    Unsubscribed,
)
from maestro_ray.protocol.server import ServerLimits, ServerSession
from maestro_ray.protocol.states import ConnectionState, SubscriptionState

__all__ = [
    "Backoff",
    "ClientLimits",
    "ClientSession",
    "CloseSocket",
    "Connected",
    "ConnectionState",
    "Disconnected",
    "ErrorReceived",
    "Event",
    "EventReceived",
    "FrameRejected",
    "GapSeen",
    "Member",
    "Notified",
    "ServerLimits",
    "ServerSession",
    "SubscribeAsked",
    "Subscribed",
    "SubscriptionRefused",
    "SubscriptionState",
    "Unsubscribed",
]
