"""What single agents do in the Agent Client Protocol that it leaves open: how each takes a word while it works."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from maestro_ray.model.steering import How


class Ear(Enum):
    """How a directive is put to an agent that is at work."""

    # it takes a second prompt into the running turn
    PROMPT = "prompt"
    # before it asks its model again it asks us whether anybody has said something
    ASKS = "asks"
    # it must be interrupted, and then goes on in the same session
    INTERRUPT = "interrupt"
    NONE = "none"


@dataclass(frozen=True)
class Habits:
    """`ends_when_refused`: after a refusal it ends its turn and tells its model nothing."""

    ear: Ear = Ear.NONE
    ends_when_refused: bool = False

    @property
    def how(self) -> How:
        if self.ear is Ear.NONE:
            return How.NEXT_TURN
        return How.RESTART if self.ear is Ear.INTERRUPT else How.IN_TURN


UNKNOWN = Habits()

# by the name that an agent gives itself; seen with the real programs, see docs/reference/agents.md
_KNOWN = {
    "opencode": Habits(Ear.PROMPT, ends_when_refused=True),
    "gemini-cli": Habits(Ear.INTERRUPT),
    "qwen-code": Habits(Ear.ASKS, ends_when_refused=True),
}


def habits_of(name: str) -> Habits:
    """Those of the agent that says this name of itself; of one that is not known nothing is expected."""
    return _KNOWN.get(name.lower(), UNKNOWN)
