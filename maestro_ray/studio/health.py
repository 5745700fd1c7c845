"""Whether Studio's database answers: asked by whoever watches Studio, at most once at a time."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa

from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Row, Store, Transaction

# a database that needs longer than this, in seconds, does not answer
PATIENCE = 2.0


class Health:
    """A question that hangs is not asked a second time: those who ask meanwhile wait for the same answer."""

    def __init__(self) -> None:
        self._asking: asyncio.Task[Row | None] | None = None

    async def database(self, store: Store, patience: float = PATIENCE) -> bool:
        """Whether it answers within `patience` seconds."""
        if self._asking is None or self._asking.done():
            question = sa.select(t.settings.c.name)
            self._asking = asyncio.ensure_future(store.read(Transaction.first, question))
        done, _ = await asyncio.wait([self._asking], timeout=patience)
        return bool(done) and self._asking.exception() is None
