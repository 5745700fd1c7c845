"""Where a command is run: some agents name another place than their worktree, and that is a part of what is done."""

from __future__ import annotations

import os
import shlex
from pathlib import Path


def run_in(place: str, worktree: str, command: str) -> str:
    """The command as it would be written in the worktree; an empty one, of which nothing is known, stays so."""
    if not place or not command:
        return command
    if os.path.realpath(Path(worktree, place)) == os.path.realpath(worktree):
        return command
    return f"cd {shlex.quote(place)} && {command}"
