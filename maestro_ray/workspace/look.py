"""A look at a repository: its top-level entries, and the test command that they suggest."""

from __future__ import annotations

import json
from collections.abc import Sequence

from maestro_ray.ports import RunsGit
from maestro_ray.workspace.git import presentable

# the first that fits
_SUGGESTS = (
    ("Makefile", "make test"),
    ("package.json", "npm test"),
    ("Cargo.toml", "cargo test"),
    ("go.mod", "go test ./..."),
    ("tox.ini", "tox"),
    ("pytest.ini", "python -m pytest"),
    ("pyproject.toml", "python -m pytest"),
    ("pom.xml", "mvn test"),
)
# of a file that is read for that, in characters
_LONGEST = 200_000


def top_level(git: RunsGit, commit: str) -> list[str]:
    """Names in the commit's top directory, those of directories with a slash. Raises `GitFailed`."""
    found = []
    for entry in filter(None, git.run("ls-tree", "-z", commit).split("\0")):
        about, _, name = entry.partition("\t")
        found.append(presentable(name) + ("/" if about.split()[1] == "tree" else ""))
    return found


def likely_test(git: RunsGit, commit: str, entries: Sequence[str]) -> str:
    """The usual command for what lies there, or an empty text: a guess, to be looked at. Raises `GitFailed`."""
    for name, command in _SUGGESTS:
        if name in entries and _tells(name, git, commit):
            return command
    return "python -m pytest" if "tests/" in entries and any(each.endswith(".py") for each in entries) else ""


def _tells(name: str, git: RunsGit, commit: str) -> bool:
    """Whether the file has a test at all, where that can be seen."""
    if name == "Makefile":
        return any(line.startswith("test:") for line in _text(name, git, commit).splitlines())
    if name == "package.json":
        try:
            return "test" in json.loads(_text(name, git, commit))["scripts"]
        except (ValueError, LookupError, TypeError, RecursionError):
            return False
    return True


def _text(name: str, git: RunsGit, commit: str) -> str:
    return git.run("show", f"{commit}:{name}")[:_LONGEST]
