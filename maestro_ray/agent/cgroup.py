"""A run's own cgroup (v2), where one can be made: it holds the whole tree whatever that does, and ends it at once.

Its name is `maestro-<mark>@<suffix>`. The shim makes it, puts the agent into it and removes it; what is here finds a
place for it, and ends what a shim that was killed has left.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

PREFIX = "maestro-"


def place(wanted: Collection[str] = ()) -> tuple[str, frozenset[str]]:
    """A directory in which this process may make cgroups and put its children, and the controllers those would have.

    The nearest that has all the `wanted` ones; without such a one the nearest at all; `""` where there is none.
    """
    found = [(path, _controllers(path)) for path in above() if _may_be_used(path)]
    complete = [each for each in found if each[1].issuperset(wanted)]
    return next(iter([*complete, *found]), ("", frozenset()))


def name_for(mark: str, suffix: str) -> str:
    """The name of a cgroup for the tree with this mark, or `""` when no directory can be called that."""
    return "" if "/" in mark or "\n" in mark else f"{PREFIX}{mark}@{suffix}"


def holds(pid: int, mark: str) -> bool:
    """Whether this process is in the cgroup of such a tree; `mark` as in `sweep.find`."""
    path = _own_path(f"/proc/{pid}/cgroup")
    return PREFIX in path and any(_is_of(name, mark) for name in path.split("/"))


def end(mark: str) -> None:
    """SIGKILL to everything in the cgroups of such trees, and remove those that are empty."""
    for directory in above():
        with suppress(OSError):
            for name in os.listdir(directory):
                if _is_of(name, mark):
                    _end(f"{directory}/{name}")


def above() -> Iterator[str]:
    """The directories of the cgroups this process is in, the nearest first."""
    root, mount = _mount()
    path = _own_path("/proc/self/cgroup").rstrip("/")
    if not mount or not (path + "/").startswith(root):
        return
    rest = path[len(root) - 1 :] if root != "/" else path
    while rest:
        yield mount + rest
        rest = rest.rpartition("/")[0]
    yield mount


def _end(directory: str) -> None:
    with suppress(OSError), open(f"{directory}/cgroup.kill", "wb", 0) as file:
        file.write(b"1")
    with suppress(OSError):
        Path(directory).rmdir()  # not as long as a zombie is in it: the next look does it


def _is_of(name: str, mark: str) -> bool:
    if not name.startswith(PREFIX):
        return False
    its = name[len(PREFIX) :].rpartition("@")[0]
    return its.startswith(mark) if mark.endswith(":") else its == mark


def _may_be_used(directory: str) -> bool:
    return os.access(directory, os.W_OK) and os.access(f"{directory}/cgroup.procs", os.W_OK)


def _controllers(directory: str) -> frozenset[str]:
    return frozenset(_text(f"{directory}/cgroup.subtree_control").split())


def _mount() -> tuple[str, str]:
    """What of the hierarchy is mounted, ending in `/`, and where; empty when nothing is."""
    for line in _text("/proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        if after.startswith("cgroup2 "):
            root, mount = before.split()[3:5]
            return root.rstrip("/") + "/", mount
    return "", ""


def _own_path(file: str) -> str:
    lines = _text(file).splitlines()
    return next((line[3:] for line in lines if line.startswith("0::")), "")


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
