"""Bringing a conflict to the developer: the merge begun in their worktree, and whether they have resolved it."""

from __future__ import annotations

import os
import stat
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
    """Only a plain file has any: a pipe or device that was put in its place would be read for ever."""
    try:
        with open(file, "rb", opener=_without_waiting) as lines:
            if not stat.S_ISREG(os.fstat(lines.fileno()).st_mode):
                return False
            found = {marker for line in lines for marker in _MARKERS if line.startswith(marker)}
    except OSError:
        return False
    return len(found) == len(_MARKERS)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)
