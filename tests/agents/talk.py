"""A running agent as lines of JSON in both directions, every one kept."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from .workplace import Workplace

PATIENCE = 120.0
_GRACE = 15.0
_LINE = 1 << 24

Line = dict[str, Any]


class Talk:
    """`lines` has what was said, in order: `("in", line)` by us, `("out", line)` by the agent."""

    def __init__(self, process: Process, place: Workplace) -> None:
        self.process = process
        self.lines: list[tuple[str, Line]] = []
        self.errors = ""
        self._place = place
        self._taken: set[int] = set()
        self._more = asyncio.Condition()
        self._ended = False
        self._reading = asyncio.gather(self._read(), self._read_errors())

    @classmethod
    async def start(cls, argv: list[str], env: Mapping[str, str], place: Workplace) -> Talk:
        process = await asyncio.create_subprocess_exec(
            *argv, env=env, cwd=place.folder, stdin=PIPE, stdout=PIPE, stderr=PIPE, limit=_LINE,
            start_new_session=True,
        )  # fmt: skip
        return cls(process, place)

    async def say(self, line: Line) -> None:
        assert self.process.stdin
        self.lines.append(("in", line))
        self.process.stdin.write(json.dumps(line).encode() + b"\n")
        await self.process.stdin.drain()

    async def until(self, test: Callable[[Line], bool]) -> Line:
        """The next line that is so; each is given out once, and those before it stay."""
        async with asyncio.timeout(PATIENCE), self._more:
            while (found := self._find(test)) is None:
                assert not self._ended, f"it ended without it; it said {self.said()} {self.errors}"
                await self._more.wait()
        return found

    async def end(self) -> int | None:
        """Its input is closed, and it has a while to end. Returns its exit code; None: it had to be ended."""
        assert self.process.stdin
        self.process.stdin.close()
        try:
            async with asyncio.timeout(_GRACE):
                return await self.gone()
        except TimeoutError:
            return None

    async def gone(self) -> int:
        """Its exit code, though what it left behind may still hold its output, for which asyncio would wait."""
        while self.process.returncode is None:
            await asyncio.sleep(0.01)
        return self.process.returncode

    async def cut(self) -> None:
        """Nothing of it stays, however it went on."""
        for pid in self._place.left():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self.process.wait()
        if self.process.stdin:
            self.process.stdin.close()
        with suppress(Exception):
            await self._reading

    def said(self) -> list[Line]:
        return [line for way, line in self.lines if way == "out"]

    def _find(self, test: Callable[[Line], bool]) -> Line | None:
        for number, (way, line) in enumerate(self.lines):
            if way == "out" and number not in self._taken and test(line):
                self._taken.add(number)
                return line
        return None

    async def _read(self) -> None:
        assert self.process.stdout
        async for line in self.process.stdout:
            async with self._more:
                self.lines.append(("out", _read_line(line)))
                self._more.notify_all()
        self._ended = True
        async with self._more:
            self._more.notify_all()

    async def _read_errors(self) -> None:
        assert self.process.stderr
        async for line in self.process.stderr:
            self.errors += line.decode("utf-8", "replace")


def _read_line(line: bytes) -> Line:
    """What is no JSON is kept as it is: some programs speak both."""
    text = line.decode("utf-8", "replace").rstrip("\n")
    try:
        read = json.loads(text)
    except ValueError:
        return {"text": text}
    return read if isinstance(read, dict) else {"text": text}
