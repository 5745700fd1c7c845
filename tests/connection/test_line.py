"""The local line's two ends, and what comes between them: errors, garbage, leavers, and readers that do not read."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from maestro_ray.connection import line as module
from maestro_ray.connection.line import LineServer, Notify, call, unheard
from maestro_ray.errors import BadFrame, DaemonUnavailable, NoWorkers, Reported
from maestro_ray.protocol.lines import LONGEST_LINE
from maestro_ray.testing import eventually


class Service:
    """Echoes, fails, waits, counts aloud."""

    def __init__(self) -> None:
        self.waiting = 0
        self.left = 0
        self.said = 0

    async def handle(self, method: str, params: dict[str, Any], notify: Notify) -> Any:
        if method == "fail":
            raise NoWorkers
        if method == "crash":
            raise RuntimeError("a secret in the text")
        if method == "odd":
            return object()
        if method == "count":
            for number in range(params["to"]):
                said = notify("number", {"n": number, "pad": "x" * params.get("size", 0)})
                self.said = number
                if params.get("patient"):
                    await said
        if method == "wait":
            self.waiting += 1
            try:
                await asyncio.Event().wait()
            finally:
                self.left += 1
        return params


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "d.sock"


@pytest.fixture
async def server(path: Path, service: Service) -> AsyncIterator[LineServer]:
    server = LineServer(path, service.handle)
    await server.start()
    yield server
    await server.close()


async def say(path: Path, *lines: bytes, answers: int) -> list[dict[str, Any]]:
    """What a peer gets for raw bytes."""
    reader, writer = await asyncio.open_unix_connection(str(path), limit=2**26)
    writer.writelines(lines)
    async with asyncio.timeout(60):
        found = [json.loads(await reader.readline()) for _ in range(answers)]
    writer.close()
    return found


def request(number: int, method: str = "echo", **params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode() + b"\n"


async def test_an_answer_comes_back_and_the_socket_is_private(server: LineServer, path: Path) -> None:
    assert await call(path, "echo", {"a": [1, "ü"]}, unheard) == {"a": [1, "ü"]}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_notifications_come_before_their_answer(server: LineServer, path: Path) -> None:
    heard: list[Any] = []

    async def hear(method: str, params: dict[str, Any]) -> None:
        heard.append((method, params["n"]))

    await call(path, "count", {"to": 3}, hear)
    assert heard == [("number", 0), ("number", 1), ("number", 2)]


async def test_an_error_crosses_the_line_with_its_hint(server: LineServer, path: Path) -> None:
    with pytest.raises(Reported) as caught:
        await call(path, "fail", {}, unheard)
    assert (caught.value.kind, caught.value.exit_code) == ("no_workers", 2)
    assert str(caught.value) == str(NoWorkers())
    assert caught.value.hint == NoWorkers().hint


async def test_a_mistake_of_ours_crosses_without_its_text(server: LineServer, path: Path) -> None:
    for method in ("crash", "odd"):
        with pytest.raises(Reported) as caught:
            await call(path, method, {}, unheard)
        assert caught.value.kind == "internal_error"
        assert "secret" not in str(caught.value)


async def test_calls_of_one_peer_run_side_by_side(server: LineServer, path: Path) -> None:
    (answer,) = await say(path, request(1, "wait"), request(2), answers=1)
    assert answer["id"] == 2


@pytest.mark.parametrize(
    "garbage",
    [b"garbage\n", b'{"jsonrpc": "2.0"}\n', b"\xff\xfe\n", b"[]\n", b'{"jsonrpc": "2.0", "id": 1, "id": 2, "method": "x"}\n', b"[" * 5000 + b"\n"],
)  # fmt: skip
async def test_garbage_costs_one_answer_and_never_the_connection(
    server: LineServer, path: Path, garbage: bytes
) -> None:
    bad, good = await say(path, garbage, request(7), answers=2)
    assert "error" in bad
    assert good["id"] == 7


async def test_a_line_that_is_too_long_is_answered_and_skipped(server: LineServer, path: Path) -> None:
    bad, good = await say(path, b"x" * (LONGEST_LINE + 10) + b"\n", request(7), answers=2)
    assert "longer than" in bad["error"]["message"]
    assert good["id"] == 7


async def test_who_leaves_ends_what_they_asked_for(server: LineServer, path: Path, service: Service) -> None:
    calling = asyncio.create_task(call(path, "wait", {}, unheard))
    await eventually(lambda: service.waiting == 1)
    calling.cancel()
    await eventually(lambda: service.left == 1)
    assert await call(path, "echo", {}, unheard) == {}


async def test_who_does_not_read_is_cut_off_and_holds_up_nobody(
    server: LineServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HIGH_WATER", 64 * 1024)
    deaf = socket.socket(socket.AF_UNIX)
    deaf.connect(str(path))
    deaf.sendall(request(1, "count", to=400, size=4000))
    assert await asyncio.wait_for(call(path, "echo", {"a": 1}, unheard), 60) == {"a": 1}
    deaf.settimeout(20)
    received = 0
    try:
        while data := await asyncio.to_thread(deaf.recv, 2**20):
            received += len(data)
    except ConnectionError:
        pass
    deaf.close()
    assert received < 400 * 4000


async def test_who_is_waited_for_gets_everything_at_their_own_pace(
    server: LineServer, path: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also through a relay: while nobody reads at the far end, little is said at the near one."""
    monkeypatch.setattr(module, "HIGH_WATER", 64 * 1024)
    heard: list[int] = []
    reads = asyncio.Event()

    async def hear(_method: str, params: dict[str, Any]) -> None:
        await reads.wait()
        heard.append(params["n"])

    async def relay(method: str, params: dict[str, Any], notify: Notify) -> Any:
        return await call(path, method, params, notify)

    middle = LineServer(path.with_name("m.sock"), relay)
    await middle.start()
    asked = {"to": 2000, "size": 4000, "patient": True}
    calling = asyncio.create_task(call(path.with_name("m.sock"), "count", asked, hear))
    await eventually(lambda: service.said)
    before = 0
    while service.said > before:  # until it is held up
        before = service.said
        await asyncio.sleep(0.1)
    assert 0 < service.said < 1000
    assert await call(path.with_name("m.sock"), "echo", {"a": 1}, unheard) == {"a": 1}
    reads.set()
    assert await asyncio.wait_for(calling, 60) == asked
    assert heard == list(range(2000))
    await middle.close()


