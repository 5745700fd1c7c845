"""JSON-RPC in lines, as Codex's app server and the Agent Client Protocol speak it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .talk import Line, Talk


class Rpc:
    """Calls are numbered from 1. Codex leaves the member `jsonrpc` out, and takes lines without it."""

    def __init__(self, talk: Talk, head: Line) -> None:
        self.talk = talk
        self._head = head
        self._number = 0

    async def send(self, method: str, **params: Any) -> int:
        self._number += 1
        await self.talk.say(self._head | {"id": self._number, "method": method, "params": params})
        return self._number

    async def result(self, number: int) -> Any:
        line = await self.talk.until(lambda line: "method" not in line and line.get("id") == number)
        assert "result" in line, line
        return line["result"]

    async def call(self, method: str, **params: Any) -> Any:
        return await self.result(await self.send(method, **params))

    async def tell(self, method: str, **params: Any) -> None:
        await self.talk.say(self._head | {"method": method, "params": params})

    async def hear(self, method: str, test: Callable[[Line], bool] = lambda params: True) -> Line:
        """The next notification or request of this method; its whole line, for its id."""
        return await self.talk.until(lambda line: line.get("method") == method and test(line["params"]))

    async def answer(self, request: Line, result: Line) -> None:
        await self.talk.say(self._head | {"id": request["id"], "result": result})
