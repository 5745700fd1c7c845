"""The WebSocket side: one hub of channels, and the shell around each connection's `ServerSession`."""

from __future__ import annotations

import asyncio
import math
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from maestro_ray.ids import new_id
from maestro_ray.model.channels import is_ours
from maestro_ray.protocol.jsonrpc import Notification, encode
from maestro_ray.protocol.pusher import (
    MEMBER_ADDED,
    MEMBER_REMOVED,
    Code,
    Frame,
    channel_event,
    encode_frame,
    presence,
)
from maestro_ray.protocol.session import (
    CloseSocket,
    Event,
    EventReceived,
    Member,
    ServerLimits,
    ServerSession,
    SubscribeAsked,
    Unsubscribed,
)
from maestro_ray.studio import origin
from maestro_ray.studio.rooms import Rooms

# A client that does not read is closed when this many bytes wait for it, or when one frame has waited this many
# seconds to be taken; the others are not held up. Bytes and not frames: one commit may publish thousands of events,
# which wait for the sender's next turn with everybody who reads too. All subscribers share an event's text.
LARGEST_BACKLOG = 16 * 1024 * 1024
LONGEST_SEND = 20.0
# From as many frames as this on a client is not read either: its own questions must not fill the queue.
UNREAD_ANSWERS = 100
# A message of more bytes ends the connection (1009) before it is read; from `ServerLimits.message_bytes` up to this it
# is answered with an error.
LARGEST_MESSAGE = 1024 * 1024


class Neighbours(Protocol):
    """The other Studios on this database, as far as the hub has to do with them."""

    def moved(self, channel: str, user_id: str) -> None:
        """Somebody came to a presence channel here, or has left it."""
        ...

    def said(self, channel: str, event: str, data: Any, user_id: str | None) -> None:
        """A client here has sent an event of its own."""
        ...

    def look_again(self) -> None:
        """What they said may have been missed."""
        ...


@dataclass(frozen=True)
class Elsewhere:
    """Somebody on a presence channel at another Studio, with however many connections."""

    studio: str
    user_id: str


