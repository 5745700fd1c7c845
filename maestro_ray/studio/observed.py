"""Every HTTP request as it looks from outside: it gets an id, is timed and counted, and logged where that is asked."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from maestro_ray.ids import suffix
from maestro_ray.studio import logs
from maestro_ray.studio.metrics import Metrics

log = logging.getLogger(__name__)

HEADER = "x-request-id"
# what a client may call its request itself; anything else could forge lines of the log
_GOOD = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Observed:
    """ASGI middleware. `routes` are paths by endpoint: what is counted is `/plans/{id}`, not each plan."""

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: Mapping[object, str]) -> None:
        self._app = app
        self._metrics = metrics
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        identifier = identify(Headers(scope=scope).get(HEADER, ""))
        logs.request_id.set(identifier)
        # what is never answered was a mistake of ours, which the layer above this one answers
        status = 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", ()), (HEADER.encode(), identifier.encode())]
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            self._note(scope, status, time.perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = self._routes.get(scope.get("endpoint"), "")
        self._metrics.request(scope["method"], route, status, seconds)
        # the path without its query: a link may carry a token there
        facts = {
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "seconds": round(seconds, 6),
        }
        log.info("request", extra={"facts": facts})


def identify(given: str) -> str:
    """The id the client gave its request, if it is one, else a new one."""
    return given if _GOOD.fullmatch(given) else suffix(16)
