"""The client's end of a Pusher connection, sans I/O.

The shell opens the WebSocket, makes a `ClientSession`, and from then on: gives it what arrives (`receive`), wakes
it at `next_deadline` (`handle_timer`), tells it when the socket is gone (`closed`), and after each of these and
of its own actions sends what `data_to_send` gives and acts on the events. One session is one connection.

It lives with any Pusher server, and with what Laravel Reverb does differently:

* A refused key, origin or quota is a `pusher:error` before any hello, and the socket may stay open or be dropped
  without a code. The error ends the session at once and its code decides, not the 1006 that may follow.
* A server that says nothing at all is given up after `establish_timeout`.
* A refused subscription is a 4009 *without a channel*. Servers answer in order, so it is laid to the oldest
  pending request; if the server accepts that one after all, it is subscribed. A subscription nobody answers is
  refused after `answer_timeout`.
* A `pusher:error` on an established connection, whatever its code, leaves the connection usable.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from maestro_ray.errors import BadFrame, IllegalEvent
from maestro_ray.protocol import pusher
from maestro_ray.protocol.auth import needs_auth
from maestro_ray.protocol.events import (
    CloseSocket,
    Connected,
    Disconnected,
    ErrorReceived,
    Event,
    EventReceived,
    FrameRejected,
    GapSeen,
    Notified,
    Subscribed,
    SubscriptionRefused,
)
from maestro_ray.protocol.jsonrpc import Notification
from maestro_ray.protocol.liveness import Liveness, Pulse
from maestro_ray.protocol.numbering import Numbering
from maestro_ray.protocol.pusher import Advice, Code, Frame
from maestro_ray.protocol.states import (
    ConnectionMove,
    ConnectionState,
    SubscriptionMove,
    SubscriptionState,
    move_connection,
    move_subscription,
)
from maestro_ray.protocol.strictjson import is_whole, size

# A client gives up with a plain close: the 4xxx codes are the server's to give.
NORMAL_CLOSURE = 1000


@dataclass(frozen=True)
class ClientLimits:
    """Times in seconds, sizes in bytes. The server's `activity_timeout` counts when it is shorter than ours."""

    activity_timeout: float = 30.0
    pong_timeout: float = 30.0
    establish_timeout: float = 10.0
    answer_timeout: float = 10.0
    received_bytes: int = pusher.LONGEST_FRAME
    sent_bytes: int = 10_000


@dataclass
class _Subscription:
    state: SubscriptionState
    answer_by: float
    numbering: Numbering = field(default_factory=Numbering)


