"""A survey of one commit: languages, frameworks, commands, directories, hot files, manifests, context files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from maestro_ray.analysis.commands import Command, commands
from maestro_ray.analysis.directories import Directory, directories
from maestro_ray.analysis.frameworks import frameworks
from maestro_ray.analysis.hot_files import HotFile, hot_files
from maestro_ray.analysis.languages import Language, languages
from maestro_ray.analysis.listing import Listed, contents, files_of
from maestro_ray.analysis.manifests import Manifest, is_manifest, read_manifest
from maestro_ray.analysis.offline import Offline
from maestro_ray.ports import RunsGit

MANIFEST_BYTES = 512_000
MANIFESTS = 200
CONTEXT_BYTES = 60_000
# what people write for those who work here, agents among them; the first ones matter most
CONTEXT_FILES = (
    "MAESTRO.md",
    "AGENTS.md",
    "CLAUDE.md",
    "GEMINI.md",
    "CONTRIBUTING.md",
    "README.md",
    "README.rst",
    "README.txt",
    "README",
    "ARCHITECTURE.md",
    "docs/ARCHITECTURE.md",
    "docs/architecture.md",
    ".github/CONTRIBUTING.md",
    ".github/copilot-instructions.md",
    ".cursorrules",
)


@dataclass(frozen=True)
class ContextFile:
    """A file for those who work here, with its text."""

    path: str
    text: str


@dataclass(frozen=True)
class Survey:
    """What one commit is made of. Paths are from the top of the repository."""

    commit: str
    files: int
    size: int
    languages: Sequence[Language]
    frameworks: Sequence[str]
    commands: Sequence[Command]
    directories: Sequence[Directory]
    hot_files: Sequence[HotFile]
    manifests: Sequence[Manifest]
    context_files: Sequence[ContextFile]

    def told(self) -> dict[str, Any]:
        """As JSON; of context files only the paths."""
        values = {key: value for key, value in asdict(self).items() if key != "context_files"}
        return {**values, "context_files": [each.path for each in self.context_files]}


def survey(git: RunsGit, commit: str) -> Survey:
    """Look at this commit and its history as far as they are here; nothing is run or fetched. Raises `GitFailed`."""
    git = Offline(git)
    files = files_of(git, commit)
    manifests = list(_manifests(git, commit, files))
    top = {each.path for each in files if "/" not in each.path}
    return Survey(
        commit=commit,
        files=len(files),
        size=sum(each.size for each in files),
        languages=languages(files),
        frameworks=frameworks(manifests),
        commands=commands(manifests, top),
        directories=directories(files),
        hot_files=hot_files(git, commit, {each.path for each in files if each.own}),
        manifests=manifests,
        context_files=list(_context_files(git, commit, files)),
    )


def _manifests(git: RunsGit, commit: str, files: Sequence[Listed]) -> Iterator[Manifest]:
    """Those nearest to the top first."""
    found = [each for each in files if each.own and is_manifest(each.name)]
    for file in sorted(found, key=lambda each: (each.path.count("/"), each.path))[:MANIFESTS]:
        if manifest := read_manifest(file.path, contents(git, commit, file, MANIFEST_BYTES)):
            yield manifest


def _context_files(git: RunsGit, commit: str, files: Sequence[Listed]) -> Iterator[ContextFile]:
    known = {each.path: each for each in files}
    for path in CONTEXT_FILES:
        if path in known and (text := contents(git, commit, known[path], CONTEXT_BYTES)):
            yield ContextFile(path, text)
