"""Families of processes: everything below ours, whatever it calls itself."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterable

from maestro_ray.agent.sweep import ProcessId, alive, identify

PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> None:
    """Orphans of ours come to us and not to init: `ray start` leaves its children behind on purpose."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(roots: Iterable[int]) -> list[ProcessId]:
    """Every living process below these, parents before children."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found: list[int] = []
    todo = [child for root in roots for child in children.get(root, ())]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo.extend(children.get(pid, ()))
    return [process for pid in found if (process := identify(pid))]


def kill(processes: Iterable[ProcessId]) -> None:
    """SIGKILL to exactly these."""
    signal_to(processes, signal.SIGKILL)


def signal_to(processes: Iterable[ProcessId], number: signal.Signals) -> None:
    """A signal to exactly these: a pid that belongs to another by now is left alone."""
    for process in processes:
        try:
            fd = os.pidfd_open(process.pid)
        except OSError:
            continue
        try:
            if alive(process):
                signal.pidfd_send_signal(fd, number)
        except OSError:
            pass  # it ended in between
        finally:
            os.close(fd)


def reap() -> None:
    """Collect every child that has ended: the orphans are ours too, and nobody here needs an exit code."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _parents() -> Iterable[tuple[int, int]]:
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        yield int(name), int(fields[1])
