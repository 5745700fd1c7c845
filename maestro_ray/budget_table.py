"""The `[budget]` table: what a run, a team and a day may use at most, in tokens and US dollars."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from maestro_ray.toml import Table

MOST_TOKENS, MOST_USD = 10**12, 1_000_000.0
_SIZES = {"": 1, "k": 1_000, "m": 1_000_000}
TOKENS_RULE = "a whole number of tokens, 1 or more, such as 200000, or 200k or 2M"
USD_RULE = f"an amount of US dollars, more than 0 and at most {MOST_USD:,.0f}, such as 5 or 2.50"


@dataclass(frozen=True)
class BudgetTable:
    """None is no cap. A day is one of UTC, and of the person whose agents work."""

    run_tokens: int | None = None
    run_usd: float | None = None
    team_tokens: int | None = None
    team_usd: float | None = None
    day_tokens: int | None = None
    day_usd: float | None = None

    def under(self, other: BudgetTable) -> BudgetTable:
        """This where it says something, else the other: a repository caps what the person left open, and nothing that
        the person has said gives way to it."""
        return replace(
            self, **{key: value for key, value in other.to_json().items() if key not in self.to_json()}
        )

    def to_json(self) -> dict[str, Any]:
        """The caps that there are."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def read(table: Table) -> BudgetTable:
    keys = [each.name for each in fields(BudgetTable)]
    table.only(*keys)
    found: dict[str, Any] = {key: _cap(table, key) for key in keys if key in table}
    return BudgetTable(**found)


def _cap(table: Table, key: str) -> float:
    found = tokens(table.raw(key)) if key.endswith("_tokens") else usd(table.raw(key))
    if found is None:
        raise table.mistake(f"{key!r} is {TOKENS_RULE if key.endswith('_tokens') else USD_RULE}", key)
    return found


def tokens(value: object) -> int | None:
    """A cap of tokens, as a number or in words; None when it is none."""
    if isinstance(value, str) and (
        word := re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?) ?([kKmM]?)", value.strip())
    ):
        number = float(word[1]) * _SIZES[word[2].lower()]
        value = int(number) if number == int(number) else value
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 1 <= value <= MOST_TOKENS else None  # type: ignore[return-value,operator]


def usd(value: object) -> float | None:
    """A cap of US dollars, as a number or in words; None when it is none."""
    if isinstance(value, str) and re.fullmatch(r"\$?\d{1,9}(\.\d{1,6})?", value.strip()):
        value = float(value.strip().removeprefix("$"))
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if 0 < value <= MOST_USD else None


def caps_of(asked: Mapping[str, Any]) -> BudgetTable:
    """Caps as they come over a line. Raises `ValueError` with a sentence."""
    known = {each.name for each in fields(BudgetTable)}
    if unknown := sorted(map(str, asked.keys() - known)):
        raise ValueError(f"a budget has no {unknown[0]!r}")
    read_as: dict[str, Any] = {
        key: (tokens if key.endswith("_tokens") else usd)(value) for key, value in asked.items()
    }
    for key, value in read_as.items():
        if value is None:
            raise ValueError(f"{key} is {TOKENS_RULE if key.endswith('_tokens') else USD_RULE}")
    return BudgetTable(**read_as)
