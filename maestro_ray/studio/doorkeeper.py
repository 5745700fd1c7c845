"""Who is at the door: access tokens into callers, and how often one may knock."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from maestro_ray.clock import Clock
from maestro_ray.errors import Unauthenticated
from maestro_ray.model.access import Caller, as_roles
from maestro_ray.studio import identity
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
        self._knocks = Limiter(burst=30, rate=0.5)

    async def caller(self, token: str) -> Caller:
        """Who holds this access token. Raises `Unauthenticated`."""
        claims = identity.verify(token, self.secret, self._clock.wall())
        await self._look_at_cuts()
        issued = max(self._cuts.get(str(claims[name]), float("-inf")) for name in ("sub", "fam"))
        if claims["iat"] <= issued:
            raise Unauthenticated("the access token was revoked")
        return _caller(claims)

    def may_scrape(self, token: str) -> bool:
        """Whether this is the token for the metrics."""
        return hmac.compare_digest(token.encode(), identity.scrape_token(self.secret).encode())

    def knock(self, address: str) -> None:
        """Somebody tries an invite or a refresh token. Raises `TooManyRequests`."""
        self._knocks.take(address, self._clock.monotonic())

    def look_again(self) -> None:
        """A token was cut a moment ago, in this process."""
        self._cuts_at = float("-inf")

    async def _look_at_cuts(self) -> None:
        now = self._clock.monotonic()
        if now - self._cuts_at < CUTS_KEPT:
            return
        self._cuts_at = now
        since = self._clock.wall() - identity.ACCESS_SECONDS
        rows = await self._store.read(Transaction.all, sa.select(t.cuts).where(t.cuts.c.at > since))
        self._cuts = {row["subject"]: row["at"] for row in rows}


def _caller(claims: Mapping[str, Any]) -> Caller:
    channels = claims.get("channels")
    try:
        return Caller(
            str(claims["sub"]),
            str(claims["fam"]),
            as_roles(claims["roles"]),
            None if channels is None else tuple(map(str, channels)),
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise Unauthenticated("the access token is not one of ours") from error
