"""What the sessions report and ask for, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maestro_ray.protocol.jsonrpc import Params
from maestro_ray.protocol.pusher import Advice


@dataclass(frozen=True)
class Connected:
    """Client: the server said hello. `activity_timeout` is the silence, in seconds, after which we ping."""

    socket_id: str
    activity_timeout: float


@dataclass(frozen=True)
class Subscribed:
    """Client: events flow from now on and nothing before is replayed, so read the state again over REST."""

    channel: str
    data: dict[str, Any]


@dataclass(frozen=True)
class SubscriptionRefused:
    """Client: the channel is not subscribed, or not any more. `code` is None when nobody answered."""

    channel: str
    code: int | None
    message: str


@dataclass(frozen=True)
class Notified:
    """Client: a JSON-RPC notification of our server, each number once and in rising order."""

    channel: str
    method: str
    params: Params


@dataclass(frozen=True)
class GapSeen:
    """Client: `expected` to `got - 1` will never come, so read the state again over REST."""

    channel: str
    expected: int
    got: int


@dataclass(frozen=True)
class EventReceived:
    """Either end: any other event on a subscribed channel, for example `client-*`.

    At the client `data` is read when it is JSON text. At the server it is what came, to be passed on as it is;
    `user_id` is the sender's on a presence channel.
    """

    channel: str
    event: str
    data: Any
    user_id: str | None = None


@dataclass(frozen=True)
class ErrorReceived:
    """Client: the server complained about one message. The connection stays; `Disconnected` says when it does not."""

    code: int | None
    message: str
    channel: str | None = None


@dataclass(frozen=True)
class FrameRejected:
    """Either end: something arrived that has no effect, and why. The server has answered it with `code`."""

    reason: str
    code: int | None = None
    channel: str | None = None


@dataclass(frozen=True)
class Member:
    """Who joins a presence channel, as signed by whoever authorised it."""

    user_id: str
    user_info: Any = None


@dataclass(frozen=True)
class SubscribeAsked:
    """Server: the signature is right. Answer with `accept` or `refuse`."""

    channel: str
    member: Member | None = None


@dataclass(frozen=True)
class Unsubscribed:
    """Server: the client left this channel, or the connection did."""

    channel: str
    member: Member | None = None


@dataclass(frozen=True)
class CloseSocket:
    """Either end, an order: send what is to be sent, then close the WebSocket with this code and call `closed`."""

    code: int
    reason: str


@dataclass(frozen=True)
class Disconnected:
    """Either end, always last and once: the connection is over.

    `code` is the one that matters: that of a `pusher:error` or of our own decision where these explain the close,
    else the WebSocket's; None when there was none. `lived` is for how many seconds it was established.
    """

    code: int | None
    reason: str
    advice: Advice
    lived: float


Event = (
    Connected
    | Subscribed
    | SubscriptionRefused
    | Notified
    | GapSeen
    | EventReceived
    | ErrorReceived
    | FrameRejected
    | SubscribeAsked
    | Unsubscribed
    | CloseSocket
    | Disconnected
)
