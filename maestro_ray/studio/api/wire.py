"""What lies beside `/api/v1`: health, the authorisation of channels, the WebSocket."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from maestro_ray.errors import MaestroError
from maestro_ray.protocol import strictjson
from maestro_ray.protocol.auth import is_presence, sign_channel
from maestro_ray.studio import bodies
from maestro_ray.studio.api.call import who
from maestro_ray.studio.api.decode import decode
from maestro_ray.studio.api.problem import problem
from maestro_ray.studio.channels import may_listen, member
from maestro_ray.studio.studio import Studio


async def up(_request: Request) -> Response:
    """Health: it answers."""
    return JSONResponse({"status": "ok"})


async def broadcasting_auth(request: Request) -> Response:
    """Pusher's channel authorisation: JSON or form bodies, as its clients send them."""
    studio: Studio = request.app.state.studio
    try:
        caller = await who(studio, request)
        asked = await decode(request, bodies.ChannelAuth, form=True)
        sign = partial(sign_channel, studio.hub.key, studio.hub.secret, asked.socket_id, asked.channel_name)
        # also what cannot be signed is told before anything is looked up
        answer = {"auth": sign()}
        await studio.store.read(may_listen, caller, asked.channel_name)
        if is_presence(asked.channel_name):
            data = strictjson.dump(await studio.store.read(member, caller, asked.channel_name))
            answer = {"auth": sign(data), "channel_data": data}
    except MaestroError as error:
        return problem(error)
    return JSONResponse(answer)
