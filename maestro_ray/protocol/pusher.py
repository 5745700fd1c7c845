"""The frames of the Pusher Channels protocol, version 7, and what its codes ask for.

Source: pusher.com/docs/channels/library_auth_reference/pusher-websockets-protocol. A frame is
`{"event", "channel"?, "data"?, "user_id"?}`. Its `data` is a JSON *string* in everything a server sends except
`pusher:error`, and an object in what a client sends. Libraries rely on either, so we write it exactly so and
read both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any

from maestro_ray.errors import BadFrame
from maestro_ray.protocol.jsonrpc import Notification, encode, read
from maestro_ray.protocol.strictjson import dump, is_whole, parse, size

ESTABLISHED = "pusher:connection_established"
ERROR = "pusher:error"
PING = "pusher:ping"
PONG = "pusher:pong"
SUBSCRIBE = "pusher:subscribe"
UNSUBSCRIBE = "pusher:unsubscribe"
SUCCEEDED = "pusher_internal:subscription_succeeded"
# Not in the protocol's text, but sent by servers and bound by laravel-echo: a refusal that names its channel.
SUBSCRIPTION_ERROR = "pusher:subscription_error"
MEMBER_ADDED = "pusher_internal:member_added"
MEMBER_REMOVED = "pusher_internal:member_removed"
CLIENT_PREFIX = "client-"
RESERVED_PREFIXES = (CLIENT_PREFIX, "pusher:", "pusher_internal:")

LONGEST_FRAME = 1024 * 1024


class Advice(Enum):
    """What a code asks a client to do."""

    DO_NOT_RECONNECT = "do not reconnect with the same parameters"
    BACK_OFF = "reconnect after a pause that grows"
    RECONNECT_NOW = "reconnect at once"
    STAY = "the connection is usable; only the message failed"


class Code(IntEnum):
    """The protocol's codes, sent as the WebSocket's close code or inside `pusher:error`."""

    TLS_ONLY = 4000
    UNKNOWN_KEY = 4001
    DISABLED = 4003
    OVER_QUOTA = 4004
    PATH_NOT_FOUND = 4005
    BAD_VERSION = 4006
    UNSUPPORTED_PROTOCOL = 4007
    NO_PROTOCOL = 4008
    UNAUTHORIZED = 4009
    OVER_CAPACITY = 4100
    RECONNECT = 4200
    PONG_MISSING = 4201
    INACTIVE = 4202
    REJECTED = 4301
    WATCHLIST_LIMIT = 4302


# What Reverb calls 4200 is a message it could not read, on a connection that stays usable; so do we.
MALFORMED = Code.RECONNECT


def advise(code: int | None) -> Advice:
    """What to do about a code; a bare TCP close (None, 1005, 1006) or any other code means: back off."""
    if code is None or not 4000 <= code <= 4399:
        return Advice.BACK_OFF
    return (Advice.DO_NOT_RECONNECT, Advice.BACK_OFF, Advice.RECONNECT_NOW, Advice.STAY)[(code - 4000) // 100]


def advise_closed(code: int | None) -> Advice:
    """The same for a close code: nobody can stay on a closed connection."""
    advice = advise(code)
    return Advice.BACK_OFF if advice is Advice.STAY else advice


@dataclass(frozen=True)
class Frame:
    """One message. `data` is what stands on the wire: a string, any other JSON value, or None when absent."""

    event: str
    data: Any = None
    channel: str | None = None
    user_id: str | None = None

    @property
    def value(self) -> Any:
        """`data` as a value: a JSON string is read, any other string stays as it is."""
        if not isinstance(self.data, str):
            return self.data
        try:
            return parse(self.data)
        except BadFrame:
            return self.data

    @property
    def fields(self) -> dict[str, Any]:
        """`data` as an object, whichever way it was sent; empty when it is not one."""
        value = self.value
        return value if isinstance(value, dict) else {}


def encode_frame(frame: Frame) -> str:
    """Compact JSON; absent members are left out."""
    body: dict[str, Any] = {"event": frame.event}
    for name in ("channel", "data", "user_id"):
        if (member := getattr(frame, name)) is not None:
            body[name] = member
    return dump(body)


def decode_frame(text: str | bytes, limit: int = LONGEST_FRAME) -> Frame:
    """Read one frame of at most `limit` bytes. Raises `BadFrame` and nothing else. Unknown members are ignored."""
    if size(text) > limit:
        raise BadFrame(f"the frame has {size(text)} bytes, at most {limit} are read")
    body = parse(text)
    if not isinstance(body, dict):
        raise BadFrame("a frame is a JSON object")
    event, channel, user = body.get("event"), body.get("channel"), body.get("user_id")
    if not isinstance(event, str) or not event:
        raise BadFrame("a frame names its event")
    if not isinstance(channel, str | None):
        raise BadFrame("the channel of a frame is a string")
    return Frame(event, body.get("data"), channel, text_id(user))


def text_id(value: Any) -> str | None:
    """A user's id as text: Pusher's own examples show strings and integers. None when it is neither."""
    return str(value) if is_whole(value) else value if isinstance(value, str) and value else None


def established(socket_id: str, activity_timeout: int) -> Frame:
    """From the server, first of all. `activity_timeout` in seconds; pusher-js refuses a connection without it."""
    return Frame(ESTABLISHED, dump({"socket_id": socket_id, "activity_timeout": activity_timeout}))


def error(code: int | None, message: str, channel: str | None = None) -> Frame:
    """From the server, the one whose data is an object. `channel` is ours: it says what was refused."""
    return Frame(ERROR, {"code": code, "message": message}, channel)


def subscription_error(channel: str, code: int, message: str) -> Frame:
    """From the server, after `error`: the same for whoever listens on the channel."""
    status = 401 if code == Code.UNAUTHORIZED else int(code)
    return Frame(SUBSCRIPTION_ERROR, dump({"type": "AuthError", "error": message, "status": status}), channel)


def succeeded(channel: str, data: Mapping[str, Any] | None = None) -> Frame:
    """From the server. `data` is `presence(...)` on a presence channel; ours may hold `n`, the last number given."""
    return Frame(SUCCEEDED, dump(dict(data or {})), channel)


def presence(members: Mapping[str, Any]) -> dict[str, Any]:
    """The data of `succeeded` for a presence channel, from user id → user info."""
    return {"presence": {"count": len(members), "ids": list(members), "hash": dict(members)}}


def channel_event(channel: str, event: str, data: Any) -> Frame:
    """From the server: a string goes as it is, any other value as its JSON text."""
    return Frame(event, data if isinstance(data, str) else dump(data), channel)


def notification(channel: str, method: str, params: dict[str, Any]) -> Frame:
    """From our server: named like the method, its data the whole JSON-RPC notification as a string."""
    return Frame(method, encode(Notification(method, params)), channel)


def notification_in(frame: Frame) -> Notification | None:
    """The JSON-RPC notification a server's event carries, or None.

    Never one from `client-*`: those come from other clients, who must not be able to speak for the server.
    """
    if frame.event.startswith(RESERVED_PREFIXES):
        return None
    message = read(frame.value)
    return message if isinstance(message, Notification) else None


def subscribe(channel: str, auth: str | None = None, channel_data: str | None = None) -> Frame:
    """From the client; `channel_data` is the JSON text that was signed, byte for byte."""
    asked = {"channel": channel, "auth": auth, "channel_data": channel_data}
    return Frame(SUBSCRIBE, {name: text for name, text in asked.items() if text is not None})


def unsubscribe(channel: str) -> Frame:
    """From the client; the server does not answer."""
    return Frame(UNSUBSCRIBE, {"channel": channel})
