"""A file that a command writes for a person: it appears when it is whole, and takes no other's place unasked."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from maestro_ray.errors import Conflict, NotWritable, UsageError


class Draft:
    """What is to become the file, beside it and under another name until then."""

    def __init__(self, target: Path, file: TextIO, name: Path, *, force: bool) -> None:
        self._target, self._file, self._name, self._force = target, file, name, force

    def write(self, pieces: Iterable[str]) -> None:
        """Raises `NotWritable`, for example on a full disk."""
        try:
            for piece in pieces:
                self._file.write(piece)
            self._file.flush()
        except OSError as error:
            raise NotWritable(str(self._target), error.strerror or str(error)) from error

    def appear(self) -> int:
        """The file is there; how many bytes it has. Raises `Conflict` when there is one meanwhile, and no `force`."""
        size = os.fstat(self._file.fileno()).st_size
        try:
            if self._force:
                self._name.replace(self._target)
            else:
                self._take()
        except FileExistsError as error:
            raise _exists(self._target) from error
        except OSError as error:
            raise NotWritable(str(self._target), error.strerror or str(error)) from error
        return size

    def _take(self) -> None:
        try:
            self._target.hardlink_to(self._name)
        except FileExistsError:
            raise
        except OSError:  # a file system without them
            if os.path.lexists(self._target):
                raise FileExistsError(str(self._target)) from None
            self._name.replace(self._target)


@contextlib.contextmanager
def draft(target: Path, *, force: bool = False) -> Iterator[Draft]:
    """A file to be written; whatever goes wrong, nothing of it is left, and what was there before stays.

    Raises `UsageError` for what no file can be, `Conflict` for one that is there, unless `force`, and `NotWritable`,
    all before anything is written.
    """
    _refuse(target, force)
    try:
        number, made = tempfile.mkstemp(prefix=f".{target.name[:100]}.", dir=target.parent)
    except OSError as error:
        raise NotWritable(str(target), error.strerror or str(error)) from error
    name = Path(made)
    try:
        with open(number, "w", encoding="utf-8", newline="\n") as file:
            _as_any_other(number)
            yield Draft(target, file, name, force=force)
    finally:
        name.unlink(missing_ok=True)


def _refuse(target: Path, force: bool) -> None:
    try:
        if target.is_dir():
            raise UsageError(f"{target} is a directory", "name a file in it")
        there = os.path.lexists(target)
        if there and target.exists() and not target.is_file():
            raise UsageError(f"{target} is no file that could be replaced", "standard output is `-o -`")
    except OSError as error:  # such as a name that is too long
        raise NotWritable(str(target), error.strerror or str(error)) from error
    if there and not force:
        raise _exists(target)


def _exists(target: Path) -> Conflict:
    return Conflict(f"{target} exists already", "name another file, or overwrite it with --force")


def _as_any_other(number: int) -> None:
    """With the rights of a file that a program makes, not those of a temporary one."""
    mask = os.umask(0o077)
    os.umask(mask)
    os.fchmod(number, 0o666 & ~mask)
