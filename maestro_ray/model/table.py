"""The look-up every machine shares: a table of arrows, and the error that a missing arrow is."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from maestro_ray.errors import IllegalEvent

State = TypeVar("State", bound=StrEnum)


def arrow(machine: str, table: Mapping[tuple[State, type], State], state: State, event: object) -> State:
    """The state this event leads to. Raises `IllegalEvent`; the caller has changed nothing yet."""
    try:
        return table[state, type(event)]
    except KeyError:
        raise IllegalEvent(machine, state.value, type(event).__name__) from None
