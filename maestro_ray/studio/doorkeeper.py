"""Who is at the door: access tokens into callers, and how often one may knock."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from maestro_ray.clock import Clock
from maestro_ray.errors import Unauthenticated
from maestro_ray.model.access import Caller, as_roles
from maestro_ray.studio import identity, seal
from maestro_ray.studio import schema as t
from maestro_ray.studio.limiter import Limiter
from maestro_ray.studio.store import Store, Transaction

# how old the list of cut tokens may be, in seconds: another process may have cut one
CUTS_KEPT = 1.0


class Doorkeeper:
    """Tokens are believed by their signature; those that were cut before their end are looked up once a second."""

    def __init__(self, store: Store, secret: str, clock: Clock) -> None:
        self.secret = secret
        self._store = store
        self._clock = clock
        self._cuts: Mapping[str, float] = {}
        self._cuts_at = float("-inf")
        self._looking: asyncio.Task[None] | None = None
        # how often it was said that they must be read again
        self._told = 0
        self._knocks = Limiter(burst=30, rate=0.5)

    async def caller(self, token: str) -> Caller:
        """Who holds this access token. Raises `Unauthenticated`."""
        claims = identity.verify(token, self.secret, self._clock.wall())
        await self.look_at_cuts()
        caller = _caller(claims)
        if self.is_cut((caller.user, caller.family), caller.issued):
            raise Unauthenticated("the access token was revoked")
        return caller

    def is_cut(self, subjects: Iterable[str], issued: float) -> bool:
        """Whether one of these persons or sign-ins was cut after that time, in Unix seconds, as far as it is known."""
        return any(issued <= self._cuts.get(subject, float("-inf")) for subject in subjects)

    def cut(self, subject: str, at: float) -> None:
        """Told of a cut as soon as it is committed."""
        self._cuts = {**self._cuts, subject: max(at, self._cuts.get(subject, at))}

    def may_scrape(self, token: str) -> bool:
        """Whether this is the token for the metrics."""
        return hmac.compare_digest(token.encode(), identity.scrape_token(self.secret).encode())

    def knock(self, address: str, token: str) -> None:
        """Somebody tries an invite, a link or a refresh token; to be asked before it is looked up.

        Those that Studio has made are counted each by itself. Guesses are counted by address, which everybody of a
        machine has in common: who guesses there keeps nobody out. Raises `TooManyRequests`.
        """
        # what was made before there were seals counts as a guess; its next one has a seal
        ours = seal.is_ours(token, self.secret)
        self._knocks.take(identity.digest(token) if ours else address, self._clock.monotonic())

    def look_again(self) -> None:
        """A token was cut a moment ago, in this process."""
        self._told += 1
        self._cuts_at = float("-inf")

    async def look_at_cuts(self) -> None:
        """Read them unless they were read a moment ago. Whoever comes meanwhile waits: they count for them too.

        All who wait share one look and what becomes of it: where the database hangs, the last is not told after as
        many attempts as there are before them.
        """
        for _ in range(2):  # a look that was begun before somebody came may have missed what they must know
            if self._clock.monotonic() - self._cuts_at < CUTS_KEPT:
                return
            own = self._looking is None
            await asyncio.shield(self._looking or self._begin_look())
            if own:
                return

    def _begin_look(self) -> asyncio.Task[None]:
        self._looking = asyncio.ensure_future(self._look())
        self._looking.add_done_callback(self._looked)
        return self._looking

    async def _look(self) -> None:
        now, told = self._clock.monotonic(), self._told
        await self._read_cuts()
        if told == self._told:
            self._cuts_at = now

    def _looked(self, look: asyncio.Task[None]) -> None:
        self._looking = None
        if not look.cancelled():
            look.exception()  # everybody who waited for it may have gone

    async def _read_cuts(self) -> None:
        since = self._clock.wall() - identity.ACCESS_SECONDS
        rows = await self._store.read(Transaction.all, sa.select(t.cuts).where(t.cuts.c.at > since))
        # what was told while they were read may not be among them
        told = {subject: at for subject, at in self._cuts.items() if at > since}
        self._cuts = told | {row["subject"]: max(row["at"], told.get(row["subject"], since)) for row in rows}


def _caller(claims: Mapping[str, Any]) -> Caller:
    channels = claims.get("channels")
    try:
        return Caller(
            str(claims["sub"]),
            str(claims["fam"]),
            as_roles(claims["roles"]),
            None if channels is None else tuple(map(str, channels)),
            float(claims["iat"]),
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise Unauthenticated("the access token is not one of ours") from error
