"""The relay: an agent's MCP server that carries bytes between its standard streams and the line of its run.

Standard library only, and little of it: every start of an agent starts one. What the bytes mean is known at the other
end (`actors/desk.py`). Run as a program it takes the path of the line.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from threading import Thread

PIECE = 65536


def connect(path: str) -> socket.socket:
    """Raises `OSError`. The path may be longer than the address of a socket: it is reached by its directory."""
    directory, name = os.path.split(path)
    place = os.open(directory or ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        line.connect(f"/proc/self/fd/{place}/{name}")
    except OSError:
        line.close()
        raise
    finally:
        os.close(place)
    return line


def carry(line: socket.socket, source: int, sink: int) -> None:
    """Until the line is cut; the end of the input closes it in that direction, and what is on its way still comes."""
    Thread(target=_take, args=(source, line), daemon=True).start()
    while data := _received(line):
        _write(sink, data)


def _take(source: int, line: socket.socket) -> None:
    try:
        while data := os.read(source, PIECE):
            line.sendall(data)
        line.shutdown(socket.SHUT_WR)
    except OSError:  # the line was cut; the other direction sees it too
        pass


def _received(line: socket.socket) -> bytes:
    try:
        return line.recv(PIECE)
    except OSError:
        return b""


def _write(sink: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(sink, rest) :]


def serve(path: str) -> int:
    """One client on the standard streams, to its end; the exit code."""
    try:
        line = connect(path)
    except OSError as error:
        sys.stderr.write(f"the line {path} cannot be reached: {error.strerror or error}\n")
        return 1
    # whoever asked may be gone
    with line, suppress(BrokenPipeError):
        carry(line, 0, 1)
    return 0


if __name__ == "__main__":
    # a thread may still wait for input that never comes
    os._exit(serve(sys.argv[1]) if len(sys.argv) == 2 else 2)
