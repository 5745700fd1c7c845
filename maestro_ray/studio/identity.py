"""Who may talk to Studio: one-time invites, short access tokens (JWT), rotating refresh tokens, roles."""

from __future__ import annotations

import functools
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from maestro_ray.errors import Forbidden, NotFound, Unauthenticated
from maestro_ray.ids import new_id
from maestro_ray.model.access import EVERYWHERE, Caller, Role, as_roles, higher
from maestro_ray.studio import schema as t
from maestro_ray.studio import seal
from maestro_ray.studio.backstage import BACKSTAGE, CUT
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


# ── invites ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def invite(tx: Transaction, role: Role = Role.OWNER, project: str = EVERYWHERE, by: str = "") -> str:
    """A token that can be redeemed once within seven days; only its hash is kept. `NotFound` for the project."""
    if project != EVERYWHERE:
        tx.get(t.projects, project)
    token = one_time(tx)
    tx.insert(
        t.invites,
        hash=digest(token),
        role=role,
        project=project,
        invited_by=by,
        expires_at=tx.now + INVITE_SECONDS,
    )
    return token


def may_invite(caller: Caller, role: Role, project: str) -> None:
    """Raises `Forbidden`."""
    if not caller.may_give(role, project):
        where = "everywhere" if project == EVERYWHERE else "in this project"
        raise Forbidden(f"invite {role.value}s {where}", "ask an owner")


def redeem(tx: Transaction, token: str, name: str, user: str = "") -> Row:
    """Turn an invite into an identity, or into one more role of `user`.

    Answers `{access_token, refresh_token, token_type, expires_in, refresh_expires_in}`. Raises `Unauthenticated`.
    """
    row = tx.first(sa.select(t.invites).where(t.invites.c.hash == digest(token)))
    if row is None or row["expires_at"] <= tx.now:
        raise Unauthenticated("the invite is unknown or has expired")
    if row["used_at"] is not None:
        raise Unauthenticated("the invite was already used")
    if not _may_still_give(tx, row):
        raise Unauthenticated("the invite counts no longer: whoever gave it may not invite any more")
    user = user or tx.insert(t.users, name=name)
    used = {"used_at": tx.now, "used_by": user}
    tx.execute(t.invites.update().where(t.invites.c.hash == row["hash"]).values(**used))
    _give(tx, user, row["project"], Role(row["role"]))
    return _tokens(tx, user, new_id())


def _may_still_give(tx: Transaction, invite: Row) -> bool:
    """Whoever is expelled must not come back by an invite of their own. Studio itself, that is nobody, may always."""
    by = invite["invited_by"]
    inviter = Caller(by, "", as_roles(roles(tx, by)))
    return not by or inviter.may_give(Role(invite["role"]), invite["project"])


# ── roles ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def roles(tx: Transaction, user: str) -> dict[str, str]:
    """`{project id or "*": role}`."""
    rows = tx.all(sa.select(t.memberships).where(t.memberships.c.user_id == user))
    return {row["project"]: row["role"] for row in rows}


def members(tx: Transaction, project: str) -> list[Row]:
    """`{id, name, role, project}` of everybody who has a role here, those with one everywhere included."""
    query = (
        sa.select(t.users.c.id, t.users.c.name, t.memberships.c.role, t.memberships.c.project)
        .join(t.memberships, t.memberships.c.user_id == t.users.c.id)
        .where(t.memberships.c.project.in_([project, EVERYWHERE]))
    )
    return tx.all(query.order_by(t.users.c.id))


def expel(tx: Transaction, user: str, project: str) -> None:
    """Take a role away. What they hold counts no longer. Raises `NotFound` when they have none here."""
    where = sa.and_(t.memberships.c.user_id == user, t.memberships.c.project == project)
    if not tx.execute(t.memberships.delete().where(where)).rowcount:
        raise NotFound("member", user)
    _cut(tx, user)


def _give(tx: Transaction, user: str, project: str, role: Role) -> None:
    """Whoever is more than that here already stays it."""
    where = sa.and_(t.memberships.c.user_id == user, t.memberships.c.project == project)
    held = tx.first(sa.select(t.memberships).where(where))
    role = role if held is None else higher(role, Role(held["role"]))
    tx.execute(t.memberships.delete().where(where))
    tx.insert(t.memberships, user_id=user, project=project, role=role)


def describe(tx: Transaction, caller: Caller) -> Row:
    """`{id, name, roles, projects: [{id, key, name, role}]}`."""
    user = tx.get(t.users, caller.user)
    query = sa.select(t.projects).order_by(t.projects.c.id)
    visible = caller.projects()
    if visible is not None:
        query = query.where(t.projects.c.id.in_(visible))
    projects = [
        {"id": row["id"], "key": row["key"], "name": row["name"], "role": caller.role(row["id"])}
        for row in tx.all(query)
    ]
    return {"id": user["id"], "name": user["name"], "roles": dict(caller.roles), "projects": projects}


# ── tokens ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def refresh(tx: Transaction, token: str) -> Row | None:
    """Fresh tokens for a refresh token, which is used up.

    A token seen twice has been copied, unless what it was exchanged for was never used: that answer was lost, however
    long its client was away since. A copied one revokes its whole family, and None comes back, so that the caller
    commits the revocation and then refuses. Raises `Unauthenticated` for a token that is unknown or has expired.
    """
    row = tx.first(sa.select(t.refresh_tokens).where(t.refresh_tokens.c.hash == digest(token)))
    if row is None or row["expires_at"] <= tx.now:
        raise Unauthenticated("the refresh token is unknown or has expired")
    if row["revoked_at"] is not None or (row["used_at"] is not None and not _lost_its_answer(tx, row)):
        _revoke(tx, t.refresh_tokens.c.family == row["family"])
        _cut(tx, row["family"])
        return None
    here = t.refresh_tokens.c.hash == row["hash"]
    tx.execute(t.refresh_tokens.update().where(here).values(used_at=row["used_at"] or tx.now))
    return _tokens(tx, row["user_id"], row["family"], parent=row["hash"])


