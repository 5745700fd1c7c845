"""The JSON block at the end of what an agent says, and what is wrong with it in sentences the agent can act on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from maestro_ray.errors import BadFrame
from maestro_ray.protocol.strictjson import parse

# of the block, in characters; and how many mistakes are told at once
LARGEST, MOST_TOLD = 200_000, 20

# possessive: of a long row of blanks no second way to share it out is tried
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*+([A-Za-z0-9_+-]*)[ \t]*")


class BadReply(Exception):
    """`BadReply(mistakes)`: sentences, each with the place in the block it is about."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__(list(mistakes))
        self.mistakes = list(mistakes)


def read_block(text: str) -> Any:
    """The value of the last JSON block of the text. Raises `BadReply` and nothing else, whatever the text is."""
    block = last_block(text)
    if block is None:
        raise BadReply(
            ["there is no fenced JSON block: it begins with a line ```json and ends with a line ```"]
        )
    if len(block) > LARGEST:
        raise BadReply([f"the block is longer than {LARGEST} characters"])
    try:
        return parse(block)
    except BadFrame as bad:
        raise BadReply([f"the block is {bad.args[0]}"]) from None


def refuse(mistakes: Iterable[str]) -> None:
    """Raises `BadReply` when there is any. No more are looked for than are told: the block may hold any number."""
    if found := list(islice(mistakes, MOST_TOLD + 1)):
        raise BadReply([*found[:MOST_TOLD], *(["and more"] if len(found) > MOST_TOLD else [])])


def last_block(text: str) -> str | None:
    """What stands in the last closed block whose info string is `json`, or that has none and begins with a brace."""
    found: str | None = None
    opened, language = "", ""
    lines: list[str] = []
    for line in text.split("\n"):
        mark = _FENCE.fullmatch(line.rstrip("\r"))
        if mark and not opened:
            opened, language, lines = mark[1], mark[2].lower(), []
        elif mark and mark[1].startswith(opened) and not mark[2]:
            if language == "json" or (not language and lines and lines[0].lstrip().startswith("{")):
                found = "\n".join(lines)
            opened = ""
        elif opened:
            lines.append(line)
    return found


def quoted(value: object) -> str:
    """Something of the agent's in a sentence that is told to it and to people."""
    return ascii(value)[:60] if not isinstance(value, str) else repr(value[:60])
