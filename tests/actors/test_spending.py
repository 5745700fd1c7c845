"""What agents use: all of it told each time, priced by the agent where it says so and else by the prices."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from maestro_ray.actors.spending import Spending, prices_of
from maestro_ray.home import Home
from maestro_ray.model.agent import UsageCounted
from maestro_ray.model.budget import Amount
from maestro_ray.prices import Price, Prices
from maestro_ray.studio.bodies import Usage

from .parts import a_spec

PRICES = Prices((Price("known", 1.0, 10.0, 0.1),))
MILLION = 1_000_000


def models(spending: Spending) -> dict[str, Any]:
    return {row["model"]: row for row in spending.told()["usage"]["models"]}


def test_all_that_was_used_is_told_each_time_under_a_rising_number() -> None:
    spending = Spending(provider="claude", session="s-1")
    assert spending.told() == {}
    spending.add(UsageCounted(10, 2, 0.5))
    spending.add(UsageCounted(1, 3, 0.25))
    first, second = spending.told()["usage"], spending.told()["usage"]
    assert (first["models"], first["meter"]) == (second["models"], second["meter"])
    assert second["number"] > first["number"]
    assert (first["provider"], first["session_id"]) == ("claude", "s-1")
    assert models(spending)[""] == {
        "model": "", "input_tokens": 11, "cached_tokens": 0, "output_tokens": 5, "unpriced_tokens": 0, "cost_usd": 0.75,
    }  # fmt: skip
    assert Spending().asked()["usage"]["meter"] != first["meter"], "two workers of one run are two meters"


def test_an_agent_that_says_its_cost_is_believed_and_until_then_the_prices_are() -> None:
    """Red with `add` that keeps what is pending."""
    spending = Spending(PRICES)
    spending.add(UsageCounted(MILLION, model="known", cached_tokens=MILLION // 2))
    assert spending.total() == Amount(MILLION, pytest.approx(0.55))
    spending.add(UsageCounted(0, MILLION, 7.0, model="known"))
    spending.turn_over()
    assert spending.total() == Amount(2 * MILLION, 7.0)
    # what was cut before it said anything is not covered by what the next turn says
    spending.add(UsageCounted(MILLION, model="known"))
    spending.turn_over()
    spending.add(UsageCounted(1, 1, 2.0, model="known"))
    spending.turn_over()
    assert spending.total().usd == pytest.approx(10.0)


def test_tokens_that_are_told_after_the_cost_of_their_turn_cost_nothing_more() -> None:
    spending = Spending(PRICES)
    spending.add(UsageCounted(cost=3.0))
    spending.add(UsageCounted(MILLION, model="known"))
    spending.turn_over()
    assert spending.total() == Amount(MILLION, 3.0)


def test_what_nobody_knows_the_price_of_is_said_so() -> None:
    spending = Spending(PRICES, model="new-model")
    spending.add(UsageCounted(100, 10))
    spending.turn_over()
    row = models(spending)["new-model"]
    assert (row["unpriced_tokens"], row["cost_usd"]) == (110, 0.0)


def test_the_prices_are_those_of_the_person_and_ours_while_they_have_a_mistake(
    home: Home, tmp_path: Path
) -> None:
    team = replace(a_spec(home, tmp_path), state=(str(home.root),))
    (home.root / "prices.toml").write_text('models = [{ model = "mine", input = 1, output = 1 }]')
    assert prices_of(team).cost("mine", MILLION, 0, 0) == 1.0
    (home.root / "prices.toml").write_text("models = 5")
    assert prices_of(team).cost("mine", 1, 0, 0) is None
    assert prices_of(team).cost("gpt-4o", MILLION, 0, 0) == 2.5


@pytest.mark.parametrize(
    "said",
    [
        UsageCounted(-5, -5, -1.0, cached_tokens=-5), UsageCounted(10**15, 10**15, 1e300), UsageCounted(1, 1, math.nan),
        UsageCounted(1, 1, math.inf), UsageCounted(1, 1, model="m" * 5000), UsageCounted(1, 1, model="a\0b\n\ud800"),
    ],
)  # fmt: skip
def test_whatever_an_agent_says_is_a_report_that_studio_takes(said: UsageCounted) -> None:
    spending = Spending(PRICES)
    spending.add(UsageCounted(10, 10, 0.5))
    for _ in range(3):
        spending.add(said)
    taken = Usage.model_validate_json(json.dumps(spending.told()["usage"], allow_nan=False))
    assert sum(each.input_tokens for each in taken.models) >= 10
    assert sum(each.cost_usd for each in taken.models) >= 0.5


def test_more_models_than_studio_takes_are_counted_as_others() -> None:
    spending = Spending(PRICES)
    for number in range(300):
        spending.add(UsageCounted(1, 1, model=f"m{number}"))
    taken = Usage.model_validate(spending.told()["usage"])
    assert sum(each.input_tokens for each in taken.models) == 300
