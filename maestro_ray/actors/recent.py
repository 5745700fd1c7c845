"""What is worth remembering for a while: a table that forgets what was set longest ago."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(dict[K, V]):
    """The `most` entries that were set last; setting one again makes it new. Reading changes nothing."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: K, value: V) -> None:
        self.pop(key, None)
        super().__setitem__(key, value)
        if len(self) > self._most:
            del self[next(iter(self))]

    def take(self, others: Mapping[K, V]) -> None:
        """Set all of these, in their order."""
        for key, value in others.items():
            self[key] = value
