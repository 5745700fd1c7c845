"""What an agent proposes while it works: lines `MAESTRO:SUBTASK {json}`, found in what it says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maestro_ray.actors.params import sound
from maestro_ray.errors import BadFrame, UsageError
from maestro_ray.model.fence import ANYWHERE, PLAIN, Fence
from maestro_ray.model.subtask import PER_TASK
from maestro_ray.protocol.strictjson import parse

# of a whole line, and of what is shown of one that cannot be taken, in characters
LONGEST, SHOWN = 16_000, 200
_LINE = re.compile(r"MAESTRO:SUBTASK\b\s*(.*)")
# as it stands in the prompt, which some programs print
_EXAMPLE = '{"title": "…"'
_KEYS = ("title", "description", "role", "skill", "required_proficiency", "test", "priority", "after_parent")


@dataclass(frozen=True)
class Proposed:
    """The body of Studio's `subtask` call, but for the epoch. What the values may be is Studio's to say."""

    values: Mapping[str, Any]


@dataclass(frozen=True)
class Refused:
    """The beginning of a line that is no proposal, and why."""

    line: str
    reason: str


class Proposals:
    """Those of one run. Only whole lines count that begin with the word and stand in no code block, and only the first
    few of a run."""

    def __init__(self) -> None:
        self._found = 0
        self.begin()

    def begin(self) -> None:
        """Another turn of the same run: what was not ended before never will be."""
        self._line = ""
        self._fences = Fence(PLAIN), Fence(ANYWHERE)

    def feed(self, text: str) -> list[Proposed | Refused]:
        """What is complete with this piece of what the agent says, however it is cut."""
        *parts, rest = text.split("\n")
        found = []
        for part in parts:
            self._grow(part)
            if (one := self._take(self._line.rstrip())) is not None:
                found.append(one)
            self._line = ""
        self._grow(rest)
        return found

    def _grow(self, part: str) -> None:
        self._line += part[: max(0, LONGEST + 1 - len(self._line))]

    def _take(self, line: str) -> Proposed | Refused | None:
        quoted = [fence.encloses(line) for fence in self._fences]
        match = _LINE.match(line)
        if match is None or any(quoted) or match[1].startswith(_EXAMPLE):
            return None
        self._found += 1
        if self._found > PER_TASK + 1:
            return None
        try:
            return Proposed(self._read(line, match[1]))
        except (BadFrame, UsageError) as bad:
            return Refused(line[:SHOWN], bad.args[0])

    def _read(self, line: str, text: str) -> Mapping[str, Any]:
        """Raises `BadFrame`, or `UsageError` for a text that no database holds."""
        if self._found > PER_TASK:
            raise BadFrame(
                f"a run proposes at most {PER_TASK} subtasks: this one and those after it are not looked at"
            )
        if len(line) > LONGEST:
            raise BadFrame(f"the line is longer than {LONGEST} characters")
        values = parse(text)
        if (
            not isinstance(values, dict)
            or not isinstance(title := values.get("title"), str)
            or not title.strip()
        ):
            raise BadFrame('it needs an object with a title: MAESTRO:SUBTASK {"title": "…"}')
        if unknown := sorted(values.keys() - set(_KEYS)):
            raise BadFrame(f"unknown key {unknown[0][:40]!r}; those there are: {', '.join(_KEYS)}")
        for key, value in values.items():
            if isinstance(value, str):
                sound(key, value)
        return values
