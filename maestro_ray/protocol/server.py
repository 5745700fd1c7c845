"""The server's end of a Pusher connection, sans I/O.

The shell accepts the WebSocket, makes a `ServerSession`, calls `open`, and from then on does what the shell of a
client does. Channels are shared between connections and so are not in here: a correctly signed subscription comes
out as `SubscribeAsked`, and the shell answers with `accept` (giving the channel's last number, or its members) or
with `refuse`. What a client sends to a channel comes out as `EventReceived`, to be delivered to the others.

Every mistake of the client is answered with a `pusher:error` and leaves the connection usable, as Reverb does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maestro_ray.errors import BadFrame
from maestro_ray.protocol import pusher
from maestro_ray.protocol.auth import is_presence, needs_auth, valid_channel, valid_socket_id, verify_channel
from maestro_ray.protocol.events import (
    CloseSocket,
    Disconnected,
    Event,
    EventReceived,
    FrameRejected,
    Member,
    SubscribeAsked,
    Unsubscribed,
)
from maestro_ray.protocol.liveness import Liveness, Pulse
from maestro_ray.protocol.pusher import Code, Frame
from maestro_ray.protocol.states import ConnectionMove, ConnectionState, move_connection
from maestro_ray.protocol.strictjson import parse, size

# Since protocol 5 both ends ping; 6 and 7 took nothing away.
PROTOCOLS = range(5, 8)
LONGEST_NAME = 200
RATE_WINDOW = 1.0


@dataclass(frozen=True)
class ServerLimits:
    """Times in seconds. Sizes as Reverb has them; `client_events` in any one second."""

    message_bytes: int = 10_000
    subscriptions: int = 100
    client_events: int = 10
    activity_timeout: int = 30
    pong_timeout: float = 30.0


@dataclass
class _Seat:
    accepted: bool
    member: Member | None


class ServerSession:
    """One connection of a Pusher client. `now` is always monotonic seconds.

    `socket_id` is `digits.digits`, unique among the connections of this server; `key` and `secret` are the app's.
    """

    def __init__(self, socket_id: str, key: str, secret: str, limits: ServerLimits | None = None) -> None:
        if not valid_socket_id(socket_id):
            raise BadFrame("socket_id must be digits.digits")
        self._socket_id = socket_id
        self._key = key
        self._secret = secret
        self._limits = limits or ServerLimits()
        self._state = ConnectionState.CONNECTING
        self._established: float | None = None
        self._liveness = Liveness(self._limits.activity_timeout, self._limits.pong_timeout, 0.0)
        self._seats: dict[str, _Seat] = {}
        self._client_events: deque[float] = deque(maxlen=self._limits.client_events)
        self._out: list[str] = []
        self._end: tuple[int | None, str] | None = None
        self._over = False

    @property
    def state(self) -> ConnectionState:
        """CLOSED from the moment `CloseSocket` is given out."""
        return self._state

    @property
    def socket_id(self) -> str:
        """What this connection's signatures are bound to."""
        return self._socket_id

    @property
    def channels(self) -> list[str]:
        """The channels this client receives."""
        return [channel for channel, seat in self._seats.items() if seat.accepted]

    def data_to_send(self) -> list[str]:
        """Text frames to send, in order; each is given out once."""
        out, self._out = self._out, []
        return out

    def open(self, key: str, protocol: str | None, now: float) -> list[Event]:
        """Greet the client or turn it away; `key` and `protocol` as they stand in `/app/{key}?protocol=`.

        Raises `IllegalEvent` when called twice.
        """
        established = move_connection(self._state, ConnectionMove.ESTABLISH)
        refusal = self._refusal(key, protocol)
        if refusal is not None:
            return self.turn_away(*refusal)
        self._state, self._established = established, now
        self._liveness.heard(now)
        self._send(pusher.established(self._socket_id, self._limits.activity_timeout))
        return []

    def turn_away(self, code: Code, reason: str) -> list[Event]:
        """Instead of `open`, or later: say why, and hang up. Raises `IllegalEvent` when it is over already."""
        events = self._hang_up(code, reason)
        self._send(pusher.error(code, reason))
        return events

    def accept(self, channel: str, data: Mapping[str, Any] | None = None) -> bool:
        """Confirm a `SubscribeAsked`; False when the client has left meanwhile. `data` as in `pusher.succeeded`."""
        seat = self._seats.get(channel)
        if seat is None or seat.accepted or self._state is not ConnectionState.ESTABLISHED:
            return False
        seat.accepted = True
        self._send(pusher.succeeded(channel, data))
        return True

    def refuse(self, channel: str, message: str, code: int = Code.UNAUTHORIZED) -> bool:
        """Turn a `SubscribeAsked` down, or end a subscription (its right was taken away); False when there is none."""
        if self._state is not ConnectionState.ESTABLISHED or self._seats.pop(channel, None) is None:
            return False
        self._turn_down(channel, code, message)
        return True

    def publish(self, channel: str, event: str, data: Any) -> bool:
        """Send an event, a string as it is and any other value as JSON text; False when it is not subscribed here."""
        return self.deliver(channel, pusher.encode_frame(pusher.channel_event(channel, event, data)))

    def deliver(self, channel: str, text: str) -> bool:
        """`publish` with a frame that is already encoded, once for all its receivers."""
        seat = self._seats.get(channel)
        if seat is None or not seat.accepted or self._state is not ConnectionState.ESTABLISHED:
            return False
        self._out.append(text)
        return True

    def receive(self, text: str | bytes, now: float) -> list[Event]:
        """Take one WebSocket message. Never raises; a bad one is answered and comes out as `FrameRejected`."""
        if self._state is not ConnectionState.ESTABLISHED:
            return []
        self._liveness.heard(now)
        limit = self._limits.message_bytes
        if size(text) > limit:
            return self._reject(
                Code.REJECTED, f"the message has {size(text)} bytes, at most {limit} are read"
            )
        try:
            frame = pusher.decode_frame(text)
        except BadFrame as bad:
            return self._reject(pusher.MALFORMED, f"Invalid message format: {bad.args[0]}")
        match frame.event:
            case pusher.SUBSCRIBE:
                return self._subscribe(frame)
            case pusher.UNSUBSCRIBE:
                return self._unsubscribe(frame)
            case pusher.PING:
                self._send(Frame(pusher.PONG, "{}"))
                return []
            case pusher.PONG:
                return []
            case event if event.startswith(pusher.CLIENT_PREFIX):
                return self._client_event(frame, now)
            case _:
                return self._reject(Code.REJECTED, f"unknown event {frame.event[:LONGEST_NAME]}")

    def next_deadline(self) -> float | None:
        """When to call `handle_timer`; None when never."""
        return self._liveness.deadline() if self._state is ConnectionState.ESTABLISHED else None

    def handle_timer(self, now: float) -> list[Event]:
        """Do what is due. Too early a call does nothing, a late one does it late."""
        if self._state is not ConnectionState.ESTABLISHED:
            return []
        pulse = self._liveness.check(now)
        if pulse is Pulse.PING:
            self._send(Frame(pusher.PING, "{}"))
        return self._hang_up(Code.PONG_MISSING, "Pong reply not received") if pulse is Pulse.DEAD else []

    def closed(self, code: int | None, reason: str, now: float) -> list[Event]:
        """The WebSocket is gone. Gives `Unsubscribed` for each channel, then `Disconnected`, once."""
        if self._over:
            return []
        self._over = True
        if self._state is not ConnectionState.CLOSED:
            self._state = move_connection(self._state, ConnectionMove.END)
        left: list[Event] = [Unsubscribed(channel, seat.member) for channel, seat in self._seats.items()]
        self._seats.clear()
        code, reason = self._end or (code, reason)
        lived = 0.0 if self._established is None else now - self._established
        return [*left, Disconnected(code, reason, pusher.advise_closed(code), lived)]

    def _send(self, frame: Frame) -> None:
        self._out.append(pusher.encode_frame(frame))

    def _hang_up(self, code: Code, reason: str) -> list[Event]:
        self._state = move_connection(self._state, ConnectionMove.END)
        self._end = code, reason
        return [CloseSocket(code, reason)]

    def _refusal(self, key: str, protocol: str | None) -> tuple[Code, str] | None:
        if key != self._key:
            return Code.UNKNOWN_KEY, "Application does not exist"
        if not protocol:
            return Code.NO_PROTOCOL, "No protocol version supplied"
        if not (protocol.isascii() and protocol.isdigit() and len(protocol) <= 4):
            return Code.BAD_VERSION, "Invalid version string format"
        if int(protocol) not in PROTOCOLS:
            return Code.UNSUPPORTED_PROTOCOL, "Unsupported protocol version"
        return None

    def _reject(self, code: int | None, reason: str, channel: str | None = None) -> list[Event]:
        self._send(pusher.error(code, reason, channel))
        return [FrameRejected(reason, code, channel)]

    def _turn_down(self, channel: str, code: int, message: str) -> list[Event]:
        events = self._reject(code, message, channel)
        self._send(pusher.subscription_error(channel, code, message))
        return events

    def _subscribe(self, frame: Frame) -> list[Event]:
        asked = frame.fields
        channel, auth, channel_data = (asked.get(name) for name in ("channel", "auth", "channel_data"))
        if not isinstance(channel, str):
            return self._reject(pusher.MALFORMED, "Invalid message format: a subscription names its channel")
        if not isinstance(auth, str | None) or not isinstance(channel_data, str | None):
            return self._reject(pusher.MALFORMED, "Invalid message format: auth and channel_data are strings")
        if not valid_channel(channel):
            return self._reject(Code.UNAUTHORIZED, "Invalid channel name")
        if channel in self._seats:
            # The protocol has no code for it, and nothing is wrong with the subscription.
            return self._reject(None, "already subscribed", channel)
        if len(self._seats) >= self._limits.subscriptions:
            text = f"at most {self._limits.subscriptions} channels on one connection"
            return self._turn_down(channel, Code.OVER_QUOTA, text)
        if needs_auth(channel) and not self._verified(channel, auth, channel_data):
            return self._turn_down(channel, Code.UNAUTHORIZED, "Connection is unauthorized")
        member = _member_in(channel_data) if is_presence(channel) else None
        if is_presence(channel) and member is None:
            return self._turn_down(channel, Code.UNAUTHORIZED, "channel_data must be JSON with a user_id")
        self._seats[channel] = _Seat(False, member)
        return [SubscribeAsked(channel, member)]

    def _verified(self, channel: str, auth: str | None, channel_data: str | None) -> bool:
        return verify_channel(
            self._key, self._secret, self._socket_id, channel, auth=auth, channel_data=channel_data
        )

    def _unsubscribe(self, frame: Frame) -> list[Event]:
        channel = frame.fields.get("channel")
        if not isinstance(channel, str):
            return self._reject(pusher.MALFORMED, "Invalid message format: unsubscribe names its channel")
        seat = self._seats.pop(channel, None)
        return [Unsubscribed(channel, seat.member)] if seat else []

    def _client_event(self, frame: Frame, now: float) -> list[Event]:
        if self._too_fast(now):
            return self._reject(Code.REJECTED, "Client event rejected due to rate limit", frame.channel)
        channel = frame.channel
        if len(frame.event) > LONGEST_NAME:
            return self._reject(
                Code.REJECTED, f"an event's name has at most {LONGEST_NAME} characters", channel
            )
        if channel is None:
            return self._reject(pusher.MALFORMED, "Invalid message format: a client event names its channel")
        seat = self._seats.get(channel)
        if seat is None or not seat.accepted or not needs_auth(channel):
            text = "The client is not a member of the specified private or presence channel."
            return self._reject(Code.UNAUTHORIZED, text, channel)
        sender = seat.member.user_id if seat.member else None
        return [EventReceived(channel, frame.event, frame.data, sender)]

    def _too_fast(self, now: float) -> bool:
        """Whether this event is one too many; refused ones count for nothing, so the allowed rate always passes."""
        recent = self._client_events
        if len(recent) == recent.maxlen and (not recent or now - recent[0] < RATE_WINDOW):
            return True
        recent.append(now)
        return False


def _member_in(channel_data: str | None) -> Member | None:
    try:
        told = parse(channel_data or "")
    except BadFrame:
        return None
    user_id = pusher.text_id(told.get("user_id")) if isinstance(told, dict) else None
    return None if user_id is None else Member(user_id, told.get("user_info"))
