"""A lock between threads and processes that ends with its holder, whatever ends that."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold an advisory lock on a directory, or on a `.lock` file which is made when missing; waits as long as it takes.

    Not re-entrant: each call is a holder of its own, also within one thread.
    """
    flags = os.O_RDWR | os.O_CREAT if path.suffix == ".lock" else os.O_RDONLY | os.O_DIRECTORY
    handle = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
