"""The local line as a program calls it: blocking, light to import, one connection."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from maestro_ray.errors import BadFrame, DaemonUnavailable
from maestro_ray.protocol.jsonrpc import (
    Failure,
    LineSplitter,
    Malformed,
    Message,
    Notification,
    Request,
    Result,
    decode,
    encode,
    to_error,
)


class Line:
    """A connection to the daemon. Raises `DaemonUnavailable` when there is none, or when it goes away, and `BadFrame`
    when what it says is not the protocol."""

    def __init__(self, path: Path, timeout: float | None = None) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)
        self._lines = LineSplitter()
        self._waiting: list[bytes | BadFrame] = []
        self._number = 0
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise DaemonUnavailable("it is not running") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def call(self, method: str, **params: Any) -> Any:
        """The answer; notifications on the way are dropped. Raises `Reported` for an error of the other end."""
        for kind, value in self.stream(method, **params):
            if kind == "":
                return value
        raise AssertionError("a stream ends with its answer")

    def stream(self, method: str, **params: Any) -> Iterator[tuple[str, Any]]:
        """Pairs of (notification's method, params) while the call runs, then ("", answer)."""
        self._number += 1
        try:
            self._socket.sendall(encode(Request(self._number, method, params)).encode() + b"\n")
            while True:
                message = self._next()
                if isinstance(message, Notification):
                    yield message.method, message.params
                elif isinstance(message, Failure) and message.id in (self._number, None):
                    raise to_error(message)
                elif isinstance(message, Result) and message.id == self._number:
                    yield "", message.result
                    return
        except TimeoutError as error:
            raise DaemonUnavailable("it does not answer") from error
        except OSError as error:
            raise DaemonUnavailable(f"the connection to it broke: {error}") from error

    def _next(self) -> Message:
        while not self._waiting:
            data = self._socket.recv(65536)
            if not data:
                raise DaemonUnavailable("it went away in the middle of the call")
            self._waiting.extend(self._lines.feed(data))
        line = self._waiting.pop(0)
        message = decode(line) if isinstance(line, bytes) else line
        if isinstance(message, BadFrame):
            raise message
        if isinstance(message, Malformed | list):
            raise BadFrame(message.reason if isinstance(message, Malformed) else "a batch was not asked for")
        return message
