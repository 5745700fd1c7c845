"""What lies beside the table of calls: health, metrics, the OpenAPI document, the authorisation of channels."""

from __future__ import annotations

import asyncio
from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from maestro_ray import __version__
from maestro_ray.errors import Forbidden, MaestroError
from maestro_ray.model.access import EVERYWHERE, Action, Caller
from maestro_ray.protocol import strictjson
from maestro_ray.protocol.auth import is_presence, sign_channel
from maestro_ray.studio.api.call import bearer, who
from maestro_ray.studio.api.decode import decode
from maestro_ray.studio.api.problem import problem
from maestro_ray.studio.api.shapes import bodies
from maestro_ray.studio.channels import may_listen, member
from maestro_ray.studio.page import visitor
from maestro_ray.studio.studio import Studio


async def up(request: Request) -> Response:
    """Health, for anybody: which version this is, and whether its database answers; 503 when it does not."""
    studio: Studio = request.app.state.studio
    answers = await studio.health.database(studio.store)
    told = {
        "status": "ok" if answers else "down",
        "version": __version__,
        "database": "ok" if answers else "no answer",
    }
    return JSONResponse(told, 200 if answers else 503)


async def metrics(request: Request) -> Response:
    """Prometheus' text format. A metrics token opens this alone; anybody who may read everything may read it too."""
    from maestro_ray.studio import metrics as counted

    studio: Studio = request.app.state.studio
    try:
        if not studio.door.may_scrape(bearer(request)):
            caller = await who(studio, request)
            if not caller.may(Action.READ, EVERYWHERE):
                raise Forbidden("read the metrics of every project")
        work = await studio.store.read(counted.work)
    except MaestroError as error:
        return problem(error)
    wire = counted.Wire(*studio.hub.count())
    text = await asyncio.to_thread(counted.exposition, studio.metrics, wire, work, __version__)
    return Response(text, media_type=counted.CONTENT_TYPE)


async def openapi(_request: Request) -> Response:
    """The OpenAPI document, for anybody: it says how to ask and nothing about what is here."""
    from maestro_ray.studio.api.openapi import document
    from maestro_ray.studio.api.table import CALLS

    return Response(await asyncio.to_thread(document, tuple(CALLS)), media_type="application/json")


async def broadcasting_auth(request: Request) -> Response:
    """Pusher's channel authorisation: JSON or form bodies, as its clients send them."""
    studio: Studio = request.app.state.studio
    try:
        caller = await _listener(studio, request)
        asked = await decode(request, bodies.ChannelAuth, form=True)
        sign = partial(sign_channel, studio.hub.key, studio.hub.secret, asked.socket_id, asked.channel_name)
        # also what cannot be signed is told before anything is looked up
        answer = {"auth": sign()}
        await studio.hold(caller, [asked.socket_id])
        await studio.store.read(may_listen, caller, asked.channel_name)
        if is_presence(asked.channel_name):
            data = strictjson.dump(await studio.store.read(member, caller, asked.channel_name))
            answer = {"auth": sign(data), "channel_data": data}
    except MaestroError as error:
        return problem(error)
    return JSONResponse(answer)


async def _listener(studio: Studio, request: Request) -> Caller:
    """The holder of a Bearer token, or of the page's cookie; a cookie comes along with what another site asks for, so
    it counts only in a request of the page itself."""
    if visitor.cookie(studio, request) and "authorization" not in request.headers:
        visitor.from_the_page(request)
        return (await visitor.find(studio, request)).caller
    return await who(studio, request)
