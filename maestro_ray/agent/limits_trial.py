"""Which limits are kept on this machine: for each a program that goes beyond it is started as agents are."""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from maestro_ray.agent import cgroup, sandbox
from maestro_ray.agent.box import Box
from maestro_ray.agent.limits import not_kept
from maestro_ray.agent.process import AgentProcess, run
from maestro_ray.agent.sandbox import TRIAL
from maestro_ray.errors import AgentFailed
from maestro_ray.ids import suffix
from maestro_ray.limits_table import LimitsTable

# small, whatever is configured: it is the way of keeping it that is tried, and to try it must cost nothing
_SMALL = LimitsTable(
    memory=64 << 20, processes=8, data=64 << 20, cpu=1, open_files=32, file_size=64 << 10
)  # fmt: skip

# comes to its end only where nothing keeps the limit
_BEYOND = {
    "memory": "kept = bytearray(256 << 20); kept[::4096] = b'x' * len(kept[::4096])",
    "processes": """
import os, signal
children = []
try:
    for _ in range(40):
        if (child := os.fork()) == 0:
            signal.pause()
        children.append(child)
finally:
    for child in children:
        os.kill(child, signal.SIGKILL)
""",
    "data": "bytearray(256 << 20)",
    "cpu": "import time\nwhile time.process_time() < 3: pass",
    "open_files": "files = [open('/dev/null') for _ in range(64)]",
    "file_size": "open('large', 'wb').write(bytes(128 << 10))",
    "core": "import resource, sys; sys.exit(resource.getrlimit(resource.RLIMIT_CORE) == (0, 0))",
}

PROMISES = {
    "memory": "the memory of a run",
    "processes": "how many processes a run has",
    "data": "the memory of each of its processes",
    "cpu": "the processor time of each of its processes",
    "open_files": "the open files of each of its processes",
    "file_size": "the size of each of its files",
    "core": "no core file is written",
}


@dataclass(frozen=True)
class Kept:
    """One limit: whether it stopped a program here, and what a person must know about it."""

    key: str
    promise: str
    kept: bool
    why: str = ""


async def examine(limits: LimitsTable, layer: str) -> list[Kept]:
    """Every limit that is set, and that there are no core files, as `layer` leaves them. `cpu` takes a second."""
    set_ = [key for key in PROMISES if key == "core" or getattr(limits, key)]
    reasons = not_kept(limits)
    return [Kept(key, PROMISES[key], await _stopped(key, layer), reasons.get(key, "")) for key in set_]


async def reaping(layer: str) -> list[str]:
    """What ends the tree of a run here, the surest first."""
    with tempfile.TemporaryDirectory(prefix="maestro-limit-") as directory:
        mark = f"trial:{os.getpid()}:{suffix(6)}"
        confined = sandbox.boxed(["sleep", str(TRIAL)], _box(Path(directory)), layer)
        process = await AgentProcess.start(confined, cwd=Path(directory), env=_env(), mark=mark, grace=0.0)
        held = cgroup.holds(process.identity.pid, mark)
        await process.stop()
    boxed = layer == "bubblewrap"
    return [*(["cgroup"] if held else []), *(["pid namespace"] if boxed else []), "descent", "mark"]


async def _stopped(key: str, layer: str) -> bool:
    limits = LimitsTable() if key == "core" else replace(LimitsTable(), **{key: getattr(_SMALL, key)})
    with tempfile.TemporaryDirectory(prefix="maestro-limit-") as directory:
        argv = [sys.executable, "-I", "-S", "-c", _BEYOND[key]]
        confined = replace(sandbox.boxed(argv, _box(Path(directory)), layer), limits=limits)
        try:
            ended, _ = await run(
                confined, Path(directory), _env(), f"trial:{os.getpid()}:{suffix(6)}", timeout=TRIAL
            )
        except AgentFailed:
            return True  # it did not even begin
    return ended.code != 0


def _box(directory: Path) -> Box:
    return Box(directory, writable=(directory,), readable=(Path(sys.prefix), Path(sys.base_prefix)))


def _env() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin")}
