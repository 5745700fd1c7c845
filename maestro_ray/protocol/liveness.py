"""Whether the other end is still there: silence, then a ping, then the verdict."""

from __future__ import annotations

from enum import Enum


class Pulse(Enum):
    """What is due now."""

    QUIET = "nothing is due"
    PING = "send a ping"
    DEAD = "the ping was not answered"


class Liveness:
    """Two deadlines in a row, in monotonic seconds: `silence` until a ping, then `patience` until the verdict.

    Anything received counts as a sign of life. Nobody is declared dead without having been asked, also not after
    this machine slept for an hour.
    """

    def __init__(self, silence: float, patience: float, now: float) -> None:
        self._silence = silence
        self._patience = patience
        self._since = now
        self._pinged = False

    def heard(self, now: float) -> None:
        """Something arrived."""
        self._since, self._pinged = now, False

    def deadline(self) -> float:
        """When `check` has something to say."""
        return self._since + (self._patience if self._pinged else self._silence)

    def check(self, now: float) -> Pulse:
        """What is due; after PING the wait for the answer begins."""
        if now < self.deadline():
            return Pulse.QUIET
        if self._pinged:
            return Pulse.DEAD
        self._since, self._pinged = now, True
        return Pulse.PING
