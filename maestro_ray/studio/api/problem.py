"""Errors as RFC 9457 problem documents: the status, and the stable `code` a program can rely on."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from maestro_ray.errors import (
    BadFrame,
    Conflict,
    DatabaseUnavailable,
    Forbidden,
    IllegalEvent,
    MaestroError,
    NotFound,
    Outdated,
    StaleEpoch,
    TooManyRequests,
    Unauthenticated,
    UsageError,
)
from maestro_ray.redaction import redact
from maestro_ray.studio import logs

log = logging.getLogger(__name__)

AWAY = DatabaseUnavailable("of this Studio", "nobody knows whether the request took effect")
_REFUSED = {
    sqlite3.SQLITE_FULL: DatabaseUnavailable("of this Studio", "its disk is full; nothing was changed"),
    sqlite3.SQLITE_READONLY: DatabaseUnavailable(
        "of this Studio", "its disk is read-only; nothing was changed"
    ),
}

STATUS: dict[type[MaestroError], int] = {
    BadFrame: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    IllegalEvent: 409,
    StaleEpoch: 409,
    Outdated: 412,
    UsageError: 422,
    TooManyRequests: 429,
    DatabaseUnavailable: 503,
}


def problem(error: MaestroError) -> Response:
    """The answer to a request that ended with this error."""
    status = status_of(error)
    headers = {}
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, TooManyRequests):
        headers["retry-after"] = str(error.args[0])
    return _document(status, error.kind, str(error), headers, error.hint)


def status_of(error: MaestroError) -> int:
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


async def no_route(_request: Request, error: Exception) -> Response:
    """What Starlette answers by itself: an unknown path, a method the path does not have."""
    assert isinstance(error, HTTPException)
    code = re.sub(r"\W+", "_", error.detail).lower()
    return _document(error.status_code, code, error.detail, error.headers)


async def own_fault(_request: Request, error: Exception) -> Response:
    """A mistake of ours: the log has it, the caller learns that there was one."""
    return _document(500, "internal_error", mistake(error), {"x-request-id": logs.request_id.get()})


def mistake(error: Exception) -> str:
    return f"Studio made a mistake ({type(error).__name__})"


def away(error: Exception) -> DatabaseUnavailable:
    """What is told of a database that took nothing: SQLite says why, and then nothing was changed."""
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", 0) & 0xFF
    return _REFUSED.get(code, AWAY)


async def database_away(_request: Request, error: Exception) -> Response:
    """The server has gone or is at its limit, the disk is full: whoever comes again later may be served."""
    log.error("the database does not answer: %s", error)
    return problem(away(error))


def _document(
    status: int, code: str, detail: str, headers: Mapping[str, str] | None = None, hint: str = ""
) -> Response:
    told = redact(detail)
    document = {"type": "about:blank", "title": code, "status": status, "code": code, "detail": told}
    if hint:
        document["hint"] = redact(hint)
    return Response(json.dumps(document), status, headers, "application/problem+json")
