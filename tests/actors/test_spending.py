"""What agents use, taken once."""

from __future__ import annotations

from maestro_ray.actors.spending import Spending
from maestro_ray.model.agent import UsageCounted


def test_what_was_used_is_added_up_and_taken_once() -> None:
    spending = Spending()
    assert spending.take() == {}
    spending.add(UsageCounted(10, 2, 0.5))
    spending.add(UsageCounted(1, 3, 0.25))
    assert spending.take() == {"usage": {"input_tokens": 11, "output_tokens": 5, "cost_usd": 0.75}}
    assert spending.take() == {}
