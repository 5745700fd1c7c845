"""What tokens cost where the agent does not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from maestro_ray.errors import ConfigError
from maestro_ray.prices import Prices


def test_ours_know_the_usual_models_by_any_of_their_names() -> None:
    prices = Prices.load(None)
    for name in ("claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4.5", "CLAUDE-SONNET-4"):
        assert prices.cost(name, 1_000_000, 100_000, 0) == pytest.approx(4.5), name
    assert prices.cost("gpt-5-codex", 1000, 1000, 800) == pytest.approx(
        (200 * 1.25 + 800 * 0.125 + 10_000) / 1e6
    )


def test_an_unknown_model_costs_nobody_knows_what_and_not_nothing() -> None:
    prices = Prices.load(None)
    assert prices.cost("someone/new-model", 10, 10, 0) is None
    assert prices.cost("", 10, 10, 0) is None


def test_those_of_the_person_come_first(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text(
        'models = [{ model = "claude-sonnet-*", input = 1, output = 2 }, { model = "mine", input = 0, output = 0 }]'
    )
    prices = Prices.load(tmp_path)
    assert prices.cost("claude-sonnet-4-5", 1_000_000, 1_000_000, 1_000_000) == pytest.approx(3.0)
    assert prices.cost("mine", 10, 10, 0) == 0.0
    assert prices.cost("gpt-4o", 1_000_000, 0, 0) == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("text", "where", "why"),
    [
        ('models = [{ model = "x", input = 1 }]', "1:", "'output' is missing"),
        ('models = [{ model = "x", input = -1, output = 1 }]', "1:", "not negative"),
        ('models = [{ model = "x", input = 1e9, output = 1 }]', "1:", "for a million tokens"),
        ('model = "x"', "1:1", "did you mean models?"),
        ("models = [", "1:", ""),
    ],
)
def test_a_mistake_is_shown_where_it_is(tmp_path: Path, text: str, where: str, why: str) -> None:
    (tmp_path / "prices.toml").write_text(text)
    with pytest.raises(ConfigError) as found:
        Prices.load(tmp_path)
    assert f"prices.toml:{where}" in str(found.value)
    assert why in str(found.value)
