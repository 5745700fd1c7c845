"""The Studio application: its routes, its life, and the names it answers to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Route

from maestro_ray.studio.api import table as api
from maestro_ray.studio.housekeeping import keep_house
from maestro_ray.studio.leases import watch_leases
from maestro_ray.studio.observed import Observed
from maestro_ray.studio.page import routes as page
from maestro_ray.studio.page.view import database_away, no_page, own_fault
from maestro_ray.studio.studio import Studio


def create_app(studio: Studio, names: Sequence[str] = ()) -> Starlette:
    """The ASGI application. Only the loopback names and `names` are accepted as `Host`, so another reaches nothing."""
    paths = [*api.routes(), *page.routes()]
    known: dict[object, str] = {route.endpoint: route.path for route in paths if isinstance(route, Route)}
    app = Starlette(
        routes=paths,
        lifespan=_lifespan,
        exception_handlers={
            HTTPException: no_page,
            sa.exc.OperationalError: database_away,
            Exception: own_fault,
        },
        middleware=[
            Middleware(Observed, metrics=studio.metrics, routes=known),
            Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]", *names]),
        ],
    )
    app.state.studio = studio
    studio.hub.watch = studio.metrics.event
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    studio: Studio = app.state.studio
    works = (watch_leases(studio), keep_house(studio), studio.neighbours.keep())
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await studio.hub.close()
        await studio.neighbours.close()
        await studio.store.close()
