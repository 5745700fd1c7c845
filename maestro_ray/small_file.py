"""A small file at a place where somebody else may write: read whole or refused, never waited for; put there anew."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

MOST = 1024 * 1024


def read_small(path: Path, *, follow: bool = False, most: int = MOST) -> str:
    """The text of a file of at most `most` bytes. Raises `OSError`, and `ValueError` with a sentence.

    A pipe would be waited for, a device never ends, and a link, unless `follow`, leads to what is another's.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    fd = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise ValueError("it is not a file")
    with open(fd, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it is larger than {most} bytes")
    return data.decode().replace("\r\n", "\n").replace("\r", "\n")


def put_small(path: Path, data: bytes) -> None:
    """Put a file there in one step, for its owner alone; what is there goes. Raises `OSError`.

    Somebody else's link at that place is replaced and not followed, nor is one at any name on the way.
    """
    fd, fresh = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(fd, "wb") as file:
            file.write(data)
        Path(fresh).replace(path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise
