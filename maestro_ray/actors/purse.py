"""A purse: what a worker may spend on its run before it must ask Studio again, and the pause when there is no more.

Studio reserves and the worker keeps to it: nothing is spent that was not granted, also while Studio cannot be asked. An
agent tells what it used after the fact, so the answer that crosses the limit is over it, and nothing after that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from maestro_ray.actors.spending import Spending
from maestro_ray.model.agent import UsageCounted
from maestro_ray.model.budget import Amount

log = logging.getLogger(__name__)

Ask = Callable[[Mapping[str, Any]], Awaitable[Any]]

# what was used is told this often at most, in seconds
EVERY = 3.0
# and one that was refused asks again so often
AGAIN = 2.0
# when less than this share of what was granted is left, it is time to ask for more
LOW = 0.5
NO_ANSWER = "Studio cannot be asked whether the budget allows it"


class Purse:
    """Of one run. `ask` is one try to reach Studio: its answer, or None. A run that is not `capped` is only counted."""

    def __init__(self, spending: Spending, ask: Ask, *, capped: bool) -> None:
        self.spending = spending
        self._ask = ask
        self._capped = capped
        self._began = self._limit = Amount()
        self._limited = (capped, capped)
        self._news = asyncio.Event()
        self._low = asyncio.Event()
        self._asking = asyncio.Lock()

    def spent(self, usage: UsageCounted) -> bool:
        """The agent has used something; whether it must stop now."""
        self.spending.add(usage)
        self._news.set()
        if self._share_left() < LOW:
            self._low.set()
        return self.empty

    @property
    def empty(self) -> bool:
        """Whether all that was granted is used."""
        return self._share_left() <= 0

    async def fill(self) -> str:
        """Reserve for what comes next: an empty text, or why there is nothing."""
        if not self._capped:
            return ""
        return await self._tell(self.spending.asked())

    async def keep(self) -> None:
        """Beside a turn: tell what is used, and ask for more before there is none. Cancel it to end."""
        while True:
            await self._news.wait()
            self._news.clear()
            self._low.clear()
            body = self.spending.asked() if self._capped else self.spending.told()
            if body:
                await self._tell(body)
            try:
                async with asyncio.timeout(EVERY):
                    await self._low.wait()
                self._news.set()
            except TimeoutError:
                pass

    async def _tell(self, body: Mapping[str, Any]) -> str:
        async with self._asking:
            before = self.spending.total()
            answer = await self._ask(body)
            if not self._capped:
                return ""
            if not isinstance(answer, Mapping):
                return NO_ANSWER
            if not answer["granted"]:
                self._limit, self._limited = before, (True, True)
                return str(answer["reason"])
            tokens, usd = answer["tokens"], answer["usd"]
            self._began, self._limited = before, (tokens is not None, usd is not None)
            self._limit = before + Amount(tokens or 0, usd or 0.0)
            return ""

    def _share_left(self) -> float:
        """Of what was granted, from 1 down to 0 or less, of the unit of which there is least."""
        spent, began, limit = self.spending.total(), self._began, self._limit
        shares = [1.0]
        if self._limited[0]:
            shares.append(_share(limit.tokens - spent.tokens, limit.tokens - began.tokens))
        if self._limited[1]:
            shares.append(_share(limit.usd - spent.usd, limit.usd - began.usd))
        return min(shares)


def _share(left: float, whole: float) -> float:
    return left / whole if whole > 0 and left > 0 else 0.0
