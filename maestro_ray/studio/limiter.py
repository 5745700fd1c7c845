"""How often somebody may ask: a bucket of tokens for each of them, filled at a steady rate."""

from __future__ import annotations

import math

from maestro_ray.errors import TooManyRequests

# whoever has been quiet this long has a full bucket anyway and is forgotten
_SWEEP_AT = 10_000


class Limiter:
    """`burst` at once, and `rate` a second after that, for each name."""

    def __init__(self, burst: int, rate: float) -> None:
        self._burst, self._rate = float(burst), rate
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, name: str, now: float) -> None:
        """One more request at `now` (monotonic seconds). Raises `TooManyRequests`; that one costs nothing."""
        left, at = self._buckets.get(name, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        if left < 1:
            raise TooManyRequests(math.ceil((1 - left) / self._rate))
        if len(self._buckets) >= _SWEEP_AT:
            self._forget(now)
        self._buckets[name] = (left - 1, now)

    def _forget(self, now: float) -> None:
        full = self._burst / self._rate
        self._buckets = {name: bucket for name, bucket in self._buckets.items() if now - bucket[1] < full}
