"""Signing in and out, and who is who."""

from __future__ import annotations

from typing import Any

from maestro_ray.errors import Forbidden, Unauthenticated
from maestro_ray.model.access import EVERYWHERE, Action, Role
from maestro_ray.studio import browser, identity, tasks
from maestro_ray.studio import schema as t
from maestro_ray.studio.api.call import Call, Rest, who
from maestro_ray.studio.api.shapes import bodies
from maestro_ray.studio.channels import may_listen
from maestro_ray.studio.store import Transaction


async def redeem(call: Call) -> Any:
    """With a Bearer token the invite's role is added to that identity."""
    known = await who(call.studio, call.request) if "authorization" in call.request.headers else None
    if known is not None and known.channels is not None:
        raise Forbidden("redeem an invite: the token is for channels only")
    user = known.user if known else ""
    _knock(call, call.body.token)
    return await call.studio.store.write(identity.redeem, call.body.token, call.body.name, user)


async def refresh(call: Call) -> Any:
    """Exchange a refresh token for fresh tokens; it is used up."""
    _knock(call, call.body.refresh_token)
    fresh = await call.studio.store.write(identity.refresh, call.body.refresh_token)
    if fresh is None:
        call.studio.door.look_again()
        raise Unauthenticated("the refresh token was already used; sign in again")
    return fresh


async def logout(call: Call) -> None:
    """End this sign-in, or every one of yours, at once."""
    await call.studio.store.write(identity.logout, call.caller, everywhere=call.body.everywhere)
    call.studio.door.look_again()


async def me(call: Call) -> Any:
    """Who you are, your roles and your projects."""
    return await call.read(identity.describe, call.caller)


async def invite(call: Call) -> Any:
    """A one-time invite, good for seven days."""
    role, project = Role(call.body.role), call.body.project_id
    identity.may_invite(call.caller, role, project)
    token = await call.change(identity.invite, role, project, call.caller.user)
    return {"token": token, "role": role, "project_id": project, "expires_in": identity.INVITE_SECONDS}


async def listening_token(call: Call) -> Any:
    """A token for a screen on the wall: it can listen to these channels and do nothing else."""
    for channel in call.body.channels:
        await call.read(may_listen, call.caller, channel)
    seconds, now = call.body.seconds, call.studio.clock.wall()
    token = identity.listening_token(call.studio.door.secret, call.caller, call.body.channels, now, seconds)
    return {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": seconds,
        "channels": call.body.channels,
    }


async def page_link(call: Call) -> Any:
    """A link into the page for the caller, for one browser, once."""
    token = await call.studio.store.write(browser.link, call.caller.user)
    url = f"{call.request.url.scheme}://{call.request.headers['host']}/sign-in?link={token}"
    return {"url": url, "token": token, "expires_in": browser.LINK_SECONDS}


async def members(call: Call) -> Any:
    """Who has a role in the project."""
    return await call.read(identity.members, call.path("id"))


async def expel(call: Call) -> None:
    """Take a role away, and the access with it."""
    await call.change(_without_role, call.path("user"), call.path("id"))
    call.studio.door.look_again()


async def expel_everywhere(call: Call) -> None:
    """Take a role that holds everywhere away, and the access with it."""
    await call.change(_without_role, call.path("user"), EVERYWHERE)
    call.studio.door.look_again()


def _without_role(tx: Transaction, user: str, project: str) -> None:
    identity.expel(tx, user, project)
    tasks.give_up(tx, user)


def _knock(call: Call, token: str) -> None:
    client = call.request.client
    call.studio.door.knock(client.host if client else "", token)


ROUTES = [
    Rest("POST", "auth/redeem", redeem, body=bodies.Redeem),
    Rest("POST", "auth/refresh", refresh, body=bodies.Refresh),
    Rest("POST", "auth/logout", logout, Action.READ, body=bodies.Logout, listing=True),
    Rest("POST", "auth/invites", invite, Action.INVITE, "body", bodies.NewInvite, status=201, secret=True),
    Rest(
        "POST",
        "auth/token",
        listening_token,
        Action.READ,
        body=bodies.NewToken,
        status=201,
        listing=True,
        secret=True,
    ),
    Rest("POST", "auth/page-link", page_link, Action.READ, status=201, listing=True, secret=True),
    Rest("GET", "me", me, Action.READ, listing=True),
    Rest("GET", "projects/{id}/members", members, Action.READ, t.projects),
    Rest("DELETE", "projects/{id}/members/{user}", expel, Action.MANAGE, t.projects),
    Rest("DELETE", "members/{user}", expel_everywhere, Action.MANAGE),
]
