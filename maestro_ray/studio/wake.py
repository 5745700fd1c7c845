"""What becomes due by itself: runs that may go on, limits that are over, offers that nobody took up."""

from __future__ import annotations

import sqlalchemy as sa

from maestro_ray.model import run as machine
from maestro_ray.model.dispatch import CLAIM_SECONDS
from maestro_ray.studio import breakers, dispatch, purses, reports, runs
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Transaction


def due(tx: Transaction) -> bool:
    """Whether there is anything to do now. It is asked all the time, and the answer is nearly always no."""
    some = [sa.exists(sa.select(t.breakers.c.pool).where(breakers.over(tx)))]
    some += [sa.exists(sa.select(t.runs.c.id).where(which)) for which in (_lapsed(tx), _resting(tx))]
    return tx.first(sa.select(sa.literal(1)).where(sa.or_(*some))) is not None or bool(purses.past(tx))


def wake(tx: Transaction) -> None:
    """Do it. Nobody sent a request for this, so everything it makes possible is looked for."""
    tx.execute(t.breakers.delete().where(breakers.over(tx)))
    for scope in purses.past(tx):
        purses.withdraw(tx, scope)
    for row in tx.all(sa.select(t.runs).where(_resting(tx)).order_by(t.runs.c.id)):
        if row["state"] == machine.State.PAUSED:
            runs.step(tx, row, machine.Resumed(row["epoch"]))
        else:
            tx.update(t.runs, row["id"], resume_at=None)
    for row in tx.all(sa.select(t.runs).where(_lapsed(tx)).order_by(t.runs.c.id)):
        reports.take_back(tx, row)
    dispatch.settle(tx)


def renew(tx: Transaction) -> None:
    """Count the time of every offer anew, and look at everything: nobody could have claimed, or reported, before."""
    offered = t.runs.c.state == machine.State.DISPATCHED
    tx.execute(t.runs.update().where(offered).values(dispatched_at=tx.now))
    dispatch.settle(tx)


def _lapsed(tx: Transaction) -> sa.ColumnElement[bool]:
    return sa.and_(
        t.runs.c.state == machine.State.DISPATCHED, t.runs.c.dispatched_at <= tx.now - CLAIM_SECONDS
    )


def _resting(tx: Transaction) -> sa.ColumnElement[bool]:
    return sa.and_(
        t.runs.c.state.in_([machine.State.PAUSED, machine.State.QUEUED]), t.runs.c.resume_at <= tx.now
    )
