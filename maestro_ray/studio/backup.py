"""`maestro studio backup` and `restore`: verified copies of Studio's SQLite database."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from maestro_ray.errors import Conflict, NotFound, NotStudios, NotWritable
from maestro_ray.studio import copies, database, upgrade
from maestro_ray.studio.claim import claim


@dataclass(frozen=True)
class Made:
    """A copy that has been verified: its schema, and its size in bytes."""

    schema: str
    size: int


def make(source: Path, target: Path, *, force: bool = False) -> Made:
    """Copy the database at one moment of its life into a file of its own; Studio may go on.

    The file appears when it is whole and verified, private to this user. Raises `NotFound` when there is no database
    yet, `Conflict` when the file exists, unless `force`, `NotWritable`, or `NotStudios` for a damaged database.
    """
    if not source.exists():
        raise NotFound("database", str(source), "Studio makes it when it first starts")
    _refuse(source, target, force)
    with copies.fresh(source, target) as copy:
        made = Made(verify(copy, source), copy.stat().st_size)
        _appear(copy, target, force)
    return made


def _refuse(source: Path, target: Path, force: bool) -> None:
    if target.is_dir():
        raise NotWritable(str(target), "it is a directory")
    if target.exists() and target.samefile(source):
        raise Conflict("this is the database itself", "name another file")
    if target.exists() and not force:
        raise _exists(target)


def _exists(target: Path) -> Conflict:
    return Conflict(f"{target} exists already", "name another file, or overwrite it with --force")


def _appear(copy: Path, target: Path, force: bool) -> None:
    """Somebody may have made a file of this name meanwhile."""
    if not force:
        try:
            target.hardlink_to(copy)
        except FileExistsError as error:
            raise _exists(target) from error
        except OSError:  # a file system without them
            if target.exists():
                raise _exists(target) from None
        else:
            return
    copy.replace(target)


def verify(path: Path, named: Path) -> str:
    """The schema of a database that is sound. `named` is what errors call it.

    Raises `NotStudios` for what is damaged or another program's, `DatabaseTooNew`.
    """
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            (first, *_) = connection.execute("PRAGMA integrity_check").fetchone()
    except sqlite3.DatabaseError as error:
        raise NotStudios(str(named), str(error)) from error
    if first != "ok":
        raise NotStudios(str(named), f"it is damaged: {' '.join(first.split())}")
    engine = database.connect(path)
    try:
        with database.reading(engine).connect() as connection:
            schema = upgrade.schema_of(connection, named)
    finally:
        engine.dispose()
    if not schema:
        raise NotStudios(str(named), "it is empty")
    return schema


@dataclass(frozen=True)
class Restored:
    """The schema of what was put back, and where what it replaced is kept (None: there was nothing)."""

    schema: str
    kept: Path | None


def restore(target: Path, source: Path) -> Restored:
    """Put a copy in the place of the database. Of an older schema it is brought up at Studio's next start.

    Raises `DatabaseInUse` while Studio runs, `NotFound`, `Conflict`, and for a copy that cannot be used `NotStudios`
    or `DatabaseTooNew`; each leaves the database as it was.
    """
    if not source.is_file():
        raise NotFound("file", str(source))
    if target.exists() and target.samefile(source):
        raise Conflict("this is the database itself", "name a copy")
    with claim(target), copies.fresh(source, target) as copy:
        schema = verify(copy, source)
        _take_in_journal(target)
        if not target.exists():
            copy.replace(target)
            return Restored(schema, None)
        with _aside(target) as kept:
            copy.replace(target)
    return Restored(schema, kept)


def _take_in_journal(path: Path) -> None:
    """The last commits of a Studio that was killed come into the database itself, and stay with it wherever it goes.

    A database that is broken stays as it is: only who may not write leaves its journal beside it.
    """
    if not path.exists():
        return
    with contextlib.suppress(sqlite3.DatabaseError):
        for mode, statement in (("ro", "PRAGMA schema_version"), ("rw", "PRAGMA wal_checkpoint(TRUNCATE)")):
            address = f"{path.absolute().as_uri()}?mode={mode}"
            with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
                connection.execute(statement).fetchone()


@contextlib.contextmanager
def _aside(path: Path) -> Iterator[Path]:
    """Where the database is kept when another takes its place meanwhile; all is as it was when none does.

    Its journal goes with it: an old journal beside a new database would damage it. The database itself never leaves
    its place, so that a crash in between leaves one.
    """
    kept, moved = _free_name(path), list[tuple[Path, Path]]()
    try:
        _second(path, kept)
        for suffix in ("-wal", "-shm"):
            here, there = path.with_name(path.name + suffix), kept.with_name(kept.name + suffix)
            with contextlib.suppress(FileNotFoundError):
                here.rename(there)
                moved.append((here, there))
        yield kept
    except BaseException:
        for here, there in moved:
            there.rename(here)
        kept.unlink(missing_ok=True)
        raise


def _free_name(path: Path) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    kept, number = path.with_name(f"{path.name}.replaced-{stamp}"), 1
    while kept.exists():
        number += 1
        kept = path.with_name(f"{path.name}.replaced-{stamp}-{number}")
    return kept


def _second(path: Path, kept: Path) -> None:
    """The same file under a second name, or where there are no links a copy of it, byte for byte and on disk."""
    try:
        kept.hardlink_to(path)
    except OSError:
        os.close(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with path.open("rb") as here, kept.open("wb") as there:
            shutil.copyfileobj(here, there)
            there.flush()
            os.fsync(there.fileno())
