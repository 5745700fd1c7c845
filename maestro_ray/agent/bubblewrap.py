"""bubblewrap's arguments for a box: namespaces of its own, and a file system put together from the machine's."""

from __future__ import annotations

from pathlib import Path

from maestro_ray.agent.box import PRIVATE, SOCKETS, Box

# everything new that can be had; the user namespace is made when it is needed
_NAMESPACES = ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")


def arguments(box: Box, program: str = "bwrap") -> tuple[str, ...]:
    """The words before the agent's own. Later mounts cover earlier ones, so the order matters."""
    words = [program, "--die-with-parent", *_NAMESPACES, "--cap-drop", "ALL"]
    if not box.network:
        words.append("--unshare-net")
    words += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    for place in (*PRIVATE, SOCKETS):
        if place.is_dir():
            words += ["--tmpfs", str(place)]
    words += _names_of_hosts()
    for path in box.hidden:
        words += _covered(path)
    for flag, paths in (("--ro-bind", box.readable), ("--bind", box.writable)):
        for path in paths:
            if path.exists():
                words += [flag, str(path), str(path)]
    for path in box.sealed:
        words += ["--ro-bind", *((str(path),) if path.exists() else ("/dev/null",)), str(path)]
    return (*words, "--chdir", str(box.directory), "--")


def _covered(path: Path) -> list[str]:
    """What stands in the place of something hidden; what is not there needs none."""
    try:
        real = path.resolve(strict=True)
    except OSError:
        return []
    return ["--tmpfs", str(real)] if real.is_dir() else ["--ro-bind", "/dev/null", str(real)]


def _names_of_hosts() -> list[str]:
    """Where names are resolved is often said below /run."""
    real = Path("/etc/resolv.conf").resolve()
    return ["--ro-bind-try", str(real), str(real)] if real.is_relative_to(SOCKETS) else []
