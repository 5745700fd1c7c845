"""Pulses: what the members of one node write for each other, so that one of them can show for all that they live.

A pulse is a small file of its member: when it was written, by which process, for which team, and behind that what
Connections said of it. All of it is soft: a member whose file is lost, torn or old pings itself. Times are seconds of
the monotonic clock, which is one for all processes of a machine.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

# a pulse that has not been renewed for this many seconds is of nobody who will come back to it
FORGOTTEN = 60.0
# whoever has locked this tells for all; the kernel frees it when that process is gone
TELLER = ".teller"

# rewritten in place and never cut, so the next one needs no room on the disk; a time alone is one word, never half
_SHOWN, _ANSWER, _TIME = struct.Struct("<dQ64s"), struct.Struct("<dd"), struct.Struct("<d")
_SIZE = _SHOWN.size + _ANSWER.size
# nobody's link is followed, and nobody's pipe waited for
_SAFE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class Answer:
    """The times of the last pulse that Connections counted and of the last that it did not."""

    counted: float = -inf
    refused: float = -inf


@dataclass(frozen=True)
class Pulse:
    """A member's sign of life, and what was said of it or of one before."""

    slot: str
    pid: int
    team: str
    at: float
    answer: Answer = Answer()

    @property
    def is_news(self) -> bool:
        return self.at not in (self.answer.counted, self.answer.refused)


class Pulses:
    """The directory of a node's pulses, as one member sees it. Whatever it cannot do it raises as `OSError`."""

    def __init__(self, directory: Path, slot: str, pid: int, team: str) -> None:
        self._directory = directory
        self._slot, self._pid, self._team = slot, pid, team
        self._path = directory / slot
        self._begun = False
        self._lock: int | None = None

    def show(self, at: float) -> Answer:
        """Write this member's pulse; what was said of those before."""
        shown = _SHOWN.pack(at, self._pid, self._team.encode())
        if not self._begun:
            self._begin(shown)
        try:
            with _opened(self._path, os.O_RDWR) as fd:
                os.pwrite(fd, shown, 0)
                return Answer(*_ANSWER.unpack(_read(fd, _ANSWER.size, _SHOWN.size)))
        except OSError:
            self._begun = False
            raise

    def _begin(self, shown: bytes) -> None:
        """Nothing that was there, of an earlier life or of somebody else, is taken up."""
        for directory in (self._directory.parent, self._directory):
            directory.mkdir(mode=0o700, exist_ok=True)
        self._path.unlink(missing_ok=True)
        with _opened(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as fd:
            os.write(fd, shown + _ANSWER.pack(-inf, -inf))
        self._begun = True

    def tells(self) -> bool:
        """Whether this member is the one that tells. It stays so until it ends, however that comes."""
        if self._lock is not None and os.fstat(self._lock).st_nlink:
            return True
        self._let_go()
        fd = os.open(self._directory / TELLER, os.O_RDWR | os.O_CREAT | _SAFE, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(fd)
            if isinstance(error, BlockingIOError):
                return False
            raise
        self._lock = fd
        return True

    def news(self, now: float) -> list[Pulse]:
        """Pulses that nothing was said of. Those of the dead are deleted; who lives makes its own anew."""
        found = []
        for slot in os.listdir(self._directory):
            if slot == TELLER:
                continue
            pulse = _pulse(self._directory / slot)
            if pulse is None or not abs(now - pulse.at) <= FORGOTTEN:
                with contextlib.suppress(OSError):
                    (self._directory / slot).unlink()
            elif pulse.is_news:
                found.append(pulse)
        return found

    def answered(self, told: Sequence[Pulse], counted: Sequence[bool]) -> None:
        """Write beside each pulse that was told what Connections said of it; who is gone need not know."""
        for pulse, good in zip(told, counted, strict=False):
            with contextlib.suppress(OSError), _opened(self._directory / pulse.slot, os.O_WRONLY) as fd:
                os.pwrite(fd, _TIME.pack(pulse.at), _SHOWN.size + (0 if good else _TIME.size))

    def end(self) -> None:
        """Leave nothing of this member."""
        self._let_go()
        if self._begun:
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _let_go(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _pulse(path: Path) -> Pulse | None:
    """Nothing for what is none, whole or yet."""
    try:
        with _opened(path, os.O_RDONLY) as fd:
            data = _read(fd, _SIZE, 0)
        at, pid, team = _SHOWN.unpack_from(data)
        return Pulse(
            path.name, pid, team.rstrip(b"\0").decode(), at, Answer(*_ANSWER.unpack_from(data, _SHOWN.size))
        )
    except (OSError, UnicodeDecodeError):
        return None


def _read(fd: int, size: int, offset: int) -> bytes:
    data = os.pread(fd, size, offset)
    if len(data) < size:
        raise OSError(errno.ENODATA, "it is no whole pulse")
    return data


@contextlib.contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    fd = os.open(path, flags | _SAFE, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)
