"""A budget: what may be used of tokens and money, what of it is used, and what is promised to runs that work.

A run reserves before it spends and is settled after it, so that several that spend at once stay below a cap together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# of money, in US dollars; less is rounding and buys nothing
LEAST_USD = 1e-6


@dataclass(frozen=True)
class Amount:
    """Tokens, in and out together, and US dollars."""

    tokens: int = 0
    usd: float = 0.0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.tokens + other.tokens, self.usd + other.usd)

    def less(self, other: Amount) -> Amount:
        """What is left of it; never below nothing."""
        return Amount(max(0, self.tokens - other.tokens), max(0.0, self.usd - other.usd))

    def at_least(self, other: Amount) -> Amount:
        return Amount(max(self.tokens, other.tokens), max(self.usd, other.usd))


@dataclass(frozen=True)
class Cap:
    """At most so much; None is no cap."""

    tokens: int | None = None
    usd: float | None = None

    def __bool__(self) -> bool:
        return (self.tokens, self.usd) != (None, None)


# what a run is thought to use while nothing is known of others like it, and the least that is worth a turn
USUAL = Amount(50_000, 0.25)
SMALLEST = Amount(1_000, 0.01)


@dataclass(frozen=True)
class Ledger:
    """One account: that of a run, a team or a day. `reserved` is promised to runs that work and not used yet."""

    name: str
    cap: Cap = Cap()
    spent: Amount = Amount()
    reserved: Amount = Amount()

    def free(self) -> Cap:
        """What nobody has used or reserved; of a unit without a cap None."""
        return self._left(self.spent + self.reserved)

    def used_up(self) -> bool:
        """Whether a cap is reached by what was spent alone: nobody who settles makes room again."""
        return _nothing(self._left(self.spent))

    def reserve(self, amount: Amount) -> Ledger:
        return Ledger(self.name, self.cap, self.spent, self.reserved + amount)

    def settle(self, used: Amount, reserved: Amount) -> Ledger:
        """So much was used of what was reserved, or beyond it. What of the reservation is left stays reserved."""
        left = self.reserved.less(Amount(min(used.tokens, reserved.tokens), min(used.usd, reserved.usd)))
        return Ledger(self.name, self.cap, self.spent + used, left)

    def release(self, reserved: Amount) -> Ledger:
        return Ledger(self.name, self.cap, self.spent, self.reserved.less(reserved))

    def raise_by(self, step: Cap) -> Amount:
        """What lets it go on: of each unit that is used up the step, as often as it takes."""
        tokens, usd = self.cap.tokens, self.cap.usd
        return Amount(
            step.tokens * _steps(tokens, self.spent.tokens, step.tokens)
            if tokens is not None and step.tokens
            else 0,
            step.usd * _steps(usd, self.spent.usd, step.usd) if usd is not None and step.usd else 0.0,
        )

    def _left(self, gone: Amount) -> Cap:
        tokens = None if self.cap.tokens is None else self.cap.tokens - gone.tokens
        return Cap(tokens, None if self.cap.usd is None else self.cap.usd - gone.usd)


@dataclass(frozen=True)
class Granted:
    """So much is reserved; None is no limit."""

    limit: Cap = Cap()

    def amount(self) -> Amount:
        return Amount(self.limit.tokens or 0, self.limit.usd or 0.0)


@dataclass(frozen=True)
class Refused:
    """Nothing is left of this account. `waits`: others have reserved it, and what they do not use is free again."""

    ledger: Ledger
    waits: bool = False


def decide(ledgers: Sequence[Ledger], wanted: Amount) -> Granted | Refused:
    """How much of `wanted` these accounts allow together, or the first that allows nothing.

    Nobody gets more than half of what is free while that is worth something, so that others can work beside. With an
    account that is used up it is that one which refuses, and not one that others will free again.
    """
    if over := next((each for each in ledgers if each.used_up()), None):
        return Refused(over)
    if full := next((each for each in ledgers if _nothing(each.free())), None):
        return Refused(full, waits=True)
    shares = [_share(each.free(), wanted) for each in ledgers]
    tokens = [each.tokens for each in shares if each.tokens is not None]
    usd = [each.usd for each in shares if each.usd is not None]
    return Granted(Cap(min(tokens, default=None), min(usd, default=None)))


def _share(free: Cap, wanted: Amount) -> Cap:
    tokens = None if free.tokens is None else min(wanted.tokens, _part(free.tokens, wanted.tokens))
    usd = None if free.usd is None else min(wanted.usd, _part(free.usd, wanted.usd))
    return Cap(None if tokens is None else math.ceil(tokens), usd)


def _part(free: float, wanted: float) -> float:
    """Half of it, and all of it when there is little."""
    return max(free / 2, min(free, wanted / 4))


def _nothing(left: Cap) -> bool:
    return (left.tokens is not None and left.tokens <= 0) or (left.usd is not None and left.usd < LEAST_USD)


def _steps(cap: float, spent: float, step: float) -> int:
    """How many steps more put the cap above what was spent; none while it is."""
    return 0 if cap - spent >= LEAST_USD else math.floor((spent + LEAST_USD - cap) / step) + 1


# ── for people ───────────────────────────────────────────────────────────────────────────────────────────────────────


def money(usd: float) -> str:
    """`$1.23`; of less than a cent so much that it is not nothing."""
    return f"${usd:.2f}" if usd >= 0.01 or usd <= 0 else f"${usd:.4f}"


def count(tokens: int) -> str:
    """`950`, `120k`, `1.2M`."""
    for size, unit in ((1_000_000, "M"), (1_000, "k")):
        if tokens >= size:
            number = tokens / size
            return f"{number:.1f}".removesuffix(".0") + unit if number < 10 else f"{number:.0f}{unit}"
    return str(tokens)


def worth(amount: Amount) -> str:
    """`$5.00`, `200k tokens`, or both."""
    parts = [money(amount.usd)] if amount.usd else []
    return " and ".join([*parts, *([f"{count(amount.tokens)} tokens"] if amount.tokens else [])])


def burn(spent: Amount, cap: Cap, unpriced: int = 0) -> str:
    """`$1.23 of $5.00 · 120k tokens`: what was used, of how much, and what of it nobody knows the price of."""
    dollars = money(spent.usd) + (f" of {money(cap.usd)}" if cap.usd is not None else "")
    tokens = count(spent.tokens) + (f" of {count(cap.tokens)}" if cap.tokens is not None else "") + " tokens"
    return f"{dollars} · {tokens}" + (f" ({count(unpriced)} unpriced)" if unpriced else "")