async def test_who_is_waited_for_may_leave(
    server: LineServer, path: Path, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    deaf = socket.socket(socket.AF_UNIX)
    deaf.connect(str(path))
    deaf.sendall(request(1, "count", to=2000, size=4000, patient=True))
    await eventually(lambda: service.said > 10)
    deaf.close()
    assert await call(path, "echo", {}, unheard) == {}
    await server.close()
    assert caplog.records == []


async def test_closing_ends_what_runs_and_takes_the_socket_away(
    server: LineServer, path: Path, service: Service
) -> None:
    calling = asyncio.create_task(call(path, "wait", {}, unheard))
    await eventually(lambda: service.waiting == 1)
    await server.close()
    with pytest.raises(DaemonUnavailable):
        await calling
    assert service.left == 1
    assert not path.exists()
    with pytest.raises(DaemonUnavailable):
        await call(path, "echo", {}, unheard)
    await server.close()


async def test_an_old_life_that_closes_late_leaves_the_new_ones_socket(
    server: LineServer, path: Path, service: Service
) -> None:
    new = LineServer(path, service.handle)
    await new.start()
    await server.close()
    assert await call(path, "echo", {"a": 1}, unheard) == {"a": 1}
    await new.close()


# ── the other end of `call` ──────────────────────────────────────────────────────────────────────────────────────


@contextlib.asynccontextmanager
async def answering(path: Path, data: bytes, *, stay: bool = True) -> AsyncIterator[None]:
    """Somebody who answers a request with these bytes."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(data)
        if stay:
            await reader.read()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        over.set()

    server = await asyncio.start_unix_server(serve, str(path))
    yield
    await asyncio.wait_for(over.wait(), 60)
    server.close()


@pytest.mark.parametrize(
    "answer", [b"garbage\n", b"[]\n", b'{"jsonrpc": "1.0"}\n', b"x" * (LONGEST_LINE + 1)], ids=len
)
async def test_an_end_that_speaks_something_else_is_an_error_and_no_hanging(
    path: Path, answer: bytes
) -> None:
    async with answering(path, answer), asyncio.timeout(60):
        with pytest.raises(BadFrame):
            await call(path, "echo", {}, unheard)


@pytest.mark.parametrize("answer", [b"", b'{"jsonrpc": "2.0", "id"'])
async def test_an_end_that_goes_away_in_the_middle_is_unavailable(path: Path, answer: bytes) -> None:
    async with answering(path, answer, stay=False):
        with pytest.raises(DaemonUnavailable):
            await call(path, "echo", {}, unheard)


async def test_nobody_there_is_unavailable(path: Path) -> None:
    with pytest.raises(DaemonUnavailable):
        await call(path, "echo", {}, unheard)
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    with pytest.raises(DaemonUnavailable):
        await call(path, "echo", {}, unheard)


async def test_a_process_of_another_user_is_not_listened_to(
    server: LineServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever gets to the socket all the same is told apart by the kernel. Without `_is_ours` this one is answered."""
    monkeypatch.setattr("maestro_ray.connection.line.os.getuid", lambda: 2**31 - 2)
    with pytest.raises(DaemonUnavailable):
        await call(path, "echo", {"a": 1}, unheard)
