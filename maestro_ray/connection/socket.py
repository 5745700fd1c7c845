"""One WebSocket to a Studio, kept alive: connect, authorise, subscribe, listen, and again after every end.

Pusher replays nothing. So each time a channel is subscribed, and each time a number is missing, `on_gap` is told and
reads the state over REST.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection, connect

from maestro_ray.errors import IllegalEvent, MaestroError
from maestro_ray.protocol.pusher import Advice
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
)

log = logging.getLogger(__name__)

# how long a channel that could not be subscribed is left alone, in seconds
PATIENCE = 2.0

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
    ) -> None:
        """`on_event(channel, method, params)` for each notification, `on_gap(channel)` when some may be missing."""
        self._limits = limits or ClientLimits()
        self._url = url
        self._authorise = authorise
        self._on_event = on_event
        self._on_gap = on_gap
        self._channels: set[str] = set()
        self._session: ClientSession | None = None
        self._websocket: ClientConnection | None = None
        self._timer: asyncio.Timeout | None = None
        self._asking: set[asyncio.Task[None]] = set()
        self.connected_since: float | None = None

    async def run(self) -> None:
        """Hold the connection for ever; cancel it to end."""
        backoff, attempt = Backoff(), 0
        while True:
            ended = await self._one_connection()
            attempt = backoff.count(attempt, ended.lived)
            delay = backoff.next_delay(attempt - 1, ended.advice, random.random())  # noqa: S311 - jitter, no secret
            if delay is None:
                log.error(
                    "Studio at %s refuses this client (%s): trying again rarely", self._url, ended.reason
                )
                delay = backoff.cap
            await asyncio.sleep(delay)

    def subscribe(self, channel: str) -> None:
        """Listen to a channel from now on. `on_gap` follows as soon as events flow."""
        if channel not in self._channels:
            self._channels.add(channel)
            self._ask(channel)

    def unsubscribe(self, channel: str) -> None:
        self._channels.discard(channel)
        session = self._session
        if (
            session
            and session.state is ConnectionState.ESTABLISHED
            and session.subscription(channel).value != "absent"
        ):
            session.unsubscribe(channel)
            self._spawn(self._flush())

    async def _one_connection(self) -> Disconnected:
        session = ClientSession(time.monotonic(), self._limits)
        try:
            # a proxy of the shell is for the world, not for this
            self._websocket = await connect(
                self._url,
                proxy=None,
                max_size=2**20,
                ping_interval=None,
                open_timeout=self._limits.establish_timeout,
                close_timeout=1,
            )
        except (OSError, TimeoutError, websockets.WebSocketException) as error:
            return Disconnected(None, str(error), Advice.BACK_OFF, 0.0)
        self._session = session
        try:
            return await self._converse(session, self._websocket)
        finally:
            self._session, self.connected_since = None, None
            for task in list(self._asking):
                task.cancel()
            await self._websocket.close()

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
                    self.connected_since = time.monotonic()
                    for channel in sorted(self._channels):
                        self._ask(channel)
                case Subscribed(channel) | GapSeen(channel):
                    self._tell(self._on_gap, channel)
                case SubscriptionRefused(channel, code, message):
                    log.warning("channel %s was refused: %s %s", channel, code, message)
                    self._ask(channel, after=PATIENCE)
                case Notified(channel, method, dict() as params):
                    self._tell(self._on_event, channel, method, params)

    def _tell(self, listener: Callable[..., None], *what: Any) -> None:
        """One event that cannot be handled must not make the next ones unheard."""
        try:
            listener(*what)
        except Exception:
            log.exception("an event on %s", what[0])

    def _ask(self, channel: str, after: float = 0.0) -> None:
        if self._session is not None and self._session.state is ConnectionState.ESTABLISHED:
            self._spawn(self._subscribe(self._session, channel, after))

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
                log.warning("channel %s cannot be authorised: %s", channel, error)
                await asyncio.sleep(PATIENCE)
                continue
            await self._flush()
            return

    def _look_at_the_clock(self, session: ClientSession) -> None:
        """What was just asked for is waited for less long than what the reader waits for already."""
        if self._timer is not None and not self._timer.expired():
            self._timer.reschedule(_when(session))

    def _wanted(self, session: ClientSession, channel: str) -> bool:
        current = session is self._session and session.state is ConnectionState.ESTABLISHED
        return current and channel in self._channels

    async def _flush(self) -> None:
        if self._session is None or self._websocket is None:
            return
        # who reads this socket notices its end and makes another
        with contextlib.suppress(websockets.ConnectionClosed):
            for text in self._session.data_to_send():
                await self._websocket.send(text)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)


def _when(session: ClientSession) -> float | None:
    """The session's next deadline by the loop's clock."""
    deadline = session.next_deadline()
    return None if deadline is None else asyncio.get_running_loop().time() + deadline - time.monotonic()
