"""One JSON request to Studio with the standard library alone: the daemon is small, and a command starts quickly."""

from __future__ import annotations

import functools
import http.client
import io
import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from maestro_ray.connection.address import loopback
from maestro_ray.connection.refusal import refusal
from maestro_ray.errors import StudioUnavailable

LARGEST_ANSWER = 8 * 1024 * 1024
PIECE = 64 * 1024


def ask(
    method: str,
    url: str,
    body: Mapping[str, Any] | None = None,
    token: str = "",
    within: float = 10.0,
    largest: int = 0,
) -> Any:
    """The decoded answer, None when it is empty. Raises as `StudioClient.call` does.

    `within` seconds are for all of it: one that comes a byte at a time would keep whoever asks, and the lock they
    hold, for ever. `largest` is how many bytes it may have, 0 for as many as usual.
    """
    headers = {"Accept": "application/json"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - the address was checked
    try:
        with _opener(url, time.monotonic() + within).open(request, timeout=within) as answer:
            raw = _body(answer, largest or LARGEST_ANSWER)
    except urllib.error.HTTPError as error:
        with error:
            raise refusal(error.code, _text(error), url) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise StudioUnavailable(url, str(reason) or type(error).__name__) from error
    return _decoded(raw, url)


def _decoded(raw: bytes, url: str) -> Any:
    try:
        return json.loads(raw) if raw else None
    except (ValueError, RecursionError) as error:
        raise StudioUnavailable(url, "its answer is not JSON: is this Studio?") from error


def _body(answer: Any, largest: int) -> bytes:
    raw = bytearray()
    while piece := answer.read1(PIECE):
        raw += piece
        if len(raw) > largest:
            raise OSError("its answer is too large")
    return bytes(raw)


def _text(error: urllib.error.HTTPError) -> str:
    try:
        return _body(error, LARGEST_ANSWER).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return ""


class _Stay(urllib.request.HTTPRedirectHandler):
    """Nothing is followed: it would carry the token to wherever the answer points."""

    def redirect_request(self, *_: Any) -> None:
        return None


class _Until(io.RawIOBase):
    """What a peer says up to a moment of the monotonic clock. Raises `TimeoutError` after it."""

    def __init__(self, peer: socket.socket, raw: io.RawIOBase, ends: float) -> None:
        self._peer, self._raw, self._ends = peer, raw, ends

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._peer.settimeout(left)
        read: int | None = self._raw.readinto(buffer)
        return read

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """Status line, headers and body, all of them until one moment."""

    def __init__(self, sock: socket.socket, *args: Any, ends: float, **more: Any) -> None:
        super().__init__(sock, *args, **more)
        self.fp = io.BufferedReader(_Until(sock, self.fp.detach(), ends))


class _InTime(urllib.request.AbstractHTTPHandler):
    """Connections whose answers end in time."""

    def __init__(self, ends: float) -> None:
        super().__init__()
        self._ends = ends

    def do_open(self, http_class: Any, req: urllib.request.Request, **more: Any) -> http.client.HTTPResponse:
        def connect(*args: Any, **how: Any) -> http.client.HTTPConnection:
            connection: http.client.HTTPConnection = http_class(*args, **how)
            connection.response_class = functools.partial(_Answer, ends=self._ends)  # type: ignore[assignment]
            return connection

        return super().do_open(connect, req, **more)


class _Http(_InTime, urllib.request.HTTPHandler):
    pass


class _Https(_InTime, urllib.request.HTTPSHandler):
    pass


def _opener(url: str, ends: float) -> urllib.request.OpenerDirector:
    # a proxy of the shell is for the world, not for a server on this machine
    own = [urllib.request.ProxyHandler({})] if loopback(url) else []
    return urllib.request.build_opener(_Stay, _Http(ends), _Https(ends), *own)
