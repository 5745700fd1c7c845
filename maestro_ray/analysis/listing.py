"""The files of one commit, with their sizes, and which of them somebody of this project wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from maestro_ray.ports import RunsGit

# what is below a directory of such a name was copied or made, and says nothing about the project
_VENDORED = frozenset(
    {
        "node_modules",
        "vendor",
        "third_party",
        "third-party",
        "thirdparty",
        "bower_components",
        "Pods",
        "Carthage",
        ".venv",
        "venv",
        "site-packages",
        "dist",
        "build",
        "out",
        "target",
        ".next",
        ".nuxt",
        "coverage",
        "__pycache__",
        ".yarn",
        ".terraform",
    }
)
_GENERATED = (".min.js", ".min.css", ".map", ".lock", ".pb.go", "_pb2.py", "_pb2_grpc.py", ".g.dart", ".snap")
_LOCKS = frozenset(
    {
        "package-lock.json",
        "npm-shrinkwrap.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "bun.lockb",
        "poetry.lock",
        "uv.lock",
        "Pipfile.lock",
        "Cargo.lock",
        "go.sum",
        "Gemfile.lock",
        "composer.lock",
        "mix.lock",
        "pubspec.lock",
        "Podfile.lock",
        "flake.lock",
    }
)


@dataclass(frozen=True)
class Listed:
    """A file: its path from the top of the repository, parts joined by slashes, and its size in bytes.

    The size of a file that a partial clone left out is not known, and 0.
    """

    path: str
    size: int

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """In small letters, with its dot; empty for a name without one."""
        return PurePosixPath(self.name).suffix.lower()

    @property
    def own(self) -> bool:
        """Whether somebody of the project wrote it, as far as its name says."""
        directories = self.path.split("/")[:-1]
        made = self.name in _LOCKS or self.name.endswith(_GENERATED)
        return not made and _VENDORED.isdisjoint(directories)


def files_of(git: RunsGit, commit: str) -> list[Listed]:
    """Regular files of the commit, sorted by path; no links and no submodules. Names are as git's `RunsGit.run` has
    them. Raises `GitFailed`."""
    lines = git.run("ls-tree", "-r", "-l", "-z", "--full-tree", commit).split("\0")
    return sorted((_listed(line) for line in lines if line.startswith("100")), key=lambda each: each.path)


def _listed(line: str) -> Listed:
    """`MODE blob HASH  SIZE<tab>PATH`"""
    head, _, path = line.partition("\t")
    return Listed(path, size_of(head.split()[3]))


def size_of(word: str) -> int:
    """What `ls-tree -l` says of a size; 0 for a file that is not here."""
    return int(word) if word.isdecimal() else 0


def contents(git: RunsGit, commit: str, file: Listed, most: int) -> str:
    """The text of one file; empty when it is longer than `most` bytes, not here, or no text at all."""
    if not 0 < file.size <= most:
        return ""
    text = git.run("cat-file", "blob", f"{commit}:{file.path}")
    return "" if "\0" in text else text.encode(errors="replace").decode()


def below(files: Sequence[Listed], directory: str) -> list[Listed]:
    """Those in this directory or deeper; an empty name is the top."""
    start = f"{directory}/" if directory else ""
    return [each for each in files if each.path.startswith(start)]
