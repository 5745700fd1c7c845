"""Studio as one object: what every request needs, and the rule that a change settles whatever it made possible."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import sqlalchemy as sa

from maestro_ray.clock import Clock
from maestro_ray.config import Config
from maestro_ray.model.access import Caller
from maestro_ray.studio import dispatch, identity
from maestro_ray.studio import schema as t
from maestro_ray.studio.backstage import BACKSTAGE, CUT, HELD, Backstage
from maestro_ray.studio.chunks import Chunks
from maestro_ray.studio.database import Place
from maestro_ray.studio.doorkeeper import Doorkeeper
from maestro_ray.studio.health import Health
from maestro_ray.studio.hub import Hub
from maestro_ray.studio.metrics import Metrics
from maestro_ray.studio.neighbours import Neighbours
from maestro_ray.studio.store import Store, Transaction

P = ParamSpec("P")
T = TypeVar("T")

# a channel has less than this many events in a second, and the sum stays exact in a browser's numbers until 2242
NUMBERS_A_SECOND = 2**20


def numbers_begin_after(tx: Transaction) -> int:
    """Above every number an earlier process on this file can have given, also when an older copy was put back.

    It is found once for each start: to write down each number would make every change of an SQLite file slower.
    """
    where = t.settings.c.name == "numbered_since"
    row = tx.first(sa.select(t.settings).where(where))
    since = max(int(tx.now), int(row["value"]) + 1 if row else 0)
    tx.execute(t.settings.delete().where(where))
    tx.insert(t.settings, name="numbered_since", value=str(since))
    return since * NUMBERS_A_SECOND


def _begin(tx: Transaction, alone: bool) -> tuple[str, str, str, int]:
    """The app's key and secret, the secret of access tokens, and for a Studio that is `alone` where numbers begin."""
    key, secret = identity.setting(tx, "app_key", 10), identity.setting(tx, "app_secret")
    return key, secret, identity.setting(tx, "jwt_secret"), numbers_begin_after(tx) if alone else 0


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
    neighbours: Neighbours = field(init=False)

    @classmethod
    async def open(cls, place: Place, config: Config, clock: Clock, hub: Hub | None = None) -> Self:
        """On this database, which is made or brought up to date. Raises what `Store.open` does."""
        hub, chunks, backstage = hub or Hub("", ""), Chunks(), Backstage()

        def hear(channel: str, method: str, params: dict[str, Any], *numbered: Any) -> None:
            if channel == BACKSTAGE:
                backstage.hear(method, params)
                return
            if method == "run.chunk":
                chunks.add(params["run_id"], params["text"], clock.wall())
            hub.publish(channel, method, params, *numbered)

        store = await Store.open(place, clock, hear, hub.renumber)
        hub.key, hub.secret, secret, before = await store.write(_begin, store.feed is None)
        if store.feed is None:
            hub.renumber({}, before)
        studio = cls(store, hub, config, clock, Doorkeeper(store, secret, clock), chunks=chunks)
        backstage.on |= {CUT: studio._cut, HELD: studio._held}
        studio.neighbours = Neighbours(store, hub, clock, backstage)
        # what may listen is held by what is known of them
        await studio.door.look_at_cuts()
        return studio

    async def change(
        self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """A write, and in the same transaction whatever has become possible through it."""

        def whole(tx: Transaction) -> T:
            answer = work(tx, *args, **kwargs)
            dispatch.follow(tx)
            return answer

        return await self.store.write(whole)

    async def hold(self, caller: Caller, sockets: Iterable[str]) -> None:
        """Whoever may listen may do so until this caller's sign-in ends. Called before anything is signed.

        A connection to another Studio on this database is held there.
        """
        subjects = [each for each in (caller.user, caller.family) if each]
        elsewhere = self._held([*dict.fromkeys(sockets)], subjects, caller.issued)
        if elsewhere and self.store.feed is not None:
            about = {"sockets": elsewhere, "subjects": subjects, "issued": caller.issued}
            await self.store.say(BACKSTAGE, HELD, **about)

    def _held(self, sockets: Sequence[str], subjects: Sequence[str], issued: float) -> list[str]:
        """The ones that are not here."""
        elsewhere = [each for each in sockets if not self.hub.hold(each, subjects, issued)]
        if self.door.is_cut(subjects, issued):
            # told of since the caller was let in
            for subject in subjects:
                self.hub.cut(subject, issued)
        return elsewhere

    def _cut(self, subject: str, at: float) -> None:
        self.door.cut(subject, at)
        self.hub.cut(subject, at)
