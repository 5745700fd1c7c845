"""What an agent proposes while it works: lines `MAESTRO:SUBTASK {json}`, and BLOCKER and DECISION, in what it says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maestro_ray.actors.params import sound
from maestro_ray.errors import BadFrame, UsageError
from maestro_ray.model import raised
from maestro_ray.model.fence import ANYWHERE, PLAIN, Fence
from maestro_ray.model.subtask import PER_TASK
from maestro_ray.protocol.strictjson import parse

# of a whole line, and of what is shown of one that cannot be taken, in characters
LONGEST, SHOWN = 16_000, 200
# as they stand in the prompt, which some programs print
_EXAMPLE = re.compile(r'\{"(title|text|question)": "…"')
_LINE = re.compile(r"MAESTRO:(SUBTASK|BLOCKER|DECISION)\b\s*(.*)")
_KEYS = {
    "subtask": ("title", "description", "role", "skill", "required_proficiency", "test", "priority", "after_parent"),
    "blocker": ("text",),
    "decision": ("question", "options"),
}  # fmt: skip
_MANY = {"subtask": PER_TASK, "blocker": raised.PER_RUN, "decision": raised.PER_RUN}
_SHAPE = {
    "subtask": 'it needs an object with a title: MAESTRO:SUBTASK {"title": "…"}',
    "blocker": 'it needs an object with a text: MAESTRO:BLOCKER {"text": "…"}',
    "decision": 'it needs an object with a question: MAESTRO:DECISION {"question": "…", "options": ["…", "…"]}',
}


@dataclass(frozen=True)
class Proposed:
    """The body of Studio's call of this name (`subtask`, `blocker`, `decision`), but for the epoch. What the values of
    a subtask may be is Studio's to say."""

    values: Mapping[str, Any]
    action: str = "subtask"


@dataclass(frozen=True)
class Refused:
    """The beginning of a line that is no proposal, and why."""

    line: str
    reason: str
    action: str = "subtask"


class Proposals:
    """Those of one run. Only whole lines count that begin with the word and stand in no code block, and only the first
    few of a run."""

    def __init__(self) -> None:
        self._found: Counter[str] = Counter()
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
        if match is None or any(quoted) or _EXAMPLE.match(match[2]):
            return None
        action = match[1].lower()
        self._found[action] += 1
        if self._found[action] > _MANY[action] + 1:
            return None
        try:
            return Proposed(self._read(action, line, match[2]), action)
        except (BadFrame, UsageError, ValueError) as bad:
            return Refused(line[:SHOWN], bad.args[0], action)

    def _read(self, action: str, line: str, text: str) -> Mapping[str, Any]:
        """Raises `BadFrame`, `ValueError`, or `UsageError` for a text that no database holds."""
        if self._found[action] > _MANY[action]:
            raise BadFrame(
                f"a run proposes at most {_MANY[action]} {action}s: this one and those after it are not looked at"
            )
        if len(line) > LONGEST:
            raise BadFrame(f"the line is longer than {LONGEST} characters")
        values, keys = parse(text), _KEYS[action]
        first = values.get(keys[0]) if isinstance(values, dict) else None
        if not isinstance(first, str) or not first.strip():
            raise BadFrame(_SHAPE[action])
        if unknown := sorted(values.keys() - set(keys)):
            raise BadFrame(f"unknown key {unknown[0][:40]!r}; those there are: {', '.join(keys)}")
        for key, value in values.items():
            if isinstance(value, str):
                sound(key, value)
        read = {"blocker": raised.read_blocker, "decision": raised.read_question}.get(action, dict)
        return read(values)
