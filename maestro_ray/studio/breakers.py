"""Breakers: while the rate limit of a credential pool holds, or its account is refused, no session of it has work."""

from __future__ import annotations

import sqlalchemy as sa

from maestro_ray.model.dispatch import SIGNED_OUT
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Transaction


def trip(tx: Transaction, user_id: str, pool: str, until: float) -> None:
    """Let the sessions of this user with this pool rest, never shorter than was said before.

    A pool is its owner's name for their credentials: that of somebody else is another, whatever it is called.
    """
    where = _of(user_id, pool)
    known = tx.first(sa.select(t.breakers).where(where))
    if known is None:
        tx.insert(t.breakers, user_id=user_id, pool=pool, until=until)
    elif known["until"] < until:
        tx.execute(t.breakers.update().where(where).values(until=until))


def over(tx: Transaction) -> sa.ColumnElement[bool]:
    """Those whose time has come."""
    return t.breakers.c.until <= tx.now


def is_out(tx: Transaction, user_id: str, pool: str) -> bool:
    """Whether the account of this pool was refused."""
    known = tx.first(sa.select(t.breakers).where(_of(user_id, pool)))
    return known is not None and bool(known["until"] >= SIGNED_OUT)


def mend(tx: Transaction, user_id: str, pool: str) -> None:
    """A person says that a refused account works again, or begins anew with it. A limit has its own time."""
    tx.execute(t.breakers.delete().where(_of(user_id, pool), t.breakers.c.until >= SIGNED_OUT))


def _of(user_id: str, pool: str) -> sa.ColumnElement[bool]:
    return sa.and_(t.breakers.c.user_id == user_id, t.breakers.c.pool == pool)
