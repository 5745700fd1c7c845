"""The sandbox: which layer keeps agents in their boxes on this machine, found out by trying it."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from maestro_ray.agent import bubblewrap, landlock
from maestro_ray.agent.box import Box
from maestro_ray.agent.confined import Confined
from maestro_ray.errors import NoSandbox

Name = Literal["bubblewrap", "landlock"]
# the better first
LAYERS: tuple[Name, ...] = ("bubblewrap", "landlock")

# how long a layer may take to show that it works, in seconds
TRIAL = 10.0


@dataclass(frozen=True)
class Layer:
    """`works` is what a trial has shown; `why` says what is missing when it does not."""

    name: Name
    works: bool
    why: str = ""


@functools.cache
def tried(name: Name) -> Layer:
    """What a trial of this layer on this machine has shown; there is one in each process."""
    return _try_bubblewrap() if name == "bubblewrap" else _try_landlock()


def layer(mode: str) -> str:
    """What confines an agent here: `bubblewrap`, `landlock`, or nothing; `mode` is that of `config.SandboxTable`.

    Raises `NoSandbox` when one is required.
    """
    if mode == "off":
        return ""
    for name in LAYERS:
        if tried(name).works:
            return name
    if mode == "require":
        raise NoSandbox(missing())
    return ""


def missing() -> str:
    """Why no layer works here."""
    return "; ".join(f"{name}: {tried(name).why}" for name in LAYERS)


def confine(argv: Sequence[str], box: Box, mode: str) -> Confined:
    """The program in its box, as `AgentProcess.start` takes it. Raises `NoSandbox`."""
    return boxed(argv, box, layer(mode))


def boxed(argv: Sequence[str], box: Box, name: str) -> Confined:
    """The program in the box that this layer makes, or in none."""
    match name:
        case "bubblewrap":
            words = (*bubblewrap.arguments(box), *argv)
            return Confined(words, guard=True, env={"TMPDIR": "/tmp"}, name=argv[0])  # noqa: S108 - its own
        case "landlock":
            # there is no private /tmp: the run's own directory takes its place
            scratch = next(iter(box.writable), box.directory)
            return Confined(tuple(argv), rules=landlock.rules(box), env={"TMPDIR": str(scratch)})
        case _:
            return Confined(tuple(argv))


def command(argv: Sequence[str], box: Box, name: str) -> list[str]:
    """The same for a program that no shim starts."""
    match name:
        case "bubblewrap":
            return landlock.scoped([*bubblewrap.arguments(box), *argv])
        case "landlock":
            return landlock.wrapped(argv, box)
        case _:
            return list(argv)


def _try_bubblewrap() -> Layer:
    if not bubblewrap.program():
        return Layer("bubblewrap", works=False, why="it is not installed (apt-get install bubblewrap)")
    return _try("bubblewrap")


def _try_landlock() -> Layer:
    if not landlock.abi():
        return Layer("landlock", works=False, why="this kernel has it not, or has it switched off")
    return _try("landlock")


def _try(name: Name) -> Layer:
    """In a box of its own `sh` must run, and be unable to write beside what it may write."""
    with tempfile.TemporaryDirectory(prefix="maestro-box-") as directory:
        mine, other = Path(directory, "mine"), Path(directory, "other")
        for each in (mine, other):
            each.mkdir()
        script = f"touch {mine}/it && ! touch {other}/it 2>/dev/null"
        box = Box(mine, writable=(mine,), readable=(other,))
        try:
            done = subprocess.run(
                command(["sh", "-c", script], box, name),
                capture_output=True,
                text=True,
                timeout=TRIAL,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return Layer(name, works=False, why=str(error))
    lines = done.stderr.strip().splitlines()
    return Layer(name, works=not done.returncode, why=lines[-1] if lines and done.returncode else "")
