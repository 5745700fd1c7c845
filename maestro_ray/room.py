"""Room on a disk: what says that there is none. Who is told pauses, and goes on when the disk takes something again."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from maestro_ray.errors import DiskFull, NotWritable

# how long to wait before it is tried again, in seconds
PAUSE = 15.0
# whatever has failed where fewer bytes than this are free may have failed for want of them
LEAST = 256 * 1024

_REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def missing(error: Exception) -> str:
    """Which disk takes nothing and why, or an empty string for an error about something else."""
    match error:
        case DiskFull():
            return str(error)
        case NotWritable() if error.args[1] in [os.strerror(number) for number in _REFUSALS]:
            return str(error)
        case OSError() if error.errno in _REFUSALS:
            disk = f"the disk of {error.filename}" if error.filename else "a disk"
            return f"{disk} takes nothing: {error.strerror}"
        case _:
            return ""


def why(error: Exception, path: Path) -> str:
    """In words why a database file cannot be used. Of a read-only disk SQLite says that it cannot open the file, and
    where the index of a log cannot grow that reading or writing failed.
    """
    vague = getattr(error, "sqlite_errorcode", 0) & 0xFF in (
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
    )
    return (missing_at(path.parent) if vague else "") or str(error).strip()


def missing_at(path: Path) -> str:
    """The same of a place now, for a program that does not tell why it failed."""
    try:
        found = os.statvfs(path)
    except OSError:
        return ""
    if found.f_flag & os.ST_RDONLY:
        return f"the disk of {path} is read-only"
    # some file systems do not count their files
    if found.f_bavail * found.f_frsize < LEAST or (found.f_files and not found.f_favail):
        return f"the disk of {path} is full"
    return ""
