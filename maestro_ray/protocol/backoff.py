"""When to connect again."""

from __future__ import annotations

from dataclasses import dataclass

from maestro_ray.protocol.pusher import Advice


@dataclass(frozen=True)
class Backoff:
    """Exponential backoff with full jitter; all in seconds.

    The wait before try `attempt` (from 0) is spread evenly from `floor` to `floor + base * 2 ** attempt`, never over
    `cap`. The floor is the protocol's: "the back-off time SHOULD be at least 1 second".
    """

    cap: float = 30.0
    base: float = 1.0
    floor: float = 1.0
    steady: float = 10.0

    def next_delay(self, attempt: int, advice: Advice, roll: float) -> float | None:
        """Seconds to wait, or None: do not try again unchanged. `roll` is a random number in [0, 1).

        "Reconnect at once" is followed once; a server that keeps saying it is waited for like any other.
        """
        if advice is Advice.DO_NOT_RECONNECT:
            return None
        if advice is Advice.RECONNECT_NOW:
            if attempt <= 0:
                return 0.0
            attempt -= 1
        # 2 ** 1024 is more than a float holds; at 2 ** 32 every cap is reached.
        top = min(self.cap, self.floor + self.base * 2.0 ** min(max(attempt, 0), 32))
        return self.floor + roll * (top - self.floor)

    def count(self, attempt: int, lived: float) -> int:
        """The next attempt's number after a connection that was established for `lived` seconds (0.0: never was).

        Only one that lasted `steady` seconds starts again from 0: a server that accepts and hangs up is failing.
        """
        return 0 if lived >= self.steady else attempt + 1
