"""Finds and ends processes by the mark in their environment: the last resort when a shim was killed.

Every tree we start carries `MAESTRO_MARK=<instance>:<team>:<run>`, and is in a cgroup of that name where one can be
made. A process is touched only when its pid, its start time and its mark all match at the moment of the signal. A
program that is executed with an emptied environment has no mark where there is no cgroup; the shim, which knows its
tree by descent, is what ends those.

Everything here blocks for milliseconds up to the limits given: call it from a thread when there is an event loop.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from maestro_ray.agent import cgroup

MARK = "MAESTRO_MARK"

_PAUSE = 0.005
_LOOKS = 5
_ROUNDS = 8


@dataclass(frozen=True, order=True)
class ProcessId:
    """Which process: pids are used again, so a pid alone is never enough.

    `start` is in clock ticks since boot (field 22 of /proc/PID/stat).
    """

    pid: int
    start: int


@dataclass(frozen=True)
class Swept:
    """What a sweep did: how many processes it ended, and which were still there when its time was over."""

    ended: int
    left: tuple[ProcessId, ...]


def identify(pid: int) -> ProcessId | None:
    """Who has this pid now; None when nobody has, or only a zombie."""
    # The name in the second field may hold spaces and parentheses; nothing behind it does.
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    if len(fields) < 20 or fields[0] in (b"Z", b"X"):
        return None
    return ProcessId(pid, int(fields[19]))


def alive(process: ProcessId) -> bool:
    """Whether this very process still runs. A zombie does not."""
    return identify(process.pid) == process


def find(mark: str) -> list[ProcessId]:
    """This user's living processes with exactly this mark, or below it when it ends in a colon."""
    return list(_marked(mark))


def end(
    processes: Collection[ProcessId], mark: str, *, grace: float = 0.0, within: float = 5.0
) -> list[ProcessId]:
    """SIGTERM, `grace` seconds, SIGKILL, to exactly these as far as they still carry the mark.

    Returns those that are still there after `within` seconds, for example in an uninterruptible wait.
    """
    until = time.monotonic() + within
    left = list(processes)
    if grace > 0:
        for process in left:
            _signal(process, mark, signal.SIGTERM)
        left = _outlived(left, min(until, time.monotonic() + grace))
    for process in left:
        _signal(process, mark, signal.SIGKILL)
    return _outlived(left, until)


def sweep(mark: str, *, grace: float = 0.0, within: float = 5.0) -> Swept:
    """End everything that `find(mark)` finds, again and again until it finds nothing or `within` seconds are over."""
    until = time.monotonic() + within
    ended: set[ProcessId] = set()
    if grace > 0:
        ended.update(found := find(mark))
        end(found, mark, grace=min(grace, within), within=within)
    cgroup.end(mark)
    # One empty look proves little: a process shows no environment while it is being executed, and one that
    # forks and leaves again and again is easily passed by.
    empty = 0
    while empty < _LOOKS and time.monotonic() < until:
        found = [process for process in _marked(mark) if _signal(process, mark, signal.SIGKILL)]
        ended.update(found)
        empty = 0 if found else empty + 1
        time.sleep(_PAUSE)
    cgroup.end(mark)  # what is empty by now is removed
    left = tuple(find(mark)) if empty < _LOOKS else ()
    return Swept(len(ended.difference(left)), left)


def _marked(mark: str) -> Iterator[ProcessId]:
    """As it goes, so that the caller can act at once; the newest first, as a chain of forks lives on in that one.

    Whoever came while this looked is looked at too: a look takes longer than a fork that leaves its parent.
    """
    seen = {os.getpid()}
    for _ in range(_ROUNDS):
        new = _pids().difference(seen)
        seen |= new
        for pid in sorted(new, reverse=True):
            if _carries(pid, mark) and (process := identify(pid)):
                yield process


def _pids() -> set[int]:
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


def _carries(pid: int, mark: str) -> bool:
    environment = _read(f"/proc/{pid}/environ", os.geteuid())
    entries, wanted = environment.split(b"\0"), os.fsencode(f"{MARK}={mark}")
    named = any(entry.startswith(wanted) for entry in entries) if mark.endswith(":") else wanted in entries
    # an environment can be emptied, a cgroup cannot be left
    return named or cgroup.holds(pid, mark)


def _signal(process: ProcessId, mark: str, number: signal.Signals) -> bool:
    """Whether the signal went to this very process, which still carried the mark."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    except OSError:  # a kernel before 5.3
        return _matches(process, mark) and _kill(process.pid, number)
    try:
        # The handle was taken first: if the pid is used again after this look, the signal goes nowhere.
        if not _matches(process, mark):
            return False
        signal.pidfd_send_signal(handle, number)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _kill(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except OSError:
        return False
    return True


def _matches(process: ProcessId, mark: str) -> bool:
    return alive(process) and _carries(process.pid, mark)


def _read(path: str, owner: int | None = None) -> bytes:
    """A file of /proc, empty when it is gone, closed to us or somebody else's. `Path` takes five times as long."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        if owner is not None and os.fstat(fd).st_uid != owner:
            return b""
        with os.fdopen(fd, "rb", 0, closefd=False) as file:
            return file.read()
    except OSError:
        return b""
    finally:
        os.close(fd)


def _outlived(processes: Collection[ProcessId], until: float) -> list[ProcessId]:
    """Those that still live at `until` (monotonic), or none as soon as none does."""
    while (left := [process for process in processes if alive(process)]) and time.monotonic() < until:
        time.sleep(_PAUSE)
    return left
