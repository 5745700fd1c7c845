"""`reap`: until the last process of agents is gone that left their sessions, and what the shim costs at its start.

The references are plain processes: an agent that is started and killed as any program starts and kills its child.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from agent.programs import ENV, SLEEPS, STUBBORN, python
from bench.memory import _megabytes
from bench.table import Table
from e2e.machine import Machine

from maestro_ray.agent import sandbox
from maestro_ray.agent.process import AgentProcess
from maestro_ray.agent.sweep import sweep
from maestro_ray.connection.call import Line
from maestro_ray.home import Home
from maestro_ray.ids import suffix

AGENTS = 4
# how long a program waits before it believes that what is left stays, in seconds
LEFT = 2.0

WORKER = f"""
import asyncio, sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from agent.programs import ENV, STUBBORN, python
from maestro_ray.agent.process import AgentProcess

async def hold():
    for number in range({AGENTS}):
        argv = python(STUBBORN, sys.argv[1])
        if sys.argv[2] == "shim":
            agent = await AgentProcess.start(argv, cwd=Path("/"), env=ENV, mark=f"{{sys.argv[1]}}:{{number}}", grace=0.7)
            await agent.read()
        else:
            agent = await asyncio.create_subprocess_exec(*argv, stdout=-1, env=ENV)
            await agent.stdout.readline()
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(hold())
"""


def measure(rounds: int) -> Table:
    table = Table("ms, MB, processes")
    for _ in range(rounds or 20):
        asyncio.run(_starts(table))
    for _ in range(rounds or 5):
        _killed(table, "shim")
        _killed(table, "plain")
    _stopped(table, rounds or 5)
    table.more("start under the shim, ms", "start of the bare process, ms", "≤ 20 ms more")
    table.ratio("the shim, MB", "the bare process, MB", "≤ 12 MB")
    table.more("start in a box, ms", "start of the bare process, ms", "-")
    return table


async def _starts(table: Table) -> None:
    """From the call until the program is executed."""
    began = time.monotonic()
    bare = await asyncio.create_subprocess_exec(*python(SLEEPS), stdin=-1, stdout=-1, stderr=-1, env=ENV)
    table.add("start of the bare process, ms", (time.monotonic() - began) * 1000)
    await bare.stdout.readline()  # type: ignore[union-attr]
    table.add("the bare process, MB", _megabytes(bare.pid))
    bare.kill()
    await bare.communicate()
    for name, layer in (("under the shim", ""), ("in a box", sandbox.layer("auto"))):
        box = sandbox.Box(Path("/"), readable=(Path(sys.prefix), Path(sys.base_prefix)))
        argv = sandbox.boxed(python(SLEEPS), box, layer)
        began, spent = time.monotonic(), _spent()
        agent = await AgentProcess.start(argv, cwd=Path("/"), env=ENV, mark=f"bench:{suffix(8)}:x")
        table.add(f"start {name}, ms", (time.monotonic() - began) * 1000)
        await agent.read()
        if not layer:
            processor = (_spent() - spent) + _of(agent.shim.pid)
            table.add("the shim until then, ms of processor", processor * 1000)
            table.add("the shim, MB", _megabytes(agent.shim.pid))
            table.add("the shim, MB of its own", _megabytes(agent.shim.pid, "Private_Dirty"))
        await agent.stop()


def _spent() -> float:
    """Seconds of processor of this process's children that have ended: the first process of a shim is one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _of(pid: int) -> float:
    """The same of a living process."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def _killed(table: Table, how: str) -> None:
    """SIGKILL of a worker in the middle of the work of its agents."""
    token = f"bench{suffix(10)}"
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, token, how], stdout=subprocess.PIPE, env=dict(os.environ)
    )
    assert worker.stdout
    assert worker.stdout.readline() == b"ready\n"
    count = len(_those(token)) - 1
    assert count == 3 * AGENTS, count
    began = time.monotonic()
    worker.kill()
    worker.communicate()
    took = _until(lambda: not _those(token), LEFT)
    left = _those(token)
    if how == "plain":
        table.add(f"a plain worker is killed: processes left of {count} after {LEFT:g} s", len(left))
    else:
        assert not left
        table.add("a worker with shims is killed: last process gone, ms", took - began * 1000)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    sweep(f"{token}:")


def _stopped(table: Table, rounds: int) -> None:
    """`team stop` while every worker's agent is at work and deaf."""
    with tempfile.TemporaryDirectory(prefix="b-", dir="/tmp") as directory:
        machine = Machine(Path(directory))
        repo = machine.repository()
        machine.json("daemon", "start")
        try:
            with Line(Home.find(machine.env).daemon_socket) as line:
                for _ in range(rounds):
                    table.add(
                        "a team is stopped: last process gone, ms",
                        _stop(line, machine, repo, Path(directory)),
                    )
        finally:
            machine.close()


def _stop(line: Line, machine: Machine, repo: Path, directory: Path) -> float:
    token, script = f"bench{suffix(10)}", directory / "agent"
    (directory / "agent.py").write_text(STUBBORN)
    script.write_text(f"#!/bin/sh\nexec {sys.executable} -I -S {directory}/agent.py {token}\n")
    script.chmod(0o755)
    plan = {"title": "Stay", "tasks": [{"title": f"Stay {number}"} for number in range(AGENTS)]}
    answer = line.call(
        "team.start",
        repo=str(repo),
        roles={"dev": AGENTS, "review": 1},
        providers={"dev": f"command:{script}", "review": "command:true"},
        plan=plan,
        env={"PATH": machine.env["PATH"]},
    )
    machine.until(lambda: len(_those(token)) == 3 * AGENTS, pause=0.05)
    with ThreadPoolExecutor(1) as beside:
        began = time.monotonic()
        gone = beside.submit(_until, lambda: not _those(token), 30.0)
        line.call("team.stop", team=answer["team"]["id"])
        return gone.result() - began * 1000


def _those(token: str) -> list[int]:
    """The living processes with this word on their command line."""
    found, word = [], token.encode()
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if word in words:
                found.append(int(name))
    return found


def _until(true: Callable[[], bool], seconds: float) -> float:
    """When it was true, in milliseconds of the monotonic clock, or when the time was over."""
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
    return time.monotonic() * 1000
