"""Files that change often: where a team's tasks are likely to meet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from maestro_ray.errors import GitFailed
from maestro_ray.ports import RunsGit

COMMITS = 500


@dataclass(frozen=True)
class HotFile:
    """`commits` of the last `COMMITS` changed it; `authors` is how many people they were."""

    path: str
    commits: int
    authors: int


def hot_files(git: RunsGit, commit: str, present: Collection[str], most: int = 15) -> list[HotFile]:
    """Of the files that are still there, those with the most changes; one change is not hot.

    None where the clone has left out what its history is made of.
    """
    told = ("--no-merges", "--no-renames", "--name-only", "-z", f"-n{COMMITS}", "--format=%x01%ae")
    try:
        log = git.run("log", *told, commit, "--")
    except GitFailed:
        return []
    changes: Counter[str] = Counter()
    authors: dict[str, set[str]] = {}
    for entry in log.split("\x01")[1:]:
        author, _, rest = entry.partition("\0")
        for name in {each.lstrip("\n") for each in rest.split("\0")}.intersection(present):
            changes[name] += 1
            authors.setdefault(name, set()).add(author)
    found = [HotFile(path, count, len(authors[path])) for path, count in changes.items() if count > 1]
    return sorted(found, key=lambda each: (-each.commits, each.path))[:most]
