"""Spending: what a worker's agents have used for one run, by model."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maestro_ray.actors.messages import TeamSpec
from maestro_ray.errors import ConfigError
from maestro_ray.ids import new_id
from maestro_ray.model.agent import UsageCounted
from maestro_ray.model.budget import Amount
from maestro_ray.model.plain_text import one_line
from maestro_ray.prices import Prices

# what Studio takes of one model, and of how many; an agent may say anything, and a report that is refused is lost
MOST_TOKENS, MOST_USD = 10**12, 1e6
MOST_MODELS, LONGEST_NAME, OTHERS = 99, 200, "others"

log = logging.getLogger(__name__)


def prices_of(team: TeamSpec) -> Prices:
    """As the person's file says now; ours while it has a mistake, of which a new team tells."""
    root = Path(team.state[0]) if team.state else None
    try:
        return Prices.load(root)
    except ConfigError as error:
        log.warning("only maestro's own prices count: %s", error)
        return Prices.load(None)


@dataclass
class _Counts:
    """Of one model. Of what went `into` it, `cached` was read from its cache; nobody knows the price of `unpriced`."""

    into: int = 0
    made: int = 0
    cached: int = 0
    unpriced: int = 0
    usd: float = 0.0

    def add(self, usage: UsageCounted) -> None:
        self.into = _tokens(self.into + _tokens(usage.input_tokens))
        self.made = _tokens(self.made + _tokens(usage.output_tokens))
        self.cached = _tokens(self.cached + _tokens(usage.cached_tokens))

    def priced(self, model: str, prices: Prices) -> tuple[float, int]:
        """US dollars by our prices, and the tokens they do not know."""
        usd = prices.cost(model, self.into, self.made, self.cached)
        return (0.0, self.into + self.made) if usd is None else (usd, 0)


@dataclass
class Spending:
    """Tokens and US dollars of one worker's work on one run. What is told is always all of it: a report that is lost
    or comes twice changes nothing.

    An agent that says what it cost is believed: that covers all that it used since it last said so. Until it does, and
    for one that never does, the prices say.
    """

    prices: Prices = field(default_factory=Prices)
    provider: str = ""
    model: str = ""
    session: str = ""

    def __post_init__(self) -> None:
        self._meter = new_id()
        self._number = 0
        self._models: dict[str, _Counts] = {}
        # what the agent has not said the cost of yet
        self._pending: dict[str, _Counts] = {}
        self._says = False

    def add(self, usage: UsageCounted) -> None:
        model = self._named(usage.model or self.model)
        self._models.setdefault(model, _Counts()).add(usage)
        self._pending.setdefault(model, _Counts()).add(usage)
        if (usd := _dollars(usage.cost)) > 0:
            self._models[model].usd = _dollars(self._models[model].usd + usd)
            self._says = True
            self._pending.clear()

    def _named(self, model: str) -> str:
        name = one_line(model)[:LONGEST_NAME]
        return name if name in self._models or len(self._models) < MOST_MODELS else OTHERS

    def turn_over(self) -> None:
        """What the agent has said no cost of by now, it never will; unless it says one for all of a turn."""
        if not self._says:
            for model, counts in self._pending.items():
                usd, unpriced = counts.priced(model, self.prices)
                self._models[model].usd += usd
                self._models[model].unpriced += unpriced
        self._pending.clear()
        self._says = False

    def total(self) -> Amount:
        """All of it, with what is not settled yet by our prices."""
        tokens = sum(counts.into + counts.made for counts in self._models.values())
        pending = sum(counts.priced(model, self.prices)[0] for model, counts in self._pending.items())
        return Amount(tokens, sum(counts.usd for counts in self._models.values()) + pending)

    def told(self) -> Mapping[str, Any]:
        """The `usage` of a report's body; an empty mapping when nothing was used."""
        return {"usage": self._usage()} if self._models else {}

    def asked(self) -> Mapping[str, Any]:
        """The body of a report that asks for more, also when nothing was used."""
        return {"usage": self._usage(), "ask": True}

    def _usage(self) -> Mapping[str, Any]:
        self._number += 1
        of = {"provider": self.provider, "session_id": self.session}
        models = [self._row(model, counts) for model, counts in self._models.items()]
        return {"meter": self._meter, "number": self._number, "models": models, **of}

    def _row(self, model: str, counts: _Counts) -> Mapping[str, Any]:
        usd, unpriced = self._pending.get(model, _Counts()).priced(model, self.prices)
        return {
            "model": model,
            "input_tokens": counts.into,
            "cached_tokens": min(counts.cached, counts.into),
            "output_tokens": counts.made,
            "unpriced_tokens": _tokens(counts.unpriced + unpriced),
            "cost_usd": _dollars(counts.usd + usd),
        }


def _tokens(said: int) -> int:
    return max(0, min(said, MOST_TOKENS))


def _dollars(said: float) -> float:
    """What is no number says nothing."""
    return max(0.0, min(said, MOST_USD)) if math.isfinite(said) else 0.0
