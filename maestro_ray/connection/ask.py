"""One JSON request to Studio with the standard library alone: the daemon is small, and a command starts quickly."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from maestro_ray.connection.address import loopback
from maestro_ray.connection.refusal import refusal
from maestro_ray.errors import StudioUnavailable

LARGEST_ANSWER = 8 * 1024 * 1024


def ask(
    method: str, url: str, body: Mapping[str, Any] | None = None, token: str = "", within: float = 10.0
) -> Any:
    """The decoded answer, None when it is empty. Raises as `StudioClient.call` does."""
    headers = {"Accept": "application/json"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - the address was checked
    try:
        with _opener(url).open(request, timeout=within) as answer:
            raw = answer.read(LARGEST_ANSWER + 1)
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


def _text(error: urllib.error.HTTPError) -> str:
    try:
        return error.read(LARGEST_ANSWER).decode("utf-8", "replace")
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
