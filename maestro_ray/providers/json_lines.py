"""A program's output as JSON, one value a line, with bounds on what a line may cost."""

from __future__ import annotations

import json
from typing import Any

LONGEST = 16 * 1_024 * 1_024


class JsonLines:
    """Bytes in, values out; how the bytes are split changes nothing.

    A line that is no JSON object comes out as its text, for people; of one longer than `longest` bytes nothing is kept
    but a remark.
    """

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._parts: list[bytes] = []
        self._held = 0
        self._dropped = 0

    def feed(self, data: bytes) -> list[dict[str, Any] | str]:
        first, *more = data.split(b"\n")
        self._hold(first)
        values = []
        for part in more:
            values += self._end()
            self._hold(part)
        return values

    def close(self) -> list[dict[str, Any] | str]:
        """What is left when no more comes."""
        return self._end()

    def _hold(self, part: bytes) -> None:
        if self._dropped or self._held + len(part) > self._longest:
            self._dropped += self._held + len(part)
            self._parts, self._held = [], 0
        else:
            self._parts.append(part)
            self._held += len(part)

    def _end(self) -> list[dict[str, Any] | str]:
        line, dropped = b"".join(self._parts), self._dropped
        self._parts, self._held, self._dropped = [], 0, 0
        if dropped:
            return [f"[… a line of {dropped} bytes left out …]"]
        text = line.decode(errors="replace").strip()
        return [_read(text)] if text else []


def line(value: object) -> bytes:
    """The other way."""
    return json.dumps(value).encode() + b"\n"


def _read(text: str) -> dict[str, Any] | str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, dict) else text
