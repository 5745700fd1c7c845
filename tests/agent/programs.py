"""Little programs that stand for agents, and ways to wait for what they do."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from maestro_ray.agent.process import AgentProcess
from maestro_ray.agent.sweep import ProcessId, identify

ENV = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}

# Ignores SIGTERM, and so do two grandchildren that left its session by a double fork. Prints the three pids.
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pids = [os.getpid()]
for _ in range(2):
    back, there = os.pipe()
    if (child := os.fork()) == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.setsid()
        os.write(there, str(os.getpid()).encode())
        time.sleep(600)
    pids.append(int(os.read(back, 99)))
    os.waitpid(child, 0)
print(*pids, flush=True)
time.sleep(600)
"""

# For some seconds always a new process in a new session, and the one before it gone.
RESTLESS = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork():
    print("going", flush=True)
    time.sleep(600)
until = time.monotonic() + float(sys.argv[1])
while time.monotonic() < until:
    if os.fork():
        os._exit(0)
    os.setsid()
"""

SLEEPS = "import time; print('ready', flush=True); time.sleep(600)"


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code, *arguments]


async def begin(
    code: str, mark: str, *arguments: str, cwd: Path = Path("/"), **options: float | bool
) -> AgentProcess:
    return await AgentProcess.start(python(code, *arguments), cwd=cwd, env=ENV, mark=mark, **options)  # type: ignore[arg-type]


def until(true: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether it became true in time."""
    deadline = time.monotonic() + seconds
    while not (result := true()) and time.monotonic() < deadline:
        time.sleep(0.005)
    return result


async def eventually(true: Callable[[], bool], seconds: float = 60.0) -> None:
    """The same for a loop that must go on meanwhile. Raises `TimeoutError`."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.002)


def descriptors() -> set[str]:
    """Which descriptors are open, apart from the one that lists them."""
    names = os.listdir("/proc/self/fd")
    return {name for name in names if Path("/proc/self/fd", name).is_symlink()}


async def line(process: AgentProcess) -> str:
    """The first line the program prints."""
    text = b""
    async with asyncio.timeout(60):
        while not text.endswith(b"\n"):
            piece = await process.read()
            assert piece, (text, process.stderr_tail())
            text += piece
    return text.decode().strip()


async def rest(process: AgentProcess) -> bytes:
    """What it writes until the end."""
    text = bytearray()
    while piece := await process.read():
        text += piece
    return bytes(text)


def identities(text: str) -> list[ProcessId]:
    """The living processes whose pids a program printed."""
    found = [identify(int(pid)) for pid in text.split()]
    assert all(found)
    return [process for process in found if process]
