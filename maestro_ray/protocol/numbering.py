"""Gaps and repeats in the numbers one channel's events carry."""

from __future__ import annotations


class Numbering:
    """Expects 1, 2, 3, … from `last` on; with None the first number seen is the start.

    One of these lives as long as one subscription: the server may number anew at the next.
    """

    def __init__(self, last: int | None = None) -> None:
        self._last = last

    def take(self, n: int) -> int | None:
        """How many numbers before `n` are missing (0 when it is the next one), or None when it is no news.

        A number that comes after a later one is no news either: its gap has been reported, and whoever was told
        has read the whole state again.
        """
        if self._last is not None and n <= self._last:
            return None
        skipped = 0 if self._last is None else n - self._last - 1
        self._last = n
        return skipped
