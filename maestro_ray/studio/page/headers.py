"""What every answer of the page tells the browser not to do."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response


def guard(request: Request, answer: Response) -> Response:
    """Nothing is loaded but from here, nothing runs that stands in the text, and nobody frames it."""
    host = request.headers.get("host", "")
    headers: MutableHeaders = answer.headers
    headers["content-security-policy"] = "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            # not every browser counts a WebSocket of the same host as 'self'
            f"connect-src 'self' ws://{host} wss://{host}",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ]
    )
    headers["x-content-type-options"] = "nosniff"
    headers["x-frame-options"] = "DENY"
    # with "no-referrer" a browser would not say either which page a form was sent from
    headers["referrer-policy"] = "same-origin"
    headers["cross-origin-opener-policy"] = "same-origin"
    headers["cross-origin-resource-policy"] = "same-origin"
    headers.setdefault("cache-control", "no-store")
    return answer
