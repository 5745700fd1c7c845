"""The line as a blocking program calls it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from maestro_ray.connection.call import Line
from maestro_ray.connection.line import LineServer
from maestro_ray.errors import BadFrame, DaemonUnavailable, Reported
from maestro_ray.protocol.lines import LONGEST_LINE

from .test_line import Service


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "d.sock"


@pytest.fixture
async def server(path: Path) -> AsyncIterator[LineServer]:
    server = LineServer(path, Service().handle)
    await server.start()
    yield server
    await server.close()


async def blocking(work: Callable[[], Any]) -> Any:
    return await asyncio.wait_for(asyncio.to_thread(work), 60)


async def test_calls_one_after_the_other_on_one_connection(server: LineServer, path: Path) -> None:
    def work() -> None:
        with Line(path) as line:
            assert line.call("echo", a=1) == {"a": 1}
            assert line.call("count", to=5) == {"to": 5}
            with pytest.raises(Reported):
                line.call("fail")
            assert line.call("echo") == {}

    await blocking(work)


async def test_a_stream_gives_notifications_and_then_the_answer(server: LineServer, path: Path) -> None:
    def work() -> list[Any]:
        with Line(path) as line:
            return [(kind, value.get("n")) for kind, value in line.stream("count", to=3)]

    assert await blocking(work) == [("number", 0), ("number", 1), ("number", 2), ("", None)]


async def test_a_stream_that_is_left_does_not_confuse_the_next_call(server: LineServer, path: Path) -> None:
    def work() -> Any:
        with Line(path) as line:
            for kind, _ in line.stream("count", to=5):
                assert kind == "number"
                break
            return line.call("echo", a=2)

    assert await blocking(work) == {"a": 2}


async def test_an_answer_that_does_not_come_in_time(server: LineServer, path: Path) -> None:
    def work() -> None:
        with Line(path, timeout=0.05) as line, pytest.raises(DaemonUnavailable, match="does not answer"):
            line.call("wait")

    await blocking(work)


def test_nobody_is_there(path: Path) -> None:
    with pytest.raises(DaemonUnavailable, match="not running"):
        Line(path)


def against(path: Path, answer: bytes) -> None:
    """One call to an end that answers with these bytes and leaves."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(1000)
            with contextlib.suppress(BrokenPipeError):
                peer.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with Line(path, timeout=20) as line:
            line.call("echo")
    finally:
        thread.join(60)
        listener.close()


@pytest.mark.parametrize(
    "answer", [b"garbage\n", b"[]\n", b'{"jsonrpc": "1.0"}\n', b"x" * (LONGEST_LINE + 1)], ids=len
)
def test_an_end_that_speaks_something_else(path: Path, answer: bytes) -> None:
    with pytest.raises(BadFrame):
        against(path, answer)


def test_an_end_that_goes_away_in_the_middle(path: Path) -> None:
    with pytest.raises(DaemonUnavailable, match="went away"):
        against(path, b'{"jsonrpc": "2.0", "id": 1')
