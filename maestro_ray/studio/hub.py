"""The hub of channels: who is subscribed to what in this process, and what they are told."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from maestro_ray.ids import new_id
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
from maestro_ray.protocol.session import EventReceived, Member, ServerLimits
from maestro_ray.studio.rooms import Rooms


class Connection(Protocol):
    """One client of this process. `held` is whom it listens for: persons and sign-ins, and since when."""

    socket_id: str
    held: dict[str, float]

    def deliver(self, channel: str, text: str) -> None:
        """An encoded frame. Never waits."""
        ...

    def listens_to(self) -> int:
        """How many channels."""
        ...

    def hang_up(self, code: int, reason: str) -> None:
        """After what it has been told already."""
        ...

    def turn_away(self, code: Code, reason: str) -> None:
        """The same, and from now on it hears nothing and is not heard."""
        ...

    def __hash__(self) -> int: ...


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
        here = (member for each, member in found if not isinstance(each, Elsewhere))
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
        for connection in list(self._connections.values()):
            if connection.held.get(subject, math.inf) <= at:
                connection.turn_away(Code.RECONNECT, "the sign-in has ended")

    def _send(self, frame: Frame, but: Connection | Elsewhere | None = None) -> None:
        assert frame.channel is not None
        text = encode_frame(frame)
        for connection in self._rooms.inside(frame.channel):
            if not isinstance(connection, Elsewhere) and connection is not but:
                connection.deliver(frame.channel, text)
