"""A small file that somebody else may have put there: read whole, or refused, and never waited for."""

from __future__ import annotations

import os
import stat
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
