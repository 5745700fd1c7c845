"""One process the daemon starts and watches: it says one line of JSON when it is ready."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maestro_ray.agent.sweep import ProcessId, alive, identify
from maestro_ray.daemon.processes import signal_to
from maestro_ray.errors import Reported, StartFailed
from maestro_ray.log_file import cut
from maestro_ray.redaction import redact


@dataclass(frozen=True)
class Child:
    """A process of ours that is ready: which one, and what it said."""

    process: ProcessId
    answer: Mapping[str, Any]


async def start(
    name: str, module: str, arguments: Sequence[str], env: Mapping[str, str], log: Path, within: float
) -> Child:
    """Run a Python module as a program. `log` gets both its streams. Returns when it is ready.

    Raises `Reported` when it said what went wrong, or `StartFailed`.
    """
    cut(log)
    reading, writing = os.pipe()
    with log.open("ab") as output:
        argv = [sys.executable, "-m", module, "--ready", str(writing), *arguments]
        program = subprocess.Popen(  # noqa: ASYNC220 - it returns in a millisecond
            argv,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[writing],
            cwd="/",
        )
    os.close(writing)
    program.returncode = 0  # the daemon collects everything below it, its own children among them
    process = identify(program.pid) or ProcessId(program.pid, 0)
    line = await _first_line(reading, within)
    if not line:
        await end(process, within=0)
        raise StartFailed(name, _last_line(log) or f"it said nothing within {within:.0f} s")
    answer = dict(json.loads(line))
    if "error_kind" in answer:
        await gone(process)
        raise Reported(answer["error_kind"], answer["message"], answer.get("hint", ""), 1)
    return Child(process, answer)


async def end(process: ProcessId, within: float) -> None:
    """SIGTERM, `within` seconds, SIGKILL. Returns when it is gone."""
    if within > 0:
        signal_to([process], signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(gone(process), within)
    signal_to([process], signal.SIGKILL)
    await gone(process)


async def gone(process: ProcessId) -> None:
    """Returns when this process has ended, without a thread: a pidfd becomes readable then. It need not be ours."""
    try:
        fd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(fd, ended.set)
    try:
        if alive(process):  # the pid may be another's by now
            await ended.wait()
    finally:
        loop.remove_reader(fd)
        os.close(fd)


async def _first_line(fd: int, within: float) -> bytes:
    """A line, or nothing when the writer ended or took too long."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1024 * 1024)
    with os.fdopen(fd, "rb", buffering=0) as file:
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
        try:
            return await asyncio.wait_for(reader.readline(), within)
        except TimeoutError:
            return b""
        finally:
            transport.close()


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    return redact(lines[-1][:300]) if lines else ""
