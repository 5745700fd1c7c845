"""The YAML block at the head of a Markdown file, read as text, lists and tables of text and nothing else.

No value means anything to YAML here: `yes`, `1.0` and a date stay the words they are, tags make no objects, and an
alias, with which a few lines stand for gigabytes, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Value: TypeAlias = "str | list[Value] | dict[str, Value]"

LARGEST = 64 * 1024
DEEPEST = 16

_FENCE = re.compile(r"^---[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Front:
    """What stands between the two lines of `---`, and the text after them."""

    fields: Mapping[str, Value]
    body: str

    def text(self, key: str) -> str:
        """The value of a key without the blanks around it, or an empty text. `ValueError` for a list or table."""
        value = self.fields.get(key, "")
        if not isinstance(value, str):
            raise ValueError(f"{key!r} must be a text")
        return value.strip()

    def words(self, key: str) -> tuple[str, ...]:
        """A list of texts, or one text with commas between its words. `ValueError` for anything else."""
        value = self.fields.get(key, "")
        items = value.split(",") if isinstance(value, str) else value
        if not isinstance(items, list):
            raise ValueError(f"{key!r} must be a list, or words with commas between them")
        words = [item for item in items if isinstance(item, str)]
        if len(words) < len(items):
            raise ValueError(f"{key!r} must be a list of words")
        return tuple(word.strip() for word in words if word.strip())


def read_front(text: str) -> Front:
    """The head and the body of a file. Raises `ValueError` with a sentence; lines count from the file's first."""
    text = text.removeprefix("\ufeff")
    begin = _FENCE.match(text)
    if begin is None:
        raise ValueError("there is no frontmatter: the first line must be ---")
    end = _FENCE.search(text, begin.end())
    if end is None:
        raise ValueError("the frontmatter has no end: a line of --- is missing")
    head = text[begin.end() : end.start()].removeprefix("\n")
    return Front(_read_yaml(head), text[end.end() :].strip("\n"))


def _read_yaml(text: str) -> dict[str, Value]:
    import yaml

    if len(text) > LARGEST:
        raise ValueError(f"the frontmatter is longer than {LARGEST} characters")
    # libyaml where it was built in: ten times as quick
    loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        return _document(yaml.parse(text, Loader=loader))
    except yaml.YAMLError as error:
        raise ValueError(_sentence(error)) from None


def _document(events: Iterator[Any]) -> dict[str, Value]:
    from yaml.events import DocumentStartEvent, MappingStartEvent, StreamEndEvent

    next(events)
    if not isinstance(next(events), DocumentStartEvent):
        raise ValueError("the frontmatter is empty")
    first = next(events)
    if not isinstance(first, MappingStartEvent):
        raise ValueError("the frontmatter must be lines of `key: value`")
    found = _value(first, events, 0)
    next(events)
    if not isinstance(next(events), StreamEndEvent):
        raise ValueError("the frontmatter must be one document")
    assert isinstance(found, dict)
    return found


def _value(event: Any, events: Iterator[Any], depth: int) -> Value:
    from yaml.events import AliasEvent, MappingStartEvent, ScalarEvent

    if isinstance(event, ScalarEvent):
        return str(event.value)
    if isinstance(event, AliasEvent):
        raise ValueError(f"line {_line(event)}: aliases (*name) are not read")
    if depth == DEEPEST:
        raise ValueError("the frontmatter is nested too deeply")
    make = _table if isinstance(event, MappingStartEvent) else _list
    return make(events, depth + 1)


def _list(events: Iterator[Any], depth: int) -> Value:
    from yaml.events import SequenceEndEvent

    items: list[Value] = []
    while not isinstance(event := next(events), SequenceEndEvent):
        items.append(_value(event, events, depth))
    return items


def _table(events: Iterator[Any], depth: int) -> Value:
    from yaml.events import MappingEndEvent, ScalarEvent

    table: dict[str, Value] = {}
    while not isinstance(key := next(events), MappingEndEvent):
        if not isinstance(key, ScalarEvent):
            raise ValueError(f"line {_line(key)}: a key must be a word")
        if key.value in table:
            raise ValueError(f"line {_line(key)}: the key {key.value!r} is there twice")
        table[str(key.value)] = _value(next(events), events, depth)
    return table


def _line(event: Any) -> int:
    """As the file counts: one line of `---` is before the block, and marks begin at 0."""
    return int(event.start_mark.line) + 2


def _sentence(error: Any) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    words = problem or "it holds characters that YAML does not allow"
    where = f"line {mark.line + 2}: " if mark else ""
    advice = "; quote a value that holds a colon" if "mapping values" in words else ""
    return f"the frontmatter is not YAML: {where}{words}{advice}"
