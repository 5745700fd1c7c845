"""A node program that is told what to do, and what it told."""

from __future__ import annotations

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


class Program:
    """One process, started with what it must know as JSON; see stdio.mjs."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._told: list[dict[str, Any]] = []
        self._more = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, name: str, **place: Any) -> Program:
        return cls(
            await asyncio.create_subprocess_exec(
                "node", name, json.dumps(place), cwd=HERE, stdin=PIPE, stdout=PIPE
            )
        )

    async def do(self, order: str, **facts: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"do": order, **facts}).encode() + b"\n")
        await self._process.stdin.drain()

    async def until(self, kind: str, **facts: Any) -> dict[str, Any]:
        """The next happening of this kind with these facts; each is given out once, and what came before it stays."""
        async with asyncio.timeout(60), self._more:
            while (found := self._find(kind, facts)) is None:
                assert not self._reading.done(), f"it ended without {kind} {facts}; it told {self._told}"
                await self._more.wait()
        return found

    def told(self, kind: str, **facts: Any) -> int:
        """How many such happenings nobody has asked for yet."""
        return sum(_is(each, kind, facts) for each in self._told)

    async def end(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        await self._process.wait()
        await self._reading

    def _find(self, kind: str, facts: dict[str, Any]) -> dict[str, Any] | None:
        for number, each in enumerate(self._told):
            if _is(each, kind, facts):
                return self._told.pop(number)
        return None

    async def _read(self) -> None:
        assert self._process.stdout
        async for line in self._process.stdout:
            async with self._more:
                self._told.append(json.loads(line))
                self._more.notify_all()
        async with self._more:
            self._more.notify_all()


def _is(told: dict[str, Any], kind: str, facts: dict[str, Any]) -> bool:
    return told["kind"] == kind and facts.items() <= told.items()
