"""What Studios on one database tell one another and no client hears; one that is alone tells itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# no client can be on it: its name is none of `channels`
BACKSTAGE = "studio"

# the sign-in or the person `subject` counts no longer, as far as it was so before `at`
CUT = "cut"
# these connections listen for these subjects, since `issued`
HELD = "held"
# somebody came to a presence channel at that Studio, or is no longer there
PERSON = "person"
# a client of that Studio sent an event of its own
SAID = "said"


class Backstage:
    """Who does something about what is told. A word nobody knows is of a newer Studio, and passed over."""

    def __init__(self) -> None:
        self.on: dict[str, Callable[..., object]] = {}

    def hear(self, word: str, what: dict[str, Any]) -> None:
        if (listener := self.on.get(word)) is not None:
            listener(**what)
