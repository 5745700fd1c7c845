"""What a model says, in no dialect: text in pieces, calls of tools, or a refusal."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

PIECE = 1024


@dataclass(frozen=True)
class Text:
    """Text as it is streamed, piece by piece; an endless one is never joined."""

    pieces: Iterable[str]

    def __str__(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True)
class Call:
    """A tool the agent offered, with the arguments it takes. `free` calls take one text instead of JSON."""

    tool: str
    arguments: Mapping[str, Any]
    free: str | None = None


@dataclass(frozen=True)
class Usage:
    """What the answer is said to have cost, in tokens."""

    input: int = 100
    output: int = 10


@dataclass(frozen=True)
class Answer:
    """One turn of the model. `ends` is false when it waits for its tools' results."""

    parts: tuple[Text | Call, ...]
    usage: Usage = field(default_factory=Usage)

    @property
    def ends(self) -> bool:
        return not any(isinstance(part, Call) for part in self.parts)


@dataclass(frozen=True)
class Refusal:
    """An HTTP error. `retry_after` in seconds; None sends no such header."""

    status: int
    message: str
    retry_after: int | None = None


def text(words: str) -> Text:
    """A text in two pieces, so that whoever reads it must put it together."""
    middle = len(words) // 2
    return Text(tuple(piece for piece in (words[:middle], words[middle:]) if piece))


def long_text(size: int | None) -> Text:
    """So many bytes of numbered lines; None: until nobody reads it any more."""
    return Text(_Lines(size))


@dataclass(frozen=True)
class _Lines:
    """Each other than the one before: Gemini takes what repeats for a loop, and ends its turn."""

    size: int | None

    def __iter__(self) -> Iterator[str]:
        number = written = 0
        while self.size is None or written < self.size:
            number += 1
            line = f"line {number} {_noise(number)}\n"
            left = PIECE if self.size is None else min(PIECE, self.size - written)
            written += left
            yield line[:left]


def _noise(number: int) -> str:
    words = "".join(hashlib.sha512(f"{number} {each}".encode()).hexdigest() for each in range(PIECE // 128))
    return words[: PIECE - len(f"line {number} \n")]
