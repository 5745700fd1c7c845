"""bubblewrap's arguments for a box: namespaces of its own, and a file system put together from the machine's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from maestro_ray.agent.box import PRIVATE, SOCKETS, Box

# everything new that can be had; the user namespace is made when it is needed
_NAMESPACES = ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")

# also without a PATH, or with a strange one, it is what the system's package put there
_USUAL = ("/usr/bin", "/bin", "/usr/local/bin")


def program() -> str:
    """Where it is, `""` when it is nowhere.

    Looked for by this process and named in full to the shim: the PATH of a team is that of a person's shell, and what
    is found there need not be what was tried.
    """
    places = [place for place in os.environ.get("PATH", "").split(":") if place.startswith("/")]
    return shutil.which("bwrap", path=":".join([*places, *_USUAL])) or ""


def arguments(box: Box) -> tuple[str, ...]:
    """The words before the agent's own."""
    words = [program() or "bwrap", "--die-with-parent", *_NAMESPACES, "--cap-drop", "ALL"]
    if not box.network:
        words.append("--unshare-net")
    words += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    for _, mount in sorted(_mounts(box), key=lambda each: len(each[0].parts)):
        words += mount
    return (*words, "--chdir", str(box.directory), "--")


def _mounts(box: Box) -> Iterator[tuple[Path, list[str]]]:
    """A place and what is mounted there. Later ones cover earlier ones: inner places have to come after outer ones."""
    for place in (*PRIVATE, SOCKETS):
        if place.is_dir():
            yield place, ["--tmpfs", str(place)]
    for path in box.hidden:
        if path.exists():
            yield path, _covered(path.resolve())
    for flag, paths in (("--ro-bind", (*_names_of_hosts(), *box.readable)), ("--bind", box.writable)):
        for path in paths:
            if path.exists():
                yield path, [flag, str(path), str(path)]
    for path in box.sealed:
        yield path, ["--ro-bind", str(path if path.exists() else "/dev/null"), str(path)]


def _covered(path: Path) -> list[str]:
    """What stands in the place of something hidden."""
    return ["--tmpfs", str(path)] if path.is_dir() else ["--ro-bind", "/dev/null", str(path)]


def _names_of_hosts() -> list[Path]:
    """Where names are resolved is often said below /run."""
    real = Path("/etc/resolv.conf").resolve()
    return [real] if real.is_relative_to(SOCKETS) and real.exists() else []
