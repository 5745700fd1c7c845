"""Whole copies of an SQLite database: kept before a migration, made and put back by `maestro studio backup/restore`."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from maestro_ray.errors import NotStudios, NotWritable

# copies from before migrations; the older ones go
KEPT = 3


def keep(path: Path, schema: str, now: float) -> Path:
    """A copy of a database that is about to be changed, `NAME.schema-SCHEMA.TIME` beside it. Raises `NotWritable`."""
    kept = path.with_name(f"{path.name}.schema-{schema}.{_stamp(now)}")
    with fresh(path, kept) as copy:
        copy.replace(kept)
    return kept


def forget_old(path: Path) -> None:
    """Of the copies that `keep` made the last few stay."""
    copies = path.parent.glob(f"{path.name}.schema-*")
    for old in sorted(copies, key=lambda copy: copy.stat().st_mtime)[:-KEPT]:
        old.unlink(missing_ok=True)


@contextlib.contextmanager
def fresh(source: Path, target: Path) -> Iterator[Path]:
    """A consistent copy, on disk and private to this user, beside where it is to be; the caller moves it there.

    Whoever writes to the source goes on. Raises `NotStudios` when the source is no SQLite database, `NotWritable`
    when there is no room.
    """
    copy = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        copy.unlink(missing_ok=True)
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _copy(source, copy)
        _flush(copy)
        yield copy
        _flush(target.parent)
    except OSError as error:
        raise NotWritable(str(target), error.strerror or str(error)) from error
    finally:
        copy.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    with contextlib.closing(_open(source)) as there, contextlib.closing(_open(target)) as here:
        try:
            there.backup(here)
            # the copy is one file, whoever opens it
            here.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError as error:
            raise NotWritable(str(target), str(error)) from error
        except sqlite3.DatabaseError as error:
            raise NotStudios(str(source), str(error)) from error


def _open(path: Path) -> sqlite3.Connection:
    """Never makes the file."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=5.0)


def _flush(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _stamp(now: float) -> str:
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
