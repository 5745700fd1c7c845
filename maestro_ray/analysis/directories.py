"""The map of a repository: its directories, how much is in them and in what they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from maestro_ray.analysis.languages import languages
from maestro_ray.analysis.listing import Listed

DEPTH = 2
MOST = 60


@dataclass(frozen=True)
class Directory:
    """`files` and `size` count everything below it; `language` is the largest one there, or empty."""

    path: str
    files: int
    size: int
    language: str


def directories(files: Sequence[Listed]) -> list[Directory]:
    """Those of the project's own files to a depth of two, by path; of very many the largest ones."""
    inside: dict[str, list[Listed]] = {}
    for file in files:
        parts = file.path.split("/")[:-1]
        for depth in range(1, min(len(parts), DEPTH) + 1 if file.own else 1):
            inside.setdefault("/".join(parts[:depth]), []).append(file)
    largest = sorted(inside, key=lambda path: (path.count("/"), -len(inside[path]), path))[:MOST]
    return [_directory(path, inside[path]) for path in sorted(largest)]


def _directory(path: str, files: Sequence[Listed]) -> Directory:
    found = languages(files)
    return Directory(path, len(files), sum(file.size for file in files), found[0].name if found else "")
