"""Which languages a repository is written in, by the names of its files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from maestro_ray.analysis.known import by_name, by_suffix
from maestro_ray.analysis.listing import Listed


@dataclass(frozen=True)
class Language:
    """`share` is its part of all bytes in a known language, from 0 to 1."""

    name: str
    files: int
    size: int
    share: float


def language_of(file: Listed) -> str:
    """Empty when the name says nothing, or says it is no program: text, data, a picture."""
    return by_name().get(file.name) or by_suffix().get(file.suffix, "")


def languages(files: Sequence[Listed]) -> list[Language]:
    """Of what the project wrote itself, the largest first."""
    size: Counter[str] = Counter()
    count: Counter[str] = Counter()
    for file in files:
        if file.own and (name := language_of(file)):
            size[name] += file.size
            count[name] += 1
    whole = sum(size.values()) or 1
    found = [Language(name, count[name], size[name], size[name] / whole) for name in count]
    return sorted(found, key=lambda each: (-each.size, each.name))
