"""The Studio application: routes, who may call them, and how errors are answered (RFC 9457)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import parse_qsl

import sqlalchemy as sa
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute

from maestro_ray.clock import Clock
from maestro_ray.config import Config
from maestro_ray.errors import (
    BadFrame,
    Conflict,
    IllegalEvent,
    MaestroError,
    NotFound,
    StaleEpoch,
    Unauthenticated,
    UsageError,
)
from maestro_ray.protocol import strictjson
from maestro_ray.studio import dispatch, identity, sessions
from maestro_ray.studio import schema as t
from maestro_ray.studio.socket import Hub
from maestro_ray.studio.store import Store, Transaction

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
B = TypeVar("B", bound=BaseModel)

LARGEST_BODY = 8 * 1024 * 1024
FORM = "application/x-www-form-urlencoded"
# The wall clock and the monotonic one may drift apart this much, in seconds, before leases are counted anew.
CLOCK_JUMP = 2.0


@dataclass
class Studio:
    """Everything a request needs."""

    store: Store
    hub: Hub
    config: Config
    clock: Clock
    jwt_secret: str

    async def change(
        self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """A write, and in the same transaction whatever has become possible through it."""

        def whole(tx: Transaction) -> T:
            answer = work(tx, *args, **kwargs)
            dispatch.settle(tx)
            return answer

        return await self.store.write(whole)


@dataclass(frozen=True)
class Call:
    """One authenticated request with its decoded body."""

    studio: Studio
    request: Request
    body: Any

    def path(self, name: str) -> str:
        return str(self.request.path_params[name])

    def number(self, name: str) -> int:
        """A whole number of the query, 0 when it is not given. Raises `BadFrame`."""
        text = self.request.query_params.get(name) or "0"
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise BadFrame(f"{name} must be a whole number")
        return int(text)

    async def change(
        self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Any:
        """`Studio.change`; a request repeated with its Idempotency-Key gets the first answer and does nothing more."""
        key = self.request.headers.get("idempotency-key", "")

        def once(tx: Transaction) -> Any:
            if not key:
                return work(tx, *args, **kwargs)
            scoped = identity.digest(f"{self.request.url.path} {key}")
            seen = tx.first(sa.select(t.replies).where(t.replies.c.key == scoped))
            if seen is not None:
                return seen["body"]
            answer = work(tx, *args, **kwargs)
            tx.insert(t.replies, key=scoped, body=answer)
            return answer

        return await self.studio.change(once)


Handler = Callable[[Call], Awaitable[Any]]


def endpoint(
    handler: Handler, body: type[BaseModel] | None = None, *, public: bool = False, status: int = 200
) -> Any:
    """A Starlette endpoint around a handler: authenticate, decode, call, encode; every error is a problem document."""

    async def serve(request: Request) -> Response:
        studio: Studio = request.app.state.studio
        try:
            if not public:
                authenticate(studio, request)
            decoded = await decode(request, body) if body else None
            answer = await handler(Call(studio, request, decoded))
        except MaestroError as error:
            return problem(error)
        return JSONResponse(answer, status_code=status) if answer is not None else Response(status_code=204)

    return serve


def authenticate(studio: Studio, request: Request) -> dict[str, Any]:
    """The claims of the request's Bearer token. Raises `Unauthenticated`."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise Unauthenticated("a Bearer token is needed")
    return identity.verify(token.strip(), studio.jwt_secret, studio.clock.wall())


async def decode(request: Request, body: type[B], *, form: bool = False) -> B:
    """The request's body, JSON or where it is allowed a form, as a value. Raises `BadFrame`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # a page of another site can post text/plain without asking first, so only JSON counts
    if kind != "application/json" and not (form and kind == FORM):
        raise BadFrame("the body must be application/json")
    raw = bytearray()
    async for piece in request.stream():
        raw += piece
        if len(raw) > LARGEST_BODY:
            raise BadFrame(f"the body is larger than {LARGEST_BODY} bytes")
    try:
        if kind == FORM:
            return body.model_validate(dict(parse_qsl(raw.decode())))
        # pydantic takes NaN, repeated keys and any depth, which nobody who reads the answers could take
        strictjson.parse(bytes(raw))
        return body.model_validate_json(bytes(raw))
    except UnicodeDecodeError as error:
        raise BadFrame("the body is not UTF-8") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BadFrame(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


_STATUS: dict[type[MaestroError], int] = {
    NotFound: 404,
    Conflict: 409,
    IllegalEvent: 409,
    StaleEpoch: 409,
    Unauthenticated: 401,
    BadFrame: 400,
    UsageError: 422,
}


def problem(error: MaestroError) -> Response:
    """An RFC 9457 problem document; `code` is the stable name of the error."""
    status = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)
    headers = {"www-authenticate": "Bearer"} if status == 401 else None
    return _problem(status, error.kind, str(error), headers)


def _problem(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    document = {"type": "about:blank", "title": code, "status": status, "code": code, "detail": detail}
    return Response(json.dumps(document), status, headers, "application/problem+json")


async def _no_route(_request: Request, error: Exception) -> Response:
    """What Starlette answers by itself: an unknown path, a method the path does not have."""
    assert isinstance(error, HTTPException)
    code = re.sub(r"\W+", "_", error.detail).lower()
    return _problem(error.status_code, code, error.detail, error.headers)


def create_app(studio: Studio, routes: list[Route | WebSocketRoute]) -> Starlette:
    """The ASGI application. Only the loopback names are accepted as `Host`, so a rebound name reaches nothing."""
    app = Starlette(
        routes=routes,
        lifespan=_lifespan,
        exception_handlers={HTTPException: _no_route},
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])],
    )
    app.state.studio = studio
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    studio: Studio = app.state.studio
    watch = asyncio.create_task(_watch_leases(studio))
    try:
        yield
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await studio.hub.close()
        await studio.store.close()


async def _watch_leases(studio: Studio) -> None:
    """Interrupt sessions whose lease has ended, soon after it has."""
    ahead = None
    while True:
        try:
            ahead = await check_leases(studio, ahead)
        except sa.exc.SQLAlchemyError:
            log.exception("leases could not be checked; trying again")
        await asyncio.sleep(min(5.0, max(0.2, studio.config.session_lease / 20)))


async def check_leases(studio: Studio, ahead: float | None) -> float:
    """Interrupt the sessions whose lease is over. `ahead` is what the last call returned, None at the first.

    Leases are kept in wall time, to outlive a restart. After Studio was away, or when the wall clock has jumped
    (or the machine has slept), nobody could have renewed them, so everybody gets a whole one.
    """
    now = studio.clock.wall()
    ahead_now = now - studio.clock.monotonic()
    late = sa.select(t.sessions.c.id).where(
        t.sessions.c.status == "connected", t.sessions.c.lease_until <= now
    )
    if ahead is None or abs(ahead_now - ahead) > CLOCK_JUMP:
        await studio.store.write(sessions.renew_all, studio.config.session_lease)
    elif await studio.store.read(Transaction.first, late):
        await studio.change(sessions.expire)
    return ahead_now
