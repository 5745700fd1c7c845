"""How many files a commit stands for, found out before they are listed.

A tree may name another as often as it likes: ten of ten of ten, and a pack of a few kilobytes lists thousands of
millions of files. Each tree is read once here, however often it is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from maestro_ray.ports import RunsGit

DEEPEST = 200


def file_count(git: RunsGit, commit: str) -> int:
    """Raises `GitFailed`, and `ValueError` with a sentence for more than `DEEPEST` directories in each other."""
    top = git.run("rev-parse", "--verify", f"{commit}^{{tree}}").strip()
    trees: dict[str, list[str]] = {}
    level = {top}
    for _ in range(DEEPEST):
        trees |= _read(git, sorted(level))
        if not (level := {each for inside in trees.values() for each in inside if each} - trees.keys()):
            return _sum(trees, top)
    raise ValueError(f"its directories are deeper than {DEEPEST}")


def _sum(trees: dict[str, list[str]], top: str) -> int:
    @cache
    def count(tree: str) -> int:
        return sum(count(each) if each else 1 for each in trees[tree])

    return count(top)


def _read(git: RunsGit, trees: list[str]) -> dict[str, list[str]]:
    """What is in each: the hash of a tree, an empty text for anything else."""
    told = git.run("cat-file", "--batch", stdin="".join(f"{each}\n" for each in trees))
    data, at, found = told.encode("utf-8", "surrogateescape"), 0, {}
    for tree in trees:
        begin = data.index(b"\n", at) + 1
        end = begin + int(data[at:begin].split()[2])
        found[tree] = list(_entries(data[begin:end], len(tree) // 2))
        at = end + 1
    return found


def _entries(data: bytes, width: int) -> Iterator[str]:
    """Each is `MODE NAME<NUL>` and a hash of `width` bytes."""
    at = 0
    while at < len(data):
        begin = data.index(b"\0", at) + 1
        yield data[begin : begin + width].hex() if data[at:begin].startswith(b"40000 ") else ""
        at = begin + width
