"""A program's output as JSON, one value a line, with bounds on what a line may cost."""

from __future__ import annotations

import json
import re
from typing import Any

LONGEST = 16 * 1_024 * 1_024
HEAD = 4 * 1_024


class JsonLines:
    """Bytes in, values out; how the bytes are split changes nothing.

    A line that is no JSON object comes out as its text, for people; of one longer than `longest` bytes nothing is kept
    but a remark. Of one that begins like `heads` only the first `HEAD` bytes are, as text: some programs repeat all
    that was said with each word of it.
    """

    def __init__(self, longest: int = LONGEST, heads: re.Pattern[bytes] | None = None) -> None:
        self._longest = longest
        self._heads = heads
        self._parts: list[bytes] = []
        self._held = 0
        self._dropped = 0
        # whether enough of this line has come to know which kind it is, and whether the rest of it is wanted
        self._known = self._enough = False

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
        if self._enough:
            return
        if self._dropped or self._held + len(part) > self._longest:
            self._dropped += self._held + len(part)
            self._parts, self._held = [], 0
        else:
            self._parts.append(part)
            self._held += len(part)
        if self._heads and not self._known and self._held >= HEAD:
            line, self._known = b"".join(self._parts), True
            if self._heads.match(line):
                self._parts, self._held, self._enough = [line[:HEAD]], HEAD, True

    def _end(self) -> list[dict[str, Any] | str]:
        line, dropped = b"".join(self._parts), self._dropped
        self._parts, self._held, self._dropped = [], 0, 0
        self._known = self._enough = False
        if self._heads and self._heads.match(line):
            return [line[:HEAD].decode(errors="replace")]
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
