"""The relay carries bytes between its streams and a socket, however long the socket's path is."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from maestro_ray.agent import relay

FILE = Path(relay.__file__)


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[socket.socket, Path]]:
    """A socket in a directory whose name alone is longer than an address may be."""
    place = tmp_path / ("x" * 120)
    place.mkdir()
    monkeypatch.chdir(place)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("line")
        listening.listen()
        yield listening, place / "line"


def begin(path: Path) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-I", "-S", str(FILE), str(path)]
    pipe = subprocess.PIPE
    return subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, cwd="/")


def test_it_carries_both_ways_until_its_input_ends(line: tuple[socket.socket, Path]) -> None:
    listening, path = line

    def shout() -> None:
        client, _ = listening.accept()
        with client:
            while data := client.recv(65536):
                client.sendall(data.upper())

    thread = Thread(target=shout)
    thread.start()
    with begin(path) as started:
        out, errors = started.communicate(b"hello\n" * 50_000, timeout=60)
    thread.join()
    assert (out, errors, started.returncode) == (b"HELLO\n" * 50_000, b"", 0)


def test_it_ends_when_the_line_is_cut(line: tuple[socket.socket, Path]) -> None:
    """Although its input stays open: the agent's own end must not be waited for."""
    listening, path = line
    with begin(path) as started:
        client, _ = listening.accept()
        client.close()
        assert started.wait(timeout=60) == 0


def test_a_line_that_is_not_there_is_said(tmp_path: Path) -> None:
    with begin(tmp_path / "nowhere" / "line") as started:
        _, errors = started.communicate(timeout=60)
    assert started.returncode == 1
    assert errors.decode().startswith(f"the line {tmp_path}/nowhere/line cannot be reached")


def test_its_start_loads_little() -> None:
    """It is started once for every turn of every agent."""
    code = f"import json, runpy, sys; runpy.run_path({str(FILE)!r}); print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert not loaded & {"asyncio", "subprocess", "ssl", "maestro_ray"}
    assert len(loaded) < 90
