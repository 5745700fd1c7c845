"""The claim of one process on an SQLite database: a second Studio, or a restore, must not come between."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from maestro_ray.errors import DatabaseInUse


@contextlib.contextmanager
def claim(database: Path) -> Iterator[None]:
    """Hold the lock beside the database; the kernel lets go of it when the process ends. Raises `DatabaseInUse`."""
    path = database.with_name(f"{database.name}.lock")
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DatabaseInUse(str(database), lock.read().strip() or "?") from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
