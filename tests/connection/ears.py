"""Somebody who notes what project connections hear."""

from __future__ import annotations

from typing import Any

from maestro_ray.connection.trouble import Trouble
from maestro_ray.testing import eventually


class Ears:
    """A `project.Listener`. `broken` is the key of a project whose events it cannot handle."""

    def __init__(self, broken: str = "") -> None:
        self.broken = broken
        self.events: list[tuple[str, str, str]] = []
        self.gaps: list[tuple[str, str]] = []
        self.changes: list[tuple[str, Trouble]] = []

    def heard(self, key: str, channel: str, method: str, params: dict[str, Any]) -> None:
        self.events.append((key, channel, method))
        self._break(key)

    def missed(self, key: str, channel: str) -> None:
        self.gaps.append((key, channel))

    def changed(self, key: str, trouble: Trouble) -> None:
        self.changes.append((key, trouble))
        self._break(key)

    def _break(self, key: str) -> None:
        if key == self.broken:
            raise RuntimeError("nobody foresaw this")

    async def subscribed(self, key: str, times: int = 1) -> None:
        await eventually(lambda: sum(of == key for of, _ in self.gaps) >= times)

    async def hears(self, key: str, times: int = 1) -> None:
        await eventually(lambda: sum(of == key for of, _, _ in self.events) >= times)
