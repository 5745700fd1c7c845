"""Bringing a conflict to the developer: the merge begun in their worktree, and whether they have resolved it."""

from __future__ import annotations

from pathlib import Path

from maestro_ray.errors import GitFailed
from maestro_ray.workspace.message import Identity
from maestro_ray.workspace.refs import check_commit
from maestro_ray.workspace.worktree import Worktrees

_MARKERS = (b"<<<<<<< ", b">>>>>>> ")


def begin_merge(worktrees: Worktrees, path: Path, sha: str, by: Identity) -> tuple[str, ...]:
    """Merge `sha` into the worktree without committing; the files in conflict, which now hold markers.

    The next `commit_all` there ends the merge. Nothing is in conflict when the tuple is empty.
    """
    git = worktrees.git(path)
    try:
        # git wants to know who merges even when it is told not to commit
        options = ("--no-ff", "--no-commit", "--no-stat", "--quiet", "--strategy=ort")
        git.run("merge", *options, check_commit(sha), env=by.environment())
    except GitFailed:
        entries = git.records("ls-files", "--unmerged", "-z")
        files = tuple(dict.fromkeys(entry.partition("\t")[2] for entry in entries))
        if not files:
            raise
        return files
    return ()


def unresolved(path: Path, files: tuple[str, ...]) -> list[str]:
    """Those of the files that still hold conflict markers."""
    return [file for file in files if _has_markers(path / file)]


def _has_markers(file: Path) -> bool:
    try:
        lines = file.read_bytes().splitlines()
    except OSError:
        return False
    return all(any(line.startswith(marker) for line in lines) for marker in _MARKERS)
