"""Log files that do not grow for ever, also those that several processes write; no secret gets into one."""

from __future__ import annotations

import fcntl
import logging
import logging.handlers
import os
from pathlib import Path

from maestro_ray.redaction import Secrets, redact

# bytes after which a file is set aside, and how many of those are kept: `NAME.1` is the newest
LARGEST = 1024 * 1024
KEPT = 3


class Discreet(logging.Formatter):
    """Lines without secrets, tracebacks included; `secrets` are those known beside what looks like one."""

    def __init__(self, form: str, secrets: Secrets) -> None:
        super().__init__(form)
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record), self._secrets)


class LogFile(logging.handlers.WatchedFileHandler):
    """Whoever finds the file too large sets it aside; the others see that theirs has another name and follow."""

    def __init__(self, path: Path, form: str) -> None:
        super().__init__(path)
        self.setFormatter(Discreet(form, Secrets.of(os.environ)))

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        try:
            if self.stream is not None and os.fstat(self.stream.fileno()).st_size > LARGEST:
                self._set_aside(self.stream.fileno())
        except (OSError, ValueError):
            self.handleError(record)

    def _set_aside(self, fd: int) -> None:
        # the lock is on the file and not on its name: of all who wait for it only the first finds it under the name
        fcntl.flock(fd, fcntl.LOCK_EX)
        try:
            path = Path(self.baseFilename)
            if path.exists() and path.stat().st_ino == os.fstat(fd).st_ino:
                set_aside(path)
        finally:
            fcntl.flock(fd, fcntl.LOCK_UN)


def cut(path: Path) -> None:
    """Set a file aside that has grown too large, before somebody is started who appends to it."""
    if path.exists() and path.stat().st_size > LARGEST:
        set_aside(path)


def set_aside(path: Path) -> None:
    """Give the file the name of the newest that is kept, and each of those the name of the next; the oldest goes."""
    names = [path, *(path.with_name(f"{path.name}.{number}") for number in range(1, KEPT + 1))]
    for older, newer in zip(reversed(names), reversed(names[:-1]), strict=False):
        if newer.exists():
            newer.replace(older)
