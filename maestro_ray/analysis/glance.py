"""A glance at the top of a repository, for a prompt: its entries, and the command that most likely tests it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from maestro_ray.analysis.commands import commands
from maestro_ray.analysis.listing import Listed, contents, size_of
from maestro_ray.analysis.manifests import Manifest, is_manifest, read_manifest
from maestro_ray.analysis.offline import Offline
from maestro_ray.analysis.survey import MANIFEST_BYTES
from maestro_ray.ports import RunsGit

_PYTHON = "python -m pytest"


@dataclass(frozen=True)
class Glance:
    """`entries` are the names in the top directory, those of directories with a slash; `test` may be empty."""

    entries: Sequence[str]
    test: str


def glance(git: RunsGit, commit: str) -> Glance:
    """Look at what is here; nothing is fetched. Raises `GitFailed`."""
    git = Offline(git)
    rows = [_row(line) for line in git.run("ls-tree", "-l", "-z", commit).split("\0") if line]
    files = [Listed(name, size_of(size)) for kind, size, name in rows if kind == "blob"]
    manifests = [
        found
        for file in files
        if is_manifest(file.name)
        and (found := read_manifest(file.path, contents(git, commit, file, MANIFEST_BYTES)))
    ]
    entries = [name + ("/" if kind == "tree" else "") for kind, _, name in rows]
    return Glance(entries, _test(manifests, entries))


def _test(manifests: Sequence[Manifest], entries: Sequence[str]) -> str:
    known = [each.command for each in commands(manifests, entries) if each.kind == "test"]
    python = any(each.ecosystem == "Python" for each in manifests) or any(
        each.endswith(".py") for each in entries
    )
    # where tests of Python lie, pytest finds them, whoever wrote them
    return known[0] if known else _PYTHON if python and {"tests/", "test/"}.intersection(entries) else ""


def _row(line: str) -> tuple[str, str, str]:
    """Kind, size and name of `MODE KIND HASH  SIZE<tab>NAME`."""
    head, _, name = line.partition("\t")
    _, kind, _, size = head.split()
    return kind, size, name
