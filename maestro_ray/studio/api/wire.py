"""What lies beside `/api/v1`: health, the authorisation of channels, the WebSocket."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from maestro_ray.errors import MaestroError
from maestro_ray.model.access import Caller
from maestro_ray.protocol.auth import sign_channel
from maestro_ray.studio import bodies
from maestro_ray.studio.api.call import who
from maestro_ray.studio.api.decode import decode
from maestro_ray.studio.api.problem import problem
from maestro_ray.studio.channels import may_listen
from maestro_ray.studio.page import visitor
from maestro_ray.studio.studio import Studio


async def up(_request: Request) -> Response:
    """Health: it answers."""
    return JSONResponse({"status": "ok"})


async def broadcasting_auth(request: Request) -> Response:
    """Pusher's channel authorisation: JSON or form bodies, as its clients send them."""
    studio: Studio = request.app.state.studio
    try:
        caller = await _listener(studio, request)
        asked = await decode(request, bodies.ChannelAuth, form=True)
        signature = sign_channel(studio.hub.key, studio.hub.secret, asked.socket_id, asked.channel_name)
        await studio.store.read(may_listen, caller, asked.channel_name)
    except MaestroError as error:
        return problem(error)
    return JSONResponse({"auth": signature})


async def _listener(studio: Studio, request: Request) -> Caller:
    """The holder of a Bearer token, or of the page's cookie; a cookie comes along with what another site asks for, so
    it counts only in a request of the page itself."""
    if visitor.cookie(studio, request) and "authorization" not in request.headers:
        visitor.from_the_page(request)
        return (await visitor.find(studio, request)).caller
    return await who(studio, request)
