"""Where a browser says that a request comes from."""

from __future__ import annotations

from starlette.datastructures import Headers


def ours(headers: Headers) -> bool | None:
    """Whether the request comes from a page of this very Studio; None when nobody says.

    Browsers say it with every POST and every WebSocket; programs need not.
    """
    origin = headers.get("origin")
    if origin is None:
        return None
    return origin.partition("://")[2] == headers.get("host", "")
