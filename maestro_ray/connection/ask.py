"""One JSON request to Studio with the standard library alone: the daemon is small, and a command starts quickly."""

from __future__ import annotations

import http.client
import json
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
    method: str, url: str, body: Mapping[str, Any] | None = None, token: str = "", within: float = 10.0
) -> Any:
    """The decoded answer, None when it is empty. Raises as `StudioClient.call` does.

    `within` seconds are for each wait of the network, and for the body as a whole.
    """
    headers = {"Accept": "application/json"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - the address was checked
    try:
        with _opener(url).open(request, timeout=within) as answer:
            raw = _body(answer, within)
    except urllib.error.HTTPError as error:
        with error:
            raise refusal(error.code, _text(error, within), url) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise StudioUnavailable(url, str(reason) or type(error).__name__) from error
    return _decoded(raw, url)


def _decoded(raw: bytes, url: str) -> Any:
    try:
        return json.loads(raw) if raw else None
    except (ValueError, RecursionError) as error:
        raise StudioUnavailable(url, "its answer is not JSON: is this Studio?") from error


def _body(answer: Any, within: float) -> bytes:
    """Piece by piece: one that comes a byte at a time would keep whoever asks, and the lock they hold, for ever."""
    ends, raw = time.monotonic() + within, bytearray()
    while piece := answer.read1(PIECE):
        raw += piece
        if len(raw) > LARGEST_ANSWER:
            raise OSError("its answer is too large")
        if time.monotonic() > ends:
            raise TimeoutError("timed out")
    return bytes(raw)


def _text(error: urllib.error.HTTPError, within: float) -> str:
    try:
        return _body(error, within).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return ""


class _Stay(urllib.request.HTTPRedirectHandler):
    """Nothing is followed: it would carry the token to wherever the answer points."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _opener(url: str) -> urllib.request.OpenerDirector:
    # a proxy of the shell is for the world, not for a server on this machine
    own = [urllib.request.ProxyHandler({})] if loopback(url) else []
    return urllib.request.build_opener(_Stay, *own)