def _lost_its_answer(tx: Transaction, row: Row) -> bool:
    """Whether this may be the same client once more: no refresh token that came of this one was ever used."""
    children = tx.all(sa.select(t.refresh_tokens).where(t.refresh_tokens.c.parent == row["hash"]))
    if any(child["used_at"] is not None for child in children):
        return False
    _revoke(tx, t.refresh_tokens.c.parent == row["hash"])
    return True


def logout(tx: Transaction, caller: Caller, *, everywhere: bool = False) -> None:
    """End this sign-in, or every one of this person: access tokens, browsers, and invites that nobody has used yet,
    for whoever has copied a token may have made one to come back by."""
    if everywhere:
        given, open_ = t.invites.c.invited_by == caller.user, t.invites.c.used_at.is_(None)
        tx.execute(t.invites.delete().where(given, open_))
        tx.execute(t.browsers.delete().where(t.browsers.c.user_id == caller.user))
        _revoke(tx, t.refresh_tokens.c.user_id == caller.user)
        _cut(tx, caller.user)
    else:
        _revoke(tx, t.refresh_tokens.c.family == caller.family)
        _cut(tx, caller.family)


def _revoke(tx: Transaction, which: sa.ColumnElement[bool]) -> None:
    alive = t.refresh_tokens.c.revoked_at.is_(None)
    tx.execute(t.refresh_tokens.update().where(which, alive).values(revoked_at=tx.now))


def _cut(tx: Transaction, subject: str) -> None:
    """No access token of this user or family that was made until now counts any more."""
    tx.execute(
        t.cuts.delete().where(sa.or_(t.cuts.c.subject == subject, t.cuts.c.at < tx.now - ACCESS_SECONDS))
    )
    tx.insert(t.cuts, subject=subject, at=tx.now)
    tell_cut(tx, subject)


def tell_cut(tx: Transaction, subject: str) -> None:
    """Connections that listen for this user, family or browser end."""
    tx.publish(BACKSTAGE, CUT, subject=subject, at=tx.now)


def listening_token(secret: str, caller: Caller, channels: Sequence[str], now: float, seconds: float) -> str:
    """An access token that can authorise these channels and nothing else."""
    return _access_token(secret, caller.user, caller.family, caller.roles, now, seconds, list(channels))


def verify(token: str, secret: str, now: float) -> Mapping[str, Any]:
    """The claims of an access token. Raises `Unauthenticated`."""
    claims = _signed(token, secret)
    if not all(isinstance(claims[name], int | float) for name in ("exp", "iat")) or claims["exp"] <= now:
        raise Unauthenticated("the access token has expired")
    return claims


# Whoever calls comes again and again with the same token. One that is not valid is looked at each time.
@functools.lru_cache(maxsize=1024)
def _signed(token: str, secret: str) -> Mapping[str, Any]:
    # 65 ms to import: a start does not wait for it
    import jwt

    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            audience=AUDIENCE,
            options={
                "require": ["exp", "iat", "sub", "aud", "fam", "roles"],
                "verify_exp": False,
                "verify_iat": False,
            },
        )
    except jwt.PyJWTError as error:
        raise Unauthenticated("the access token is not valid") from error
    return claims


def _tokens(tx: Transaction, user: str, family: str, parent: str = "") -> Row:
    fresh = one_time(tx)
    tx.insert(
        t.refresh_tokens,
        hash=digest(fresh),
        family=family,
        parent=parent,
        user_id=user,
        expires_at=tx.now + REFRESH_SECONDS,
    )
    secret = setting(tx, "jwt_secret")
    return {
        "access_token": _access_token(secret, user, family, roles(tx, user), tx.now, ACCESS_SECONDS),
        "refresh_token": fresh,
        "token_type": "Bearer",
        "expires_in": ACCESS_SECONDS,
        "refresh_expires_in": REFRESH_SECONDS,
    }


def _access_token(
    secret: str,
    user: str,
    family: str,
    held: Mapping[str, str],
    now: float,
    seconds: float,
    channels: list[str] | None = None,
) -> str:
    claims: dict[str, Any] = {
        "sub": user,
        "fam": family,
        "aud": AUDIENCE,
        "roles": dict(held),
        # with fractions: a token made right after a cut must not fall under it
        "iat": now,
        "exp": now + seconds,
        "jti": new_id(),
    }
    if channels is not None:
        claims["channels"] = channels
    import jwt

    return jwt.encode(claims, secret, algorithm="HS256")


def scrape_token(secret: str) -> str:
    """What Prometheus shows to read the metrics: it cannot renew a token, so this one lasts, and opens nothing else."""
    return hmac.digest(secret.encode(), b"metrics", "sha256").hex()


def one_time(tx: Transaction) -> str:
    """A secret to be shown once, of which only the hash is kept."""
    return seal.fresh(setting(tx, "jwt_secret"))


def digest(token: str) -> str:
    """What is kept of a secret. It has 256 random bits, so a plain hash cannot be guessed."""
    return hashlib.sha256(token.encode()).hexdigest()
