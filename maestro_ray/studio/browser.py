"""Browsers: a one-time link lets one in, a cookie keeps it in. Of both only a hash is kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import sqlalchemy as sa

from maestro_ray.errors import Unauthenticated
from maestro_ray.model.access import Caller, as_roles
from maestro_ray.studio import identity
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row, Transaction

LINK_SECONDS = 120
STAY_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True)
class Browser:
    """One that is signed in: who sits at it, and the token that each of its forms must repeat."""

    caller: Caller
    name: str
    form_token: str


def link(tx: Transaction, user: str) -> str:
    """A token that lets one browser in as this user, once, within two minutes."""
    return _keep(tx, "link", user, LINK_SECONDS)


def enter(tx: Transaction, token: str) -> str:
    """Use a link up; the value of the cookie. Raises `Unauthenticated`."""
    row = _find(tx, "link", token)
    # two browsers at once: the one that takes the row away has it
    if row is None or not tx.execute(t.browsers.delete().where(t.browsers.c.hash == row["hash"])).rowcount:
        raise Unauthenticated("the sign-in link is unknown, was already used, or is older than two minutes")
    return _keep(tx, "cookie", row["user_id"], STAY_SECONDS)


def find(tx: Transaction, cookie: str) -> Browser:
    """The browser with this cookie, with its user's present roles. Raises `Unauthenticated`."""
    row = _find(tx, "cookie", cookie)
    if row is None:
        raise Unauthenticated("this browser is not signed in")
    user = tx.get(t.users, row["user_id"])
    caller = Caller(user["id"], row["hash"], as_roles(identity.roles(tx, user["id"])), issued=tx.now)
    return Browser(caller, user["name"], form_token(cookie))


def leave(tx: Transaction, cookie: str) -> None:
    """Sign out. Harmless when it is not signed in."""
    ended = identity.digest(cookie)
    tx.execute(t.browsers.delete().where(t.browsers.c.hash == ended))
    identity.tell_cut(tx, ended)


def form_token(cookie: str) -> str:
    """Another site can make a browser send its cookie, but cannot read it, and so cannot know this."""
    return hashlib.sha256(f"form {cookie}".encode()).hexdigest()


def _keep(tx: Transaction, kind: str, user: str, seconds: float) -> str:
    token = identity.one_time(tx)
    expires = tx.now + seconds
    tx.insert(t.browsers, hash=identity.digest(token), kind=kind, user_id=user, expires_at=expires)
    return token


def _find(tx: Transaction, kind: str, token: str) -> Row | None:
    here = (t.browsers.c.hash == identity.digest(token), t.browsers.c.kind == kind)
    return tx.first(sa.select(t.browsers).where(*here, t.browsers.c.expires_at > tx.now))
