"""One process the daemon starts and watches: it says one line of JSON when it is ready."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from maestro_ray.agent.sweep import ProcessId, alive, identify
from maestro_ray.errors import Reported, StartFailed


class Child:
    """A Python module run as a program. `log` gets both its streams."""

    def __init__(self, process: subprocess.Popen[bytes], name: str, answer: dict[str, Any]) -> None:
        self.name = name
        self.answer = answer
        self._process = process
        self.identity = identify(process.pid) or ProcessId(process.pid, 0)

    @classmethod
    async def start(
        cls,
        name: str,
        module: str,
        arguments: Sequence[str],
        env: Mapping[str, str],
        log: Path,
        within: float,
    ) -> Child:
        """Returns when it is ready. Raises `Reported` when it said what went wrong, or `StartFailed`."""
        reading, writing = os.pipe()
        with log.open("ab") as output:
            argv = [sys.executable, "-m", module, "--ready", str(writing), *arguments]
            process = subprocess.Popen(  # noqa: ASYNC220 - it returns in a millisecond
                argv,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[writing],
                cwd="/",
            )
        os.close(writing)
        line = await _first_line(reading, within)
        if not line:
            process.kill()
            process.wait()
            raise StartFailed(name, _last_line(log) or f"it said nothing within {within:.0f} s")
        answer = dict(json.loads(line))
        if "error_kind" in answer:
            await asyncio.to_thread(process.wait)
            raise Reported(answer["error_kind"], answer["message"], answer.get("hint", ""), 1)
        return cls(process, name, answer)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ended(self) -> int:
        """Waits for its end; the exit code."""
        return await exit_of(self._process)

    async def stop(self, within: float) -> None:
        """SIGTERM, then SIGKILL. Returns when it is gone."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self.ended(), within)
            except TimeoutError:
                self._process.kill()
                await self.ended()

    def running(self) -> bool:
        return alive(self.identity)


async def exit_of(process: subprocess.Popen[bytes]) -> int:
    """The exit code, without a thread and without asking again and again: a pidfd becomes readable at the end."""
    if process.poll() is None:
        await gone(process.pid)
    return process.wait()


async def gone(pid: int) -> None:
    """Returns when this process has ended, also when it is not a child of ours."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(fd, ended.set)
    try:
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
    return lines[-1][:300] if lines else ""
