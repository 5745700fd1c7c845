"""Landlock's rules for a box, where there is no bubblewrap: the kernel refuses what no rule allows.

It knows what may be opened, not what can be reached: sockets in the file system, processes and the network are as
before. The rules are applied by the shim in the child that becomes the agent.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from maestro_ray.agent.box import PRIVATE, SOCKETS, Box

_CREATE_RULESET = 444
_VERSION = 1


def abi() -> int:
    """The version of Landlock this kernel has; 0 without any."""
    libc = ctypes.CDLL(None, use_errno=True)
    return max(0, int(libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)))


def rules(box: Box) -> tuple[str, ...]:
    """`r` or `w` and a path each, as the shim takes them: below it everything may be read, or changed too."""
    closed = [each.resolve() for each in (*box.hidden, *PRIVATE, SOCKETS) if each.exists()]
    roots = (Path("/"), *(each.resolve() for each in box.readable if each.exists()))
    readable = [
        f"r{path}" for root in roots for path in _open_below(root, [each for each in closed if each != root])
    ]
    devices = [f"w{name}" for name in ("/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/shm")]  # noqa: S108
    writable = [f"w{path}" for path in box.writable if path.exists()]
    return (*readable, *(rule for rule in devices if Path(rule[1:]).exists()), *writable)


# for a program that no shim starts: apply the shim's own `confine`, then become the program
_WRAPPER = (
    "import os, runpy, sys; count = int(sys.argv[2]); "
    "runpy.run_path(sys.argv[1])['confine']([os.fsencode(rule) for rule in sys.argv[3:3 + count]]); "
    "os.execvp(sys.argv[3 + count], sys.argv[3 + count:])"
)


def wrapped(argv: Sequence[str], box: Box) -> list[str]:
    """A command that enters the box and then becomes the program."""
    shim, found = Path(__file__).with_name("shim.py"), rules(box)
    return [sys.executable, "-I", "-S", "-c", _WRAPPER, str(shim), str(len(found)), *found, *argv]


_SCOPED = (
    "import os, runpy, sys; runpy.run_path(sys.argv[1])['scope'](os.fsencode(sys.argv[2])); "
    "os.execv(sys.argv[2], sys.argv[2:])"
)


def scoped(argv: Sequence[str]) -> list[str]:
    """The command of a guard, by its path, that first does with itself what the shim does with one."""
    return [sys.executable, "-I", "-S", "-c", _SCOPED, str(Path(__file__).with_name("shim.py")), *argv]


def _open_below(place: Path, closed: list[Path]) -> Iterator[Path]:
    """The largest places that hold nothing closed."""
    if place in closed:
        return
    if not any(each.is_relative_to(place) for each in closed):
        yield place
        return
    try:
        names = sorted(os.listdir(place))
    except OSError:
        return
    for name in names:
        path = place / name
        if not path.is_symlink():  # what it leads to has a rule of its own, or none
            yield from _open_below(path, closed)