class Hub:
    """Who is subscribed to what in this process. Every event gets an id and the channel's next number."""

    def __init__(self, key: str, secret: str, limits: ServerLimits | None = None) -> None:
        self.key = key
        self.secret = secret
        self.limits = limits
        # told of each event, by name and params
        self.watch: Callable[[str, dict[str, Any]], None] = lambda *_: None
        # by socket id
        self._connections: dict[str, Connection] = {}
        self._rooms: Rooms[Connection | Elsewhere] = Rooms()
        self.neighbours: Neighbours | None = None
        self._numbers: dict[str, int] = {}
        self._before = 0

    def publish(
        self, channel: str, method: str, params: dict[str, Any], identifier: str = "", number: int = 0, /
    ) -> None:
        """Send a JSON-RPC notification to the subscribers of a channel. Never waits for any of them.

        An event that other processes send too brings its id and its number.
        """
        self.watch(method, params)
        self._numbers[channel] = number = number or self.number(channel) + 1
        notification = Notification(method, {"id": identifier or new_id(), "n": number, **params})
        self._send(channel_event(channel, method, encode(notification)))

    def number(self, channel: str) -> int:
        """The last number given on a channel; before the first one, the number that all begin after."""
        return self._numbers.get(channel, self._before)

    def renumber(self, numbers: Mapping[str, int], before: int = 0) -> None:
        """Go on after these numbers. Events may have been missed, so every client is asked to come back and look."""
        self._numbers, self._before = dict(numbers), before
        self.hang_up("events were missed")
        if self.neighbours is not None:
            self.neighbours.look_again()

    def relay(self, sender: Connection, event: EventReceived) -> None:
        """Pass a client's own event on to the other subscribers, here and elsewhere."""
        self._send(Frame(event.event, event.data, event.channel, event.user_id), but=sender)
        if self.neighbours is not None:
            self.neighbours.said(event.channel, event.event, event.data, event.user_id)

    def pass_on(self, channel: str, event: str, data: Any, user_id: str | None) -> None:
        """What a client of another Studio has sent."""
        self._send(Frame(event, data, channel, user_id))

    def count(self) -> tuple[int, int]:
        """How many connections there are, and how many channels they listen to, together."""
        return len(self._connections), sum(each.listens_to() for each in self._connections.values())

    def enter(self, connection: Connection, channel: str, member: Member | None) -> dict[str, Any]:
        """What the new subscriber is told: the last number, and on a presence channel who is there."""
        told: dict[str, Any] = {"n": self.number(channel)}
        if member is None:
            self._rooms.enter(channel, connection)
            return told
        self._enter(channel, connection, member)
        self._moved(channel, member)
        return presence(self._rooms.people(channel)) | told

    def leave(self, connection: Connection, channel: str) -> None:
        """The others on a presence channel are told when this was the person's last connection there."""
        member = self._rooms.member(channel, connection)
        self._leave(channel, connection)
        if member is not None:
            self._moved(channel, member)

    def person(self, channel: str, user_id: str) -> Member | None:
        """Somebody on a presence channel, as long as one of their connections here is."""
        found = ((each, self._rooms.member(channel, each)) for each in self._rooms.inside(channel))
        here = (member for each, member in found if isinstance(each, Connection))
        return next((member for member in here if member is not None and member.user_id == user_id), None)

    def arrive_elsewhere(self, studio: str, channel: str, member: Member) -> None:
        """Harmless when repeated."""
        self._enter(channel, Elsewhere(studio, member.user_id), member)

    def depart_elsewhere(self, studio: str, channel: str, user_id: str) -> None:
        self._leave(channel, Elsewhere(studio, user_id))

    def _enter(self, channel: str, who: Connection | Elsewhere, member: Member) -> None:
        if self._rooms.enter(channel, who, member):
            about = {"user_id": member.user_id, "user_info": member.user_info}
            self._send(channel_event(channel, MEMBER_ADDED, about), but=who)

    def _leave(self, channel: str, who: Connection | Elsewhere) -> None:
        gone = self._rooms.leave(channel, who)
        if gone is not None:
            self._send(channel_event(channel, MEMBER_REMOVED, {"user_id": gone.user_id}))

    def _moved(self, channel: str, member: Member) -> None:
        if self.neighbours is not None:
            self.neighbours.moved(channel, member.user_id)

    def arrive(self, connection: Connection) -> None:
        self._connections[connection.socket_id] = connection

    def depart(self, connection: Connection) -> None:
        self._connections.pop(connection.socket_id, None)

    async def close(self) -> None:
        """Ask every client to come back soon: the server stops."""
        self.hang_up("the server is restarting")

    def hang_up(self, reason: str) -> None:
        """Ask every client to come back at once."""
        for connection in self._connections.values():
            connection.hang_up(Code.RECONNECT, reason)

    def hold(self, socket_id: str, subjects: Iterable[str], issued: float) -> bool:
        """This connection listens for these persons and sign-ins; False when it is none of this process."""
        connection = self._connections.get(socket_id)
        if connection is not None:
            connection.held |= {each: min(issued, connection.held.get(each, issued)) for each in subjects}
        return connection is not None

    def cut(self, subject: str, at: float) -> None:
        """What was given to this person or sign-in until then counts no longer: who listened for it hears no more.

        It may come back at once, and is asked again who it is.
        """
        for connection in self._connections.values():
            if connection.held.get(subject, math.inf) <= at:
                connection.hang_up(Code.RECONNECT, "the sign-in has ended")

    def _send(self, frame: Frame, but: Connection | Elsewhere | None = None) -> None:
        assert frame.channel is not None
        text = encode_frame(frame)
        for connection in self._rooms.inside(frame.channel):
            if isinstance(connection, Connection) and connection is not but:
                connection.deliver(frame.channel, text)


