"""The pool: which slots there are, which are blank, and which part each of the others has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from maestro_ray.actors.messages import Part


@dataclass
class Place:
    """One slot. `pid` is 0 until it has reported; `beat` is the monotonic second of its last sign of life."""

    name: str
    pid: int = 0
    node: str = ""
    beat: float | None = None
    part: Part | None = None
    team: str = ""
    member: str = ""


class Pool:
    """The slot table. It decides and does nothing: who makes and ends actors is told by its answers."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._places: dict[str, Place] = {}

    def __getitem__(self, name: str) -> Place:
        return self._places[name]

    def get(self, name: str) -> Place | None:
        return self._places.get(name)

    def add(self, name: str) -> Place:
        """A slot that was made, or that reported without being known."""
        return self._places.setdefault(name, Place(name))

    def drop(self, name: str) -> None:
        self._places.pop(name, None)

    def take(self, count: int) -> list[Place]:
        """Up to `count` blank slots, those that have reported first."""
        blank = sorted(
            (place for place in self._places.values() if not place.team), key=lambda place: not place.pid
        )
        return blank[:count]

    def release(self, name: str) -> None:
        """The slot is blank again."""
        if place := self._places.get(name):
            place.part, place.team, place.member, place.beat = None, "", "", None

    def missing(self, wanted: int | None = None) -> int:
        """How many blank slots should be made now, to have `wanted` (by default the pool's size)."""
        wanted = self.size if wanted is None else wanted
        return max(0, wanted - sum(1 for place in self._places.values() if not place.team))

    def surplus(self) -> list[str]:
        """Blank slots beyond the size, to be ended."""
        blank = [place.name for place in self._places.values() if not place.team]
        return blank[self.size :]

    def of_team(self, team: str) -> dict[str, Place]:
        """Member name to place."""
        return {place.member: place for place in self._places.values() if place.team == team}

    def all(self) -> list[Place]:
        return list(self._places.values())


class SlotActors(Protocol):
    """The actors behind the slots; `actors.runtime` has the real ones, `maestro_ray.testing` those of the tests."""

    def make(self, name: str) -> None:
        """Begin to make a slot. It says hello to Connections when it is there."""
        ...

    async def become(self, name: str, part: Part) -> None:
        """Give a slot its part. Raises whatever kept it from taking it."""
        ...

    def end(self, name: str) -> None:
        """End a slot for ever, at once."""
        ...
