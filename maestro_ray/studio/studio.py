"""Studio as one object: what every request needs, and the rule that a change settles whatever it made possible."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Concatenate, ParamSpec, TypeVar

from maestro_ray.clock import Clock
from maestro_ray.config import Config
from maestro_ray.studio import dispatch
from maestro_ray.studio.chunks import Chunks
from maestro_ray.studio.doorkeeper import Doorkeeper
from maestro_ray.studio.health import Health
from maestro_ray.studio.metrics import Metrics
from maestro_ray.studio.socket import Hub
from maestro_ray.studio.store import Store, Transaction

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Studio:
    """One process of it; with PostgreSQL there may be several on one database."""

    store: Store
    hub: Hub
    config: Config
    clock: Clock
    door: Doorkeeper
    metrics: Metrics = field(default_factory=Metrics)
    health: Health = field(default_factory=Health)
    chunks: Chunks = field(default_factory=Chunks)

    async def change(
        self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """A write, and in the same transaction whatever has become possible through it."""

        def whole(tx: Transaction) -> T:
            answer = work(tx, *args, **kwargs)
            dispatch.follow(tx)
            return answer

        return await self.store.write(whole)
