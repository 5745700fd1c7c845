"""The line of a run: who comes over it, how many at once, and what becomes of garbage."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from maestro_ray.actors.run_line import CONNECTIONS_AT_ONCE, NAME, RunLine, server
from maestro_ray.agent import relay
from maestro_ray.errors import UsageError
from maestro_ray.ports import TEAM


class Board:
    """A desk that keeps what is said to it."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    async def post(self, text: str) -> str:
        if text == "too much":
            raise UsageError("that is too much", "say less")
        self.said.append(text)
        return "posted"

    async def read(self, after: int) -> str:
        return f"after {after}"

    async def tasks(self) -> str:
        return "none"

    async def report_blocker(self, reason: str) -> str:
        return reason

    async def request_decision(self, question: str, options: Sequence[str]) -> str:
        return f"{question} {options}"


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    place = tmp_path / ("x" * 120)
    place.mkdir(mode=0o700)
    return place


@pytest.fixture
async def path(board: Board, scratch: Path) -> AsyncIterator[Path]:
    line = RunLine(board)
    yield await line.open(scratch)
    await line.close()


class Client:
    """An MCP client on the socket itself."""

    @classmethod
    async def on(cls, path: Path) -> Client:
        client = cls()
        line = await asyncio.to_thread(relay.connect, str(path))
        line.setblocking(False)
        client.reader, client.writer = await asyncio.open_unix_connection(sock=line)
        return client

    async def ask(self, method: str, **params: Any) -> Any:
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        self.writer.write(json.dumps(message).encode() + b"\n")
        return json.loads(await self.reader.readline())

    async def use(self, tool: str, **arguments: Any) -> Any:
        return (await self.ask("tools/call", name=tool, arguments=arguments))["result"]

    async def leave(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


async def test_a_tool_is_used_over_it(path: Path, board: Board) -> None:
    client = await Client.on(path)
    assert (await client.ask("initialize"))["result"]["serverInfo"]["name"] == TEAM
    assert (await client.use("team_post", text="hello"))["content"][0]["text"] == "posted"
    refused = await client.use("team_post", text="too much")
    assert (refused["isError"], refused["content"][0]["text"]) == (True, "that is too much. say less")
    assert board.said == ["hello"]
    await client.leave()


async def test_only_the_person_reaches_it(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


async def test_garbage_ends_nothing(path: Path, board: Board) -> None:
    client = await Client.on(path)
    client.writer.write(b"\xff\x00garbage\n[1,2]\n" + b"x" * 3_000_000 + b"\n")
    await client.writer.drain()
    client.writer.write(b"")
    other = await Client.on(path)
    await other.ask("initialize")
    await other.use("team_post", text="still here")
    assert board.said == ["still here"]
    await client.leave()
    await other.leave()


async def test_there_are_only_so_many_at_once(path: Path) -> None:
    """Red without the bound in `_begin`."""
    clients = [await Client.on(path) for _ in range(CONNECTIONS_AT_ONCE)]
    for each in clients:
        await each.ask("ping")
    late = await Client.on(path)
    assert await late.reader.read() == b""
    for each in (*clients, late):
        await each.leave()


async def test_the_end_of_a_run_cuts_it(board: Board, scratch: Path) -> None:
    line = RunLine(board)
    client = await Client.on(await line.open(scratch))
    await client.ask("ping")
    await line.close()
    assert await client.reader.read() == b""
    await client.leave()
    with pytest.raises(OSError, match="refused"):
        await Client.on(scratch / NAME)
    await line.close()


async def test_what_an_earlier_life_left_is_in_nobodys_way(board: Board, scratch: Path) -> None:
    (scratch / NAME).write_text("left")
    line = RunLine(board)
    client = await Client.on(await line.open(scratch))
    await client.ask("ping")
    await client.leave()
    await line.close()


def test_an_agent_is_given_a_relay_and_no_token(tmp_path: Path) -> None:
    given = server(tmp_path / NAME)
    assert (given.name, given.env, given.headers) == (TEAM, {}, {})
    assert given.args[-1] == str(tmp_path / NAME)
    assert Path(given.args[-2]).is_file()
