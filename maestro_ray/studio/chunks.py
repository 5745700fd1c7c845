"""What agents say while they work: passed on at once, and the end of it kept in memory for whoever comes later."""

from __future__ import annotations

from collections import OrderedDict

KEPT = 64 * 1024
RUNS = 500


class Chunks:
    """The last 64 KiB of each of the runs that spoke last. Soft: a restart of Studio forgets it.

    It is made of the events this Studio tells, whichever Studio on the same database the agent spoke to.
    """

    def __init__(self) -> None:
        self._tails: OrderedDict[str, str] = OrderedDict()
        self._heard: dict[str, float] = {}

    def add(self, run: str, text: str, at: float = 0.0) -> None:
        """`at` in Unix seconds."""
        self._tails[run] = (self._tails.pop(run, "") + text)[-KEPT:]
        self._heard[run] = at
        while len(self._tails) > RUNS:
            del self._heard[self._tails.popitem(last=False)[0]]

    def heard(self, run: str) -> float:
        """When it spoke last, in Unix seconds; 0 when nothing is known of it."""
        return self._heard.get(run, 0.0)

    def tail(self, run: str) -> str:
        return self._tails.get(run, "")
