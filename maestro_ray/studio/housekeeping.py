"""Housekeeping: what nobody can use any more is deleted, a little at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from maestro_ray.studio import identity
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Store, Transaction
from maestro_ray.studio.studio import Studio

log = logging.getLogger(__name__)

# how long a request may be repeated with its Idempotency-Key
REPLY_SECONDS = 7 * 24 * 3600
# at most this many rows of each table in one go: writers take turns, and nobody waits long for this one
AT_ONCE = 500
FIRST, EVERY, SOON = 30.0, 600.0, 1.0


async def keep_house(studio: Studio) -> None:
    """Tidy every ten minutes, and soon again while there is more than one go can delete. A start is not held up."""
    pause = FIRST
    while True:
        await asyncio.sleep(pause)
        pause = EVERY
        try:
            if max((await tidy(studio.store)).values()) >= AT_ONCE:
                pause = SOON
        except sa.exc.SQLAlchemyError:
            log.exception("old rows could not be deleted; trying again")


async def tidy(store: Store, at_once: int = AT_ONCE) -> dict[str, int]:
    """Delete what is dead, at most `at_once` rows of each table; how many, by table."""
    # they are looked for beside the writers; what is dead stays dead until it is deleted
    found = await store.read(_dead, at_once)
    if any(found.values()):
        await store.write(_delete, found)
    return {table.name: len(keys) for table, keys in found.items()}


def _dead(tx: Transaction, at_once: int) -> dict[sa.Table, list[str]]:
    return {table: _keys(tx, table, where, at_once) for table, where in _when_dead(tx.now).items()}


def _when_dead(now: float) -> dict[sa.Table, sa.ColumnElement[bool]]:
    return {
        t.replies: t.replies.c.created_at < now - REPLY_SECONDS,
        t.invites: t.invites.c.expires_at <= now,
        t.refresh_tokens: _of_no_use(now),
        t.browsers: t.browsers.c.expires_at <= now,
        t.cuts: t.cuts.c.at < now - identity.ACCESS_SECONDS,
    }


def _of_no_use(now: float) -> sa.ColumnElement[bool]:
    """A used token of a family that lives is kept: only by knowing it is a thief found out who comes with it."""
    other = t.refresh_tokens.alias()
    alive = sa.select(other.c.hash).where(
        other.c.family == t.refresh_tokens.c.family, other.c.revoked_at.is_(None), other.c.expires_at > now
    )
    return sa.or_(t.refresh_tokens.c.expires_at <= now, ~sa.exists(alive))


def _ended(tx: Transaction, found: Mapping[sa.Table, Sequence[str]]) -> list[str]:
    """The sign-ins of which nothing is left: who listened for them hears no more."""
    gone, left = t.refresh_tokens, t.refresh_tokens.alias()
    keys = found[gone]
    others = sa.select(left.c.hash).where(left.c.family == gone.c.family, left.c.hash.not_in(keys))
    families = sa.select(gone.c.family).where(gone.c.hash.in_(keys), ~sa.exists(others)).distinct()
    return [*found[t.browsers], *(row["family"] for row in tx.all(families))]


def _keys(tx: Transaction, table: sa.Table, where: sa.ColumnElement[bool], at_once: int) -> list[str]:
    (key,) = table.primary_key.columns
    return [row[key.name] for row in tx.all(sa.select(key).where(where).limit(at_once))]


def _delete(tx: Transaction, found: Mapping[sa.Table, Sequence[str]]) -> None:
    for subject in _ended(tx, found):
        identity.tell_cut(tx, subject)
    for table, keys in found.items():
        (key,) = table.primary_key.columns
        tx.execute(table.delete().where(key.in_(keys)))
