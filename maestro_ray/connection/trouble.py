"""What is in the way of a project's connection to its Studio."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Trouble(StrEnum):
    """False when there is none."""

    NONE = ""
    AWAY = "away"
    """No connection; it comes back by itself."""
    SIGNED_OUT = "signed_out"
    """Studio is there and knows this identity no longer: somebody must sign in."""


def worst(troubles: Iterable[Trouble]) -> Trouble:
    """That which takes a person goes before that which passes."""
    order = tuple(Trouble)
    return max(troubles, key=order.index, default=Trouble.NONE)