class Connection:
    """One client: its session, and what waits to be sent to it."""

    def __init__(self, hub: Hub, websocket: WebSocket) -> None:
        socket_id = f"{secrets.randbelow(10**9)}.{secrets.randbelow(10**9)}"
        self._hub = hub
        self._websocket = websocket
        self._session = ServerSession(socket_id, hub.key, hub.secret, hub.limits)
        self.socket_id = socket_id
        # the persons and sign-ins it listens for, and since when
        self.held: dict[str, float] = {}
        self._outgoing: asyncio.Queue[str | tuple[int, str]] = asyncio.Queue()
        self._backlog = 0
        self._reads_answers = asyncio.Event()
        self._reads_answers.set()

    def deliver(self, channel: str, text: str) -> None:
        if self._session.deliver(channel, text):
            self._flush()

    def listens_to(self) -> int:
        """How many channels."""
        return len(self._session.channels)

    def hang_up(self, code: int, reason: str) -> None:
        self._put((code, reason))

    async def serve(self) -> None:
        """From the greeting to the end."""
        await self._websocket.accept()
        self._hub.arrive(self)
        tasks = [asyncio.create_task(work()) for work in (self._send, self._receive, self._keep_alive)]
        self._apply(self._greet())
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._hub.depart(self)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._apply(self._session.closed(None, "", time.monotonic()))

    def _greet(self) -> Sequence[Event]:
        asked = self._websocket
        if _is_foreign(asked):
            # told and not just refused: a library that sees a failed handshake tries again for ever
            return self._session.turn_away(Code.UNAUTHORIZED, "Origin not allowed")
        return self._session.open(
            asked.path_params["key"], asked.query_params.get("protocol"), time.monotonic()
        )

    async def _receive(self) -> None:
        while True:
            await self._reads_answers.wait()
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            data = text if text is not None else message.get("bytes") or b""
            self._apply(self._session.receive(data, time.monotonic()))

    async def _send(self) -> None:
        while True:
            item = await self._outgoing.get()
            self._backlog -= _weight(item)
            if self._outgoing.qsize() < UNREAD_ANSWERS:
                self._reads_answers.set()
            try:
                async with asyncio.timeout(LONGEST_SEND):
                    if isinstance(item, str):
                        await self._websocket.send_text(item)
                        continue
                    if self._websocket.application_state is WebSocketState.CONNECTED:
                        await self._websocket.close(*item)
            except (WebSocketDisconnect, RuntimeError, TimeoutError):
                pass
            return

    async def _keep_alive(self) -> None:
        while (deadline := self._session.next_deadline()) is not None:
            await asyncio.sleep(max(0.0, deadline - time.monotonic()))
            self._apply(self._session.handle_timer(time.monotonic()))
        # it closes on order only: the sender ends the connection after the last frame
        await asyncio.Event().wait()

    def _apply(self, events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case SubscribeAsked(channel, member) if is_ours(channel):
                    self._session.accept(channel, self._hub.enter(self, channel, member))
                case SubscribeAsked(channel):
                    self._session.refuse(channel, "there is no such channel")
                case Unsubscribed(channel):
                    self._hub.leave(self, channel)
                case EventReceived():
                    self._hub.relay(self, event)
        self._flush()
        for event in events:
            if isinstance(event, CloseSocket):
                self.hang_up(event.code, event.reason)

    def _flush(self) -> None:
        for text in self._session.data_to_send():
            self._put(text)
        if self._outgoing.qsize() >= UNREAD_ANSWERS:
            self._reads_answers.clear()
        if self._backlog > LARGEST_BACKLOG:
            self._cut_off()

    def _put(self, item: str | tuple[int, str]) -> None:
        self._backlog += _weight(item)
        self._outgoing.put_nowait(item)

    def _cut_off(self) -> None:
        """It gets nothing more from now on. Its leaving is told later: this is in the middle of telling others."""
        reason = "too slow"
        left = self._session.closed(Code.OVER_CAPACITY, reason, time.monotonic())
        asyncio.get_running_loop().call_soon(self._apply, left)
        while not self._outgoing.empty():
            self._backlog -= _weight(self._outgoing.get_nowait())
        self.hang_up(Code.OVER_CAPACITY, reason)


def _weight(item: str | tuple[int, str]) -> int:
    """How many bytes of memory it keeps."""
    return sys.getsizeof(item)


def _is_foreign(websocket: WebSocket) -> bool:
    """Whether a page of another site opened this. Programs send no `Origin`."""
    return origin.ours(websocket.headers) is False


async def serve_socket(websocket: WebSocket) -> None:
    """`/app/{key}?protocol=7`."""
    await Connection(websocket.app.state.studio.hub, websocket).serve()
