"""A stream without what belongs to one machine and one moment: recorded again, it is the same."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# opencode's: what it is, and when it was made
_MADE = re.compile(r"\b(ses|msg|prt|per|evt|que|tool)_[0-9a-f]{12}[0-9A-Za-z]{14}\b")
_WHEN = re.compile(r"\d{4}-\d\d-\d\dT\d\d[:-]\d\d[:-]\d\d(\.\d+Z?)?")
_DAY = re.compile(r"\b20\d\d([/-])\d\d\1\d\d\b")
_SPAN = re.compile(r"(_ms|Ms|[dD]uration|elapsed|_seconds)$")
_WORDS = (
    (re.compile(r"http://127\.0\.0\.1:\d+"), "http://127.0.0.1:1"),
    (re.compile(r"/tmp/cc-socks/\d+\.sock"), "/tmp/cc-socks/1.sock"),
    (re.compile(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT"), "Thu, 01 Jan 2026 00:00:00 GMT"),
    (re.compile(r"Chunk ID: [0-9a-f]+"), "Chunk ID: 1"),
    (re.compile(r"Wall time: [\d.]+"), "Wall time: 0.1"),
)
_NAMED = ("task_id", "run_id", "processId", "pid", "serverName", "machine", "snapshot", "hash")
# what a program could be asked besides, half a megabyte in Qwen Code: one of them shows the form
_LISTED = ("availableCommands", "availableSkillDetails")
_EPOCH = 1_000_000_000


class Neutral:
    """One stream; what was one thing stays one thing. `places` are the machine's paths and what stands for them."""

    def __init__(self, places: dict[Path, str]) -> None:
        self._paths = {str(path): name for path, name in places.items()}
        self._paths |= {_slug(path): _slug(name) for path, name in self._paths.items()}
        self._seen: dict[str, dict[str, str]] = {}

    def line(self, line: Any) -> Any:
        return self._value(line, "")

    def text(self, text: str) -> str:
        for path, name in self._paths.items():
            text = text.replace(path, name)
        for pattern, name in _WORDS:
            text = pattern.sub(name, text)
        text = _UUID.sub(lambda found: f"00000000-0000-4000-8000-{self._number('uuid', found[0]):012}", text)
        text = _MADE.sub(lambda found: f"{found[1]}_{self._number(found[1], found[0]):026}", text)
        text = _WHEN.sub("2026-01-01T00:00:00.000Z", text)
        return _DAY.sub(lambda found: f"2026{found[1]}01{found[1]}01", text)

    def _value(self, value: Any, name: str) -> Any:
        if name in _LISTED and isinstance(value, list):
            value = value[:1]
        if isinstance(value, dict):
            return {self.text(key): self._value(each, key) for key, each in value.items()}
        if isinstance(value, list):
            return [self._value(each, name) for each in value]
        if isinstance(value, str):
            return self._id(name, value) if name in _NAMED and value else self.text(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _EPOCH if value > _EPOCH else 1 if _SPAN.search(name) else value
        return value

    def _id(self, kind: str, value: str) -> str:
        return f"{kind}-{self._number(kind, value)}"

    def _number(self, kind: str, value: str) -> int:
        seen = self._seen.setdefault(kind, {})
        return int(seen.setdefault(value, str(len(seen) + 1)))


def _slug(path: str) -> str:
    """As Claude Code names a directory after a project."""
    return re.sub(r"[^A-Za-z0-9]", "-", path)


def as_lines(values: list[Any]) -> str:
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in values)
