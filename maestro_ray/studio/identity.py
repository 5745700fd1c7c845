"""Who may talk to Studio: one-time invites, short access tokens (JWT), rotating refresh tokens."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

import jwt
import sqlalchemy as sa

from maestro_ray.errors import Unauthenticated
from maestro_ray.ids import new_id
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row, Transaction

ACCESS_SECONDS = 15 * 60
REFRESH_SECONDS = 30 * 24 * 3600
INVITE_SECONDS = 7 * 24 * 3600
AUDIENCE = "maestro-studio"


def setting(tx: Transaction, name: str, bytes_of_chance: int = 32) -> str:
    """A value chosen at random when it is first asked for, and kept."""
    row = tx.first(sa.select(t.settings).where(t.settings.c.name == name))
    if row is None:
        value = secrets.token_hex(bytes_of_chance)
        tx.insert(t.settings, name=name, value=value)
        return value
    return str(row["value"])


def invite(tx: Transaction, role: str = "owner") -> str:
    """A token that can be redeemed once within seven days; only its hash is kept."""
    token = secrets.token_urlsafe(32)
    tx.insert(t.invites, hash=digest(token), role=role, expires_at=tx.now + INVITE_SECONDS)
    return token


def redeem(tx: Transaction, token: str, name: str) -> Row:
    """Turn an invite into an identity: `{access_token, refresh_token, expires_in}`. Raises `Unauthenticated`."""
    row = tx.first(sa.select(t.invites).where(t.invites.c.hash == digest(token)))
    if row is None or row["expires_at"] <= tx.now:
        raise Unauthenticated("the invite is unknown or has expired")
    if row["used_at"] is not None:
        raise Unauthenticated("the invite was already used")
    tx.execute(t.invites.update().where(t.invites.c.hash == row["hash"]).values(used_at=tx.now))
    user = tx.insert(t.users, name=name, role=row["role"])
    return _tokens(tx, user, new_id())


def refresh(tx: Transaction, token: str) -> Row | None:
    """Fresh tokens for a refresh token, which is used up.

    A token seen twice has been copied: its whole family is revoked and None comes back, so that the caller commits
    the revocation and then refuses. Raises `Unauthenticated` for a token that is unknown, expired or revoked.
    """
    row = tx.first(sa.select(t.refresh_tokens).where(t.refresh_tokens.c.hash == digest(token)))
    if row is None or row["revoked_at"] is not None or row["expires_at"] <= tx.now:
        raise Unauthenticated("the refresh token is unknown, expired or revoked")
    if row["used_at"] is not None:
        family = t.refresh_tokens.c.family == row["family"]
        tx.execute(t.refresh_tokens.update().where(family).values(revoked_at=tx.now))
        return None
    tx.execute(t.refresh_tokens.update().where(t.refresh_tokens.c.hash == row["hash"]).values(used_at=tx.now))
    return _tokens(tx, row["user_id"], row["family"])


def verify(token: str, secret: str, now: float) -> dict[str, Any]:
    """The claims of an access token. Raises `Unauthenticated`."""
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            audience=AUDIENCE,
            options={"require": ["exp", "sub", "aud"], "verify_exp": False, "verify_iat": False},
        )
    except jwt.PyJWTError as error:
        raise Unauthenticated("the access token is not valid") from error
    if not isinstance(claims["exp"], int | float) or claims["exp"] <= now:
        raise Unauthenticated("the access token has expired")
    return claims


def _tokens(tx: Transaction, user_id: str, family: str) -> Row:
    user = tx.get(t.users, user_id)
    claims = {
        "sub": user_id,
        "aud": AUDIENCE,
        "role": user["role"],
        "iat": int(tx.now),
        "exp": int(tx.now) + ACCESS_SECONDS,
        "jti": new_id(),
    }
    fresh = secrets.token_urlsafe(32)
    tx.insert(
        t.refresh_tokens,
        hash=digest(fresh),
        family=family,
        user_id=user_id,
        expires_at=tx.now + REFRESH_SECONDS,
    )
    return {
        "access_token": jwt.encode(claims, setting(tx, "jwt_secret"), algorithm="HS256"),
        "refresh_token": fresh,
        "token_type": "Bearer",
        "expires_in": ACCESS_SECONDS,
    }


def digest(token: str) -> str:
    """What is kept of a secret. It has 256 random bits, so a plain hash cannot be guessed."""
    return hashlib.sha256(token.encode()).hexdigest()
