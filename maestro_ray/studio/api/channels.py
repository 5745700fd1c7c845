"""Many signatures for channels in one call: after a restart of Studio a thousand connections want theirs at once."""

from __future__ import annotations

from typing import Any

from maestro_ray.errors import BadFrame, Forbidden
from maestro_ray.model.access import Action, Caller
from maestro_ray.protocol.auth import sign_channel
from maestro_ray.studio.api.call import Call, Rest
from maestro_ray.studio.api.shapes import bodies
from maestro_ray.studio.channels import may_listen
from maestro_ray.studio.store import Transaction


async def sign(call: Call) -> Any:
    """In the order they were asked for: `auth`, or why there is none. One that is refused holds no other up."""
    hub = call.studio.hub
    await call.studio.hold(call.caller, [each.socket_id for each in call.body.channels])
    return await call.read(_sign, call.caller, hub.key, hub.secret, call.body.channels)


def _sign(
    tx: Transaction, caller: Caller, key: str, secret: str, asked: list[bodies.ChannelAuth]
) -> list[dict[str, str]]:
    return [_one(tx, caller, key, secret, each) for each in asked]


def _one(tx: Transaction, caller: Caller, key: str, secret: str, asked: bodies.ChannelAuth) -> dict[str, str]:
    try:
        signature = sign_channel(key, secret, asked.socket_id, asked.channel_name)
        may_listen(tx, caller, asked.channel_name)
    except (BadFrame, Forbidden) as error:
        return {"code": error.kind, "detail": str(error)}
    return {"auth": signature}


ROUTES = [Rest("POST", "auth/channels", sign, Action.READ, body=bodies.ManyChannels, listing=True)]
