from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from maestro_ray.agent.pipes import LIMIT, PIECE, Clipping, Inlet, Outlet, Tail


@pytest.fixture
def pipe() -> Iterator[list[int]]:
    """A pipe's two ends; the test puts None where it has closed one or handed it over."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    ends = [reading, writing]
    yield ends
    for end in ends:
        if end >= 0:
            os.close(end)


def handed_over(ends: list[int], which: int) -> int:
    fd, ends[which] = ends[which], -1
    return fd


def fill(fd: int) -> int:
    """Write until the pipe takes no more; how many bytes it took."""
    taken = 0
    while True:
        try:
            taken += os.write(fd, b"x" * 4096)
        except BlockingIOError:
            return taken


async def settled(turns: int = 20) -> None:
    """Let the loop poll its descriptors several times."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def test_an_inlet_gives_pieces_then_the_end_for_ever(pipe: list[int]) -> None:
    inlet = Inlet(handed_over(pipe, 0))
    os.write(pipe[1], b"one")
    assert await inlet.read() == b"one"
    os.write(pipe[1], b"two")
    os.close(handed_over(pipe, 1))

    assert [await inlet.read() for _ in range(3)] == [b"two", b"", b""]


async def test_an_inlet_nobody_reads_makes_the_writer_wait(pipe: list[int]) -> None:
    inlet = Inlet(handed_over(pipe, 0))
    taken = 0
    for _ in range(50):
        taken += fill(pipe[1])
        await settled(5)

    assert taken <= LIMIT + PIECE + 65536
    got = 0
    while got < taken:
        got += len(piece := await inlet.read())
        assert 0 < len(piece) <= PIECE
    inlet.close()


async def test_finish_takes_what_is_left_though_a_stranger_holds_the_other_end(pipe: list[int]) -> None:
    inlet = Inlet(handed_over(pipe, 0))
    for _ in range(50):
        fill(pipe[1])
        await settled(5)
    left = fill(pipe[1])
    inlet.finish()
    inlet.finish()

    got = 0
    while piece := await inlet.read():
        got += len(piece)
    assert got >= LIMIT + left
    with pytest.raises(BrokenPipeError):
        os.write(pipe[1], b"x")


async def test_finish_ends_though_a_stranger_never_stops_writing(
    pipe: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    inlet = Inlet(handed_over(pipe, 0))
    real = os.read

    def refilled(fd: int, size: int) -> bytes:
        data = real(fd, size)
        fill(pipe[1])
        return data

    fill(pipe[1])
    monkeypatch.setattr(os, "read", refilled)
    inlet.finish()

    assert len(await inlet.read()) == PIECE


async def test_a_close_wakes_the_reader(pipe: list[int]) -> None:
    inlet = Inlet(handed_over(pipe, 0))
    reader = asyncio.create_task(inlet.read())
    await settled()
    inlet.close()

    assert await asyncio.wait_for(reader, 60) == b""


async def test_a_tail_keeps_only_the_end_and_never_blocks_the_writer(pipe: list[int]) -> None:
    tail = Tail(handed_over(pipe, 0), 10)
    taken = 0
    while taken < 10 * LIMIT:
        taken += fill(pipe[1])
        await settled(5)
    os.write(pipe[1], b"\xff the end")
    tail.finish()

    assert tail.text() == "x\N{REPLACEMENT CHARACTER} the end"


async def test_an_outlet_waits_for_room(pipe: list[int]) -> None:
    outlet = Outlet(handed_over(pipe, 1))
    inlet = Inlet(handed_over(pipe, 0))
    writing = asyncio.create_task(outlet.write(bytes(range(250)) * 4000))
    got = bytearray()
    while len(got) < 1_000_000:
        got += await inlet.read()
    await writing
    outlet.close()

    assert got == bytes(range(250)) * 4000
    assert await inlet.read() == b""


async def test_two_writes_at_once_never_mix(pipe: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    outlet = Outlet(handed_over(pipe, 1))
    real, calls = os.write, 0

    def grudging(fd: int, data: bytes) -> int:
        nonlocal calls
        calls += 1
        if calls % 2 == 0:
            raise BlockingIOError
        return real(fd, data[:1])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", grudging)
        await asyncio.gather(outlet.write(b"first"), outlet.write(b"second"))
    outlet.close()

    assert os.read(pipe[0], 99) == b"firstsecond"


async def test_an_outlet_drops_what_nobody_will_read(pipe: list[int]) -> None:
    outlet = Outlet(handed_over(pipe, 1))
    writer = asyncio.create_task(outlet.write(b"x" * 1_000_000))
    await settled()
    assert not writer.done()
    os.close(handed_over(pipe, 0))

    await asyncio.wait_for(writer, 60)
    await outlet.write(b"more")
    outlet.tell(b"T")
    outlet.close()


async def test_a_closed_outlet_lets_its_writer_go(pipe: list[int]) -> None:
    outlet = Outlet(handed_over(pipe, 1))
    writer = asyncio.create_task(outlet.write(b"x" * 1_000_000))
    await settled()
    outlet.close()

    await asyncio.wait_for(writer, 60)


async def test_tell_never_waits(pipe: list[int]) -> None:
    fill(pipe[1])
    outlet = Outlet(handed_over(pipe, 1))
    outlet.tell(b"T")
    outlet.close()


async def test_a_cancelled_write_leaves_the_outlet_usable(pipe: list[int]) -> None:
    outlet = Outlet(handed_over(pipe, 1))
    inlet = Inlet(handed_over(pipe, 0))
    inlet._pause()
    writer = asyncio.create_task(outlet.write(b"x" * 1_000_000))
    await settled()
    writer.cancel()
    await asyncio.gather(writer, return_exceptions=True)
    inlet._listen()
    second = asyncio.create_task(outlet.write(b"the second"))
    got = b""
    while not got.endswith(b"the second"):
        got += await inlet.read()
    await second
    outlet.close()
    inlet.close()


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_clipping_keeps_both_ends_and_says_what_is_missing(size: int) -> None:
    text = "".join(f"{n:05}" for n in range(1000)).encode()
    clipping = Clipping(40)
    for at in range(0, len(text), size):
        clipping.add(text[at : at + size])

    assert clipping.text() == f"{text[:20].decode()}\n… 4960 bytes cut …\n{text[-20:].decode()}"


def test_a_clipping_of_little_is_all_of_it() -> None:
    clipping = Clipping(10)
    clipping.add(b"12345678\xc3")
    clipping.add(b"\xa9")

    assert clipping.text() == "12345678é"
