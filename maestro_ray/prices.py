"""Prices of models, for agents that do not say what they cost: a file of ours, and before it the person's."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Self

from maestro_ray.errors import ConfigError
from maestro_ray.small_file import read_small
from maestro_ray.toml import Table, read_toml

NAME = "prices.toml"
OURS = Path(__file__).with_name(NAME)
MILLION = 1_000_000
# of a mistake in the unit no model is the reason
DEAREST = 100_000.0


@dataclass(frozen=True)
class Price:
    """US dollars for a million tokens. `model` is a pattern of names."""

    model: str
    input: float
    output: float
    cached: float

    def fits(self, model: str) -> bool:
        name = model.lower()
        return any(fnmatchcase(each, self.model.lower()) for each in (name, name.rpartition("/")[2]))


@dataclass(frozen=True)
class Prices:
    """The first that fits counts."""

    known: tuple[Price, ...] = ()

    @classmethod
    def load(cls, root: Path | None) -> Self:
        """Those of the person, whose state directory is `root`, before ours. Raises `ConfigError`."""
        own = _read(root / NAME) if root is not None and (root / NAME).exists() else ()
        return cls((*own, *_read(OURS)))

    def cost(self, model: str, given: int, made: int, cached: int) -> float | None:
        """US dollars for so many tokens in, out, and read from the cache (of those in); None for an unknown model."""
        price = next((each for each in self.known if model and each.fits(model)), None)
        if price is None:
            return None
        cached = min(cached, given)
        return ((given - cached) * price.input + cached * price.cached + made * price.output) / MILLION


def _read(path: Path) -> tuple[Price, ...]:
    try:
        text = read_small(path, follow=True)
    except (OSError, ValueError) as error:
        raise ConfigError(str(path), 1, 1, f"cannot be read: {error}") from error
    top = read_toml(text, str(path), ConfigError)
    top.only("date", "models")
    top.text("date")
    return tuple(map(_price, top.tables("models")))


def _price(table: Table) -> Price:
    table.only("model", "input", "output", "cached")
    for key in ("model", "input", "output"):
        if key not in table:
            raise table.mistake(f"{key!r} is missing: a price has model, input and output")
    for key in ("input", "output", "cached"):
        if key in table and table.number(key) > DEAREST:
            raise table.mistake(f"{key!r} is US dollars for a million tokens", key)
    given = table.number("input")
    return Price(table.text("model"), given, table.number("output"), table.number("cached", given))
