"""One WebSocket to a Studio, kept alive: connect, authorise, subscribe, listen, and again after every end.

Pusher replays nothing. So each time a channel is subscribed, and each time a number is missing, `on_gap` is told and
reads the state over REST.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection, connect

from maestro_ray.background import Background
from maestro_ray.connection.doorway import Doorway
from maestro_ray.connection.trouble import Trouble
from maestro_ray.errors import IllegalEvent, MaestroError, Unauthenticated
from maestro_ray.protocol.pusher import Advice, Code
from maestro_ray.protocol.session import (
    Backoff,
    ClientLimits,
    ClientSession,
    CloseSocket,
    Connected,
    ConnectionState,
    Disconnected,
    Event,
    GapSeen,
    Notified,
    Subscribed,
    SubscriptionRefused,
    SubscriptionState,
)

log = logging.getLogger(__name__)

# how long a channel that could not be subscribed is left alone, in seconds: twice as long each time, up to the second
PATIENCE, LONGEST_PATIENCE = 2.0, 60.0

Authorise = Callable[[str, str], Awaitable[str]]


class StudioSocket:
    """Subscriptions that outlive the connections they are made on."""

    def __init__(
        self,
        url: str,
        authorise: Authorise,
        on_event: Callable[[str, str, dict[str, Any]], None],
        on_gap: Callable[[str], None],
        limits: ClientLimits | None = None,
        *,
        doorway: Doorway | None = None,
        secure: ssl.SSLContext | None = None,
        on_change: Callable[[Trouble], None] = lambda _trouble: None,
        on_full: Callable[[str], None] | None = None,
    ) -> None:
        """`on_event(channel, method, params)` for each notification, `on_gap(channel)` when some may be missing,
        `on_change(trouble)` when the connection is made or lost; one whose sign-in has ended is deaf, and so lost.
        `on_full(channel)` takes a channel over which the server does not take beside the others.

        `doorway` is shared by all who go to the same Studio, and so is the `secure` context of a `wss://` address.
        """
        self._limits = limits or ClientLimits()
        self._url = url
        self._doorway = doorway or Doorway.to(url)
        self._secure = secure if url.startswith("wss:") else None
        self._on_change = on_change
        self._authorise = authorise
        self._on_event = on_event
        self._on_gap = on_gap
        self._on_full = on_full
        self.channels: set[str] = set()
        # how often in a row each channel could not be subscribed
        self._failed: Counter[str] = Counter()
        self._session: ClientSession | None = None
        self._websocket: ClientConnection | None = None
        self._timer: asyncio.Timeout | None = None
        self._asking = Background(lambda error: log.error("%s: %r", url, error, exc_info=error))
        self.trouble = Trouble.AWAY

    @property
    def connected(self) -> bool:
        return not self.trouble

    async def run(self) -> None:
        """Hold the connection for ever; cancel it to end."""
        backoff, attempt = Backoff(), 0
        while True:
            self._websocket = await self._doorway.enter(self._open)
            ended = await self._one_connection(self._websocket)
            attempt = backoff.count(attempt, ended.lived)
            delay = backoff.next_delay(attempt - 1, ended.advice, random.random())  # noqa: S311 - jitter, no secret
            if delay is None:
                log.error(
                    "Studio at %s refuses this client (%s): trying again rarely", self._url, ended.reason
                )
                delay = backoff.cap
            await asyncio.sleep(delay)

    async def _open(self) -> ClientConnection:
        # a proxy of the shell is for the world, not for this; compression would cost each connection 40 KB
        return await connect(
            self._url, proxy=None, ssl=self._secure, compression=None, max_size=2**20, ping_interval=None,
            open_timeout=self._limits.establish_timeout, close_timeout=1,
        )  # fmt: skip

    def subscribe(self, channel: str) -> None:
        """Listen to a channel from now on. `on_gap` follows as soon as events flow."""
        if channel not in self.channels:
            self.channels.add(channel)
            self._ask(channel)

    def unsubscribe(self, channel: str) -> None:
        self.channels.discard(channel)
        self._failed.pop(channel, None)
        session = self._session
        if (
            session
            and session.state is ConnectionState.ESTABLISHED
            and session.subscription(channel).value != "absent"
        ):
            session.unsubscribe(channel)
            self._asking.spawn(self._flush())

    async def _one_connection(self, websocket: ClientConnection) -> Disconnected:
        """From the open socket to its end, whatever ends it: a mistake of ours counts as a cut."""
        session = self._session = ClientSession(time.monotonic(), self._limits)
        try:
            return await self._converse(session, websocket)
        except Exception as error:
            log.exception("the connection to %s is given up", self._url)
            return Disconnected(None, repr(error), Advice.BACK_OFF, 0.0)
        finally:
            self._session = None
            self._changed(Trouble.AWAY)
            self._asking.cancel()
            await websocket.close()

    async def _converse(self, session: ClientSession, websocket: ClientConnection) -> Disconnected:
        code: int | None = None
        reason = ""
        try:
            while session.state is not ConnectionState.CLOSED:
                events = await self._next_events(session, websocket)
                await self._flush()
                self._take(events)
                if any(isinstance(event, CloseSocket) for event in events):
                    break
        except websockets.ConnectionClosed as closed:
            code, reason = (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (None, "")
        *_, last = session.closed(code, reason, time.monotonic())
        assert isinstance(last, Disconnected)
        return last

    async def _next_events(self, session: ClientSession, websocket: ClientConnection) -> Sequence[Event]:
        try:
            async with asyncio.timeout_at(_when(session)) as self._timer:
                text = await websocket.recv()
        except TimeoutError:
            return session.handle_timer(time.monotonic())
        finally:
            self._timer = None
        return session.receive(text, time.monotonic())

    def _take(self, events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case Connected():
                    self._changed(Trouble.NONE)
                    for channel in sorted(self.channels):
                        self._ask(channel)
                case Subscribed(channel):
                    self._failed.pop(channel, None)
                    self._changed(Trouble.NONE)
                    self._tell(self._on_gap, channel)
                case GapSeen(channel):
                    self._tell(self._on_gap, channel)
                case SubscriptionRefused(channel, Code.OVER_QUOTA) if self._on_full and self._has_others():
                    self.channels.discard(channel)
                    self._tell(self._on_full, channel)
                case SubscriptionRefused(channel, code, message):
                    self._ask(channel, after=self._pause(channel, f"was refused: {code} {message}"))
                case Notified(channel, method, dict() as params):
                    self._tell(self._on_event, channel, method, params)

    def _has_others(self) -> bool:
        """Whether the server takes any channel of this connection."""
        session = self._session
        return session is not None and any(
            session.subscription(each) is SubscriptionState.SUBSCRIBED for each in self.channels
        )

    def _pause(self, channel: str, why: str) -> float:
        """Said once, and then waited for longer each time; spread out, for others are refused at the same time."""
        tries = self._failed[channel]
        self._failed[channel] += 1
        log.log(logging.INFO if tries else logging.WARNING, "channel %s %s", channel, why)
        longest = min(LONGEST_PATIENCE, PATIENCE * 2.0 ** min(tries, 32))
        return longest * (0.5 + random.random() / 2)  # noqa: S311 - jitter

    def _changed(self, trouble: Trouble) -> None:
        if trouble is not self.trouble:
            self.trouble = trouble
            self._tell(self._on_change, trouble)

    def _tell(self, listener: Callable[..., None], *what: Any) -> None:
        """One event that cannot be handled must not make the next ones unheard."""
        try:
            listener(*what)
        except Exception:
            log.exception("what a listener was told: %s", what[0])

    def _ask(self, channel: str, after: float = 0.0) -> None:
        if self._session is not None and self._session.state is ConnectionState.ESTABLISHED:
            self._asking.spawn(self._subscribe(self._session, channel, after))

    async def _subscribe(self, session: ClientSession, channel: str, after: float) -> None:
        """Again and again while the connection lasts: without its channel it is deaf and looks well."""
        await asyncio.sleep(after)
        while self._wanted(session, channel):
            try:
                auth = await self._authorise(session.socket_id, channel)
                if self._wanted(session, channel):
                    session.subscribe(channel, auth, now=time.monotonic())
                    self._look_at_the_clock(session)
            except IllegalEvent:
                pass  # somebody else was faster
            except MaestroError as error:
                if isinstance(error, Unauthenticated):
                    self._changed(Trouble.SIGNED_OUT)
                await asyncio.sleep(self._pause(channel, f"cannot be authorised: {error}"))
                continue
            await self._flush()
            return

    def _look_at_the_clock(self, session: ClientSession) -> None:
        """What was just asked for is waited for less long than what the reader waits for already."""
        if self._timer is not None and not self._timer.expired():
            self._timer.reschedule(_when(session))

    def _wanted(self, session: ClientSession, channel: str) -> bool:
        current = session is self._session and session.state is ConnectionState.ESTABLISHED
        return current and channel in self.channels

    async def _flush(self) -> None:
        if self._session is None or self._websocket is None:
            return
        # who reads this socket notices its end and makes another
        with contextlib.suppress(websockets.ConnectionClosed):
            for text in self._session.data_to_send():
                await self._websocket.send(text)


def _when(session: ClientSession) -> float | None:
    """The session's next deadline by the loop's clock."""
    deadline = session.next_deadline()
    return None if deadline is None else asyncio.get_running_loop().time() + deadline - time.monotonic()
