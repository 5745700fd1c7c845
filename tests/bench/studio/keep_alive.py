"""HTTP over one connection that stays: so little of a client that what is measured is the server."""

from __future__ import annotations

import json
import socket
import time
from typing import Any


class KeepAlive:
    """`headers` go with every request."""

    def __init__(self, port: int, **headers: str) -> None:
        self.headers = headers
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        self._socket.close()

    def call(self, method: str, path: str, body: Any = None, form: str = "") -> Any:
        """The answer, decoded when it is JSON."""
        answer = self._exchange(self._request(method, path, body, form))
        return json.loads(answer) if answer[:1] in (b"{", b"[") else answer

    def timed(self, method: str, path: str, body: Any = None) -> tuple[float, Any]:
        """Milliseconds from the first byte sent to the last one received, and the answer."""
        request = self._request(method, path, body, "")
        began = time.perf_counter()
        answer = self._exchange(request)
        took = (time.perf_counter() - began) * 1000
        return took, json.loads(answer) if answer[:1] in (b"{", b"[") else answer

    def _request(self, method: str, path: str, body: Any, form: str) -> bytes:
        content = form.encode() if form else b"" if body is None else json.dumps(body).encode()
        kind = "application/x-www-form-urlencoded" if form else "application/json"
        sent = {
            "host": "127.0.0.1",
            "content-type": kind,
            "content-length": str(len(content)),
            **self.headers,
        }
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
        return "\r\n".join([*lines, "", ""]).encode() + content

    def _exchange(self, request: bytes) -> bytes:
        self._socket.sendall(request)
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._receive()
        head, body = data[:end].decode().lower(), data[end + 4 :]
        self.head = data[:end].decode()
        assert head.split(" ", 2)[1] in ("200", "201", "204", "303"), data.decode()
        length = next(
            (int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:")), 0
        )
        while len(body) < length:
            body += self._receive()
        return body

    def _receive(self) -> bytes:
        piece = self._socket.recv(1 << 20)
        if not piece:
            raise ConnectionError("the server closed the connection")
        return piece