class ClientSession:
    """One connection to a Pusher server. `now` is always monotonic seconds."""

    def __init__(self, now: float, limits: ClientLimits | None = None) -> None:
        self._limits = limits or ClientLimits()
        self._opened = now
        self._established: float | None = None
        self._state = ConnectionState.CONNECTING
        self._socket_id = ""
        self._liveness = Liveness(self._limits.activity_timeout, self._limits.pong_timeout, now)
        # In the order they were asked for.
        self._subscriptions: dict[str, _Subscription] = {}
        self._out: list[str] = []
        self._end: tuple[int | None, str] | None = None
        self._over = False

    @property
    def state(self) -> ConnectionState:
        """CLOSED from the moment `CloseSocket` is given out."""
        return self._state

    @property
    def socket_id(self) -> str:
        """What a channel's signature is bound to; empty before `Connected`."""
        return self._socket_id

    def subscription(self, channel: str) -> SubscriptionState:
        """Where the subscription of this channel is."""
        found = self._subscriptions.get(channel)
        return found.state if found else SubscriptionState.ABSENT

    def data_to_send(self) -> list[str]:
        """Text frames to send, in order; each is given out once."""
        out, self._out = self._out, []
        return out

    def subscribe(
        self, channel: str, auth: str | None = None, channel_data: str | None = None, *, now: float
    ) -> None:
        """Ask for a channel; `Subscribed` or `SubscriptionRefused` follows.

        Raises `IllegalEvent` when not established, or when the channel is already asked for or subscribed, and
        `BadFrame` over `sent_bytes`: the server would end the connection, and with it every other channel.
        """
        self._must_be_established("subscribe")
        state = move_subscription(self.subscription(channel), SubscriptionMove.ASK)
        text = self._fitting(pusher.subscribe(channel, auth, channel_data))
        self._subscriptions.pop(channel, None)
        self._subscriptions[channel] = _Subscription(state, now + self._limits.answer_timeout)
        self._out.append(text)

    def unsubscribe(self, channel: str) -> None:
        """Leave a channel; nothing of it is reported from now on. Raises `IllegalEvent` when there is none."""
        self._must_be_established("unsubscribe")
        move_subscription(self.subscription(channel), SubscriptionMove.LEAVE)
        del self._subscriptions[channel]
        self._send(pusher.unsubscribe(channel))

    def send_event(self, channel: str, event: str, data: Any) -> None:
        """Send a `client-*` event to the others on a private or presence channel. Soft: nobody confirms it.

        Raises `IllegalEvent` when the server would refuse it, and `BadFrame` over `sent_bytes`: large payloads go
        over REST.
        """
        self._must_be_established("send_event")
        state = self.subscription(channel)
        allowed = event.startswith(pusher.CLIENT_PREFIX) and needs_auth(channel)
        if state is not SubscriptionState.SUBSCRIBED or not allowed:
            raise IllegalEvent("subscription", state.value, f"{event} on {channel}")
        self._out.append(self._fitting(Frame(event, data, channel)))

    def receive(self, text: str | bytes, now: float) -> list[Event]:
        """Take one WebSocket message. Never raises; what cannot be used is `FrameRejected`."""
        if self._state is ConnectionState.CLOSED:
            return []
        self._liveness.heard(now)
        try:
            frame = pusher.decode_frame(text, self._limits.received_bytes)
        except BadFrame as bad:
            return [FrameRejected(str(bad.args[0]))]
        match frame.event:
            case pusher.ESTABLISHED:
                return self._greeted(frame, now)
            case pusher.ERROR:
                return self._complained(frame)
            case pusher.SUCCEEDED:
                return self._accepted(frame)
            case pusher.SUBSCRIPTION_ERROR:
                return self._refused(frame)
            case pusher.PING:
                self._send(Frame(pusher.PONG, {}))
                return []
            case _:
                return self._happened(frame)

    def next_deadline(self) -> float | None:
        """When to call `handle_timer`; None when never. It can move after any call, in both directions."""
        if self._state is ConnectionState.CONNECTING:
            return self._opened + self._limits.establish_timeout
        if self._state is ConnectionState.ESTABLISHED:
            return min([self._liveness.deadline(), *(each.answer_by for each in self._pending().values())])
        return None

    def handle_timer(self, now: float) -> list[Event]:
        """Do what is due. Too early a call does nothing, a late one does it late."""
        deadline = self.next_deadline()
        if deadline is None or now < deadline:
            return []
        if self._state is ConnectionState.CONNECTING:
            return self._give_up(None, f"no {pusher.ESTABLISHED} within {self._limits.establish_timeout:g} s")
        events: list[Event] = [
            self._fail(channel, None, f"no answer within {self._limits.answer_timeout:g} s")
            for channel, each in self._pending().items()
            if each.answer_by <= now
        ]
        pulse = self._liveness.check(now)
        if pulse is Pulse.PING:
            self._send(Frame(pusher.PING, {}))
        if pulse is Pulse.DEAD:
            events += self._give_up(Code.PONG_MISSING, "the server did not answer a ping")
        return events

    def closed(self, code: int | None, reason: str, now: float) -> list[Event]:
        """The WebSocket is gone, with its close code or None. Gives `Disconnected`, once."""
        if self._over:
            return []
        self._over = True
        if self._state is not ConnectionState.CLOSED:
            self._state = move_connection(self._state, ConnectionMove.END)
        code, reason = self._end or (code, reason)
        advice = pusher.advise_closed(code)
        lived = 0.0 if self._established is None else now - self._established
        return [Disconnected(code, reason, advice, lived)]

    def _must_be_established(self, action: str) -> None:
        if self._state is not ConnectionState.ESTABLISHED:
            raise IllegalEvent("connection", self._state.value, action)

    def _send(self, frame: Frame) -> None:
        self._out.append(pusher.encode_frame(frame))

    def _fitting(self, frame: Frame) -> str:
        text = pusher.encode_frame(frame)
        if size(text) > self._limits.sent_bytes:
            raise BadFrame(f"the event has {size(text)} bytes, at most {self._limits.sent_bytes} can be sent")
        return text

    def _pending(self) -> dict[str, _Subscription]:
        found = self._subscriptions.items()
        return {channel: each for channel, each in found if each.state is SubscriptionState.PENDING}

    def _give_up(self, code: int | None, reason: str) -> list[Event]:
        self._state = move_connection(self._state, ConnectionMove.END)
        self._end = code, reason
        return [CloseSocket(NORMAL_CLOSURE, reason)]

    def _greeted(self, frame: Frame, now: float) -> list[Event]:
        socket_id = frame.fields.get("socket_id")
        if self._state is not ConnectionState.CONNECTING:
            return [FrameRejected(f"a second {frame.event}")]
        if not isinstance(socket_id, str) or not socket_id:
            return [FrameRejected(f"{frame.event} without a socket_id")]
        silence = self._silence(frame.fields.get("activity_timeout"))
        self._state = move_connection(self._state, ConnectionMove.ESTABLISH)
        self._socket_id, self._established = socket_id, now
        self._liveness = Liveness(silence, self._limits.pong_timeout, now)
        return [Connected(socket_id, silence)]

    def _silence(self, asked: Any) -> float:
        """ "The minimum of the value it has chosen and the value supplied by the server", but never a busy loop."""
        if not (is_whole(asked) or isinstance(asked, float)) or asked <= 0:
            return self._limits.activity_timeout
        return min(self._limits.activity_timeout, max(1.0, asked))

    def _complained(self, frame: Frame) -> list[Event]:
        code, message = frame.fields.get("code"), frame.fields.get("message")
        code = code if is_whole(code) else None
        message = message if isinstance(message, str) else ""
        if self._state is ConnectionState.CONNECTING:
            fatal = code is not None and pusher.advise(code) is not Advice.STAY
            end = self._give_up(code, message) if fatal else []
            return [ErrorReceived(code, message, frame.channel), *end]
        pending = self._pending()
        oldest = next(iter(pending), None) if code == Code.UNAUTHORIZED else None
        channel = frame.channel or oldest
        if channel in pending:
            return [self._fail(channel, code, message)]
        return [ErrorReceived(code, message, frame.channel)]

    def _fail(self, channel: str, code: int | None, message: str) -> SubscriptionRefused:
        found = self._subscriptions[channel]
        found.state = move_subscription(found.state, SubscriptionMove.REFUSE)
        return SubscriptionRefused(channel, code, message)

    def _refused(self, frame: Frame) -> list[Event]:
        channel, status, message = frame.channel or "", frame.fields.get("status"), frame.fields.get("error")
        if self.subscription(channel) not in (SubscriptionState.PENDING, SubscriptionState.SUBSCRIBED):
            return []
        text = message if isinstance(message, str) else ""
        return [self._fail(channel, status if is_whole(status) else None, text)]

    def _accepted(self, frame: Frame) -> list[Event]:
        found = self._subscriptions.get(frame.channel or "")
        if found is None or frame.channel is None:
            # Left while the answer was under way.
            return []
        last = frame.fields.get("n")
        found.state = move_subscription(found.state, SubscriptionMove.ACCEPT)
        found.numbering = Numbering(last if is_whole(last) and last >= 0 else None)
        return [Subscribed(frame.channel, frame.fields)]

    def _happened(self, frame: Frame) -> list[Event]:
        found = self._subscriptions.get(frame.channel or "")
        if found is None or frame.channel is None or found.state is not SubscriptionState.SUBSCRIBED:
            return []
        notification = pusher.notification_in(frame)
        if notification is None:
            return [EventReceived(frame.channel, frame.event, frame.value, frame.user_id)]
        if notification.method != frame.event:
            return [FrameRejected(f"{frame.event} carries {notification.method}", None, frame.channel)]
        return _in_order(found.numbering, frame.channel, notification)


def _in_order(numbering: Numbering, channel: str, notification: Notification) -> list[Event]:
    news = Notified(channel, notification.method, notification.params)
    n = notification.params.get("n") if isinstance(notification.params, dict) else None
    if not is_whole(n):
        return [news]
    skipped = numbering.take(n)
    if skipped is None:
        return []
    return [GapSeen(channel, n - skipped, n), news] if skipped else [news]
