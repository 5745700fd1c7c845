"""The two clocks: monotonic seconds for durations and deadlines, wall seconds for showing and across machines.

And whoever measures the silence of others by them must know how late it was itself.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where time comes from; tests pass their own (`maestro_ray.testing.FakeClock`)."""

    def wall(self) -> float:
        """Unix time in seconds."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...


class SystemClock:
    """The machine's clocks."""

    def wall(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class Lateness:
    """How much later than every so many seconds somebody looks, who means to look that often.

    Stopped, or on a machine that is too busy, it could not have read what was sent to it meanwhile.
    """

    def __init__(self, every: float, now: float) -> None:
        self._every = every
        self._looked = now

    def since(self, now: float) -> float:
        """Seconds beyond `every` since the last look; each is told once."""
        late = max(0.0, now - self._looked - self._every)
        self._looked = now
        return late
