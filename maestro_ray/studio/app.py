"""The Studio application: its routes, its life, and the names it answers to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from maestro_ray.studio.api import table as api
from maestro_ray.studio.api.problem import own_fault
from maestro_ray.studio.leases import watch_leases
from maestro_ray.studio.page import routes as page
from maestro_ray.studio.page.view import no_page
from maestro_ray.studio.studio import Studio


def create_app(studio: Studio) -> Starlette:
    """The ASGI application. Only the loopback names are accepted as `Host`, so a rebound name reaches nothing."""
    app = Starlette(
        routes=[*api.routes(), *page.routes()],
        lifespan=_lifespan,
        exception_handlers={HTTPException: no_page, Exception: own_fault},
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])],
    )
    app.state.studio = studio
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    studio: Studio = app.state.studio
    watch = asyncio.create_task(watch_leases(studio))
    try:
        yield
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await studio.hub.close()
        await studio.store.close()
