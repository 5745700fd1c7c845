"""The sandbox: which layer keeps agents in their boxes on this machine, found out by trying it."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from maestro_ray.agent import bubblewrap, landlock
from maestro_ray.agent.box import Box
from maestro_ray.agent.confined import Confined
from maestro_ray.errors import NoSandbox

# how long a layer may take to show that it works, in seconds
TRIAL = 10.0


@dataclass(frozen=True)
class Layer:
    """`works` is what a trial has shown; `why` says what is missing when it does not."""

    name: Literal["bubblewrap", "landlock"]
    works: bool
    why: str = ""


@functools.cache
def layers() -> tuple[Layer, ...]:
    """Both layers, the better first. Each was tried on this machine, once for each process."""
    return (_try_bubblewrap(), _try_landlock())


def layer(mode: str) -> str:
    """What confines an agent here: `bubblewrap`, `landlock`, or nothing; `mode` is that of `config.SandboxTable`.

    Raises `NoSandbox` when one is required.
    """
    if mode == "off":
        return ""
    for each in layers():
        if each.works:
            return each.name
    if mode == "require":
        raise NoSandbox("; ".join(f"{each.name}: {each.why}" for each in layers()))
    return ""


def confine(argv: Sequence[str], box: Box, mode: str) -> Confined:
    """The program in its box, as `AgentProcess.start` takes it. Raises `NoSandbox`."""
    match layer(mode):
        case "bubblewrap":
            words = (*bubblewrap.arguments(box), *argv)
            return Confined(words, guard=True, env={"TMPDIR": "/tmp"}, name=argv[0])  # noqa: S108 - its own
        case "landlock":
            # there is no private /tmp: the run's own directory takes its place
            scratch = next(iter(box.writable), box.directory)
            return Confined(tuple(argv), rules=landlock.rules(box), env={"TMPDIR": str(scratch)})
        case _:
            return Confined(tuple(argv))


def _try_bubblewrap() -> Layer:
    """In a box of its own `sh` must run, see one process tree, and be unable to write next to what it may write."""
    if not shutil.which("bwrap"):
        return Layer("bubblewrap", works=False, why="it is not installed (apt-get install bubblewrap)")
    with tempfile.TemporaryDirectory(prefix="maestro-box-") as directory:
        mine, other = Path(directory, "mine"), Path(directory, "other")
        for each in (mine, other):
            each.mkdir()
        box = Box(mine, writable=(mine,), readable=(other,))
        script = f"touch {mine}/it && ! touch {other}/it 2>/dev/null && test $$ -lt 10"
        return _tried("bubblewrap", [*bubblewrap.arguments(box), "sh", "-c", script])


def _try_landlock() -> Layer:
    if not landlock.abi():
        return Layer("landlock", works=False, why="this kernel has it not, or has it switched off")
    shim = Path(__file__).with_name("shim.py")
    with tempfile.TemporaryDirectory(prefix="maestro-box-") as directory:
        mine = Path(directory, "mine")
        mine.mkdir()
        script = (
            f"import runpy; shim = runpy.run_path({str(shim)!r}); shim['confine']([b'r/', {b'w' + bytes(mine)!r}])\n"
            f"open({str(mine / 'it')!r}, 'w').close()\n"
            f"try: open({str(Path(directory, 'other'))!r}, 'w')\n"
            "except PermissionError: pass\n"
            "else: raise SystemExit('a file was written outside of the box')"
        )
        return _tried("landlock", [sys.executable, "-I", "-S", "-c", script])


def _tried(name: Literal["bubblewrap", "landlock"], argv: Sequence[str]) -> Layer:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=TRIAL, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Layer(name, works=False, why=str(error))
    lines = done.stderr.strip().splitlines()
    return Layer(name, works=not done.returncode, why=lines[-1] if lines and done.returncode else "")
