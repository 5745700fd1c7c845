"""Removing a directory tree that an agent was free to do anything in, or what in it is a trap."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path


def remove_tree(path: Path) -> None:
    """Remove a directory, file or link, never what a link points to; one that is not there is fine.

    Directories without write permission (a Go module cache is full of them) are opened first.
    Raises `OSError` when something is still there at the end.
    """
    if path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)
    elif path.exists():
        try:
            shutil.rmtree(path)
        except OSError:
            _open_up(path)
            shutil.rmtree(path)


def _open_up(path: Path) -> None:
    waiting = [path]
    while waiting:
        directory = waiting.pop()
        directory.chmod(0o700)
        with os.scandir(directory) as entries:
            waiting += [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]


def remove_traps(path: Path, *, links: bool = False) -> None:
    """Remove what is neither a file nor a directory nor a link: who opens a pipe waits for ever. With `links` those go
    too: who writes through one writes somewhere else.
    """
    waiting = [path]
    while waiting:
        with suppress(PermissionError, FileNotFoundError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    trap = links
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                    continue
                else:
                    trap = not entry.is_file(follow_symlinks=False)
                if trap:
                    Path(entry.path).unlink(missing_ok=True)
