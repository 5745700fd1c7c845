"""Who is on which channel in this process, and which people that makes on a presence channel."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Generic, TypeVar

from maestro_ray.protocol.events import Member

S = TypeVar("S", bound=Hashable)


class Rooms(Generic[S]):
    """Subscribers by channel. A person is on a channel once, however many of their connections are."""

    def __init__(self) -> None:
        self._rooms: dict[str, dict[S, Member | None]] = {}

    def enter(self, channel: str, subscriber: S, member: Member | None = None) -> bool:
        """Whether a person came with this subscriber who was not there before."""
        room = self._rooms.setdefault(channel, {})
        came = member is not None and not _is_in(room, member.user_id)
        room[subscriber] = member
        return came

    def leave(self, channel: str, subscriber: S) -> Member | None:
        """The person who is gone with this subscriber; None while another of their connections stays."""
        room = self._rooms.get(channel, {})
        member = room.pop(subscriber, None)
        if not room:
            self._rooms.pop(channel, None)
        return None if member is None or _is_in(room, member.user_id) else member

    def member(self, channel: str, subscriber: S) -> Member | None:
        """Whom this subscriber is on the channel as; None on a private one, and when it is not there."""
        return self._rooms.get(channel, {}).get(subscriber)

    def inside(self, channel: str) -> tuple[S, ...]:
        """The subscribers of a channel as of now, in the order they came."""
        return tuple(self._rooms.get(channel, ()))

    def people(self, channel: str) -> dict[str, Any]:
        """User id → user info, each as the first of their connections told it."""
        found: dict[str, Any] = {}
        for member in self._rooms.get(channel, {}).values():
            if member is not None:
                found.setdefault(member.user_id, member.user_info)
        return found


def _is_in(room: dict[S, Member | None], user_id: str) -> bool:
    return any(member is not None and member.user_id == user_id for member in room.values())
