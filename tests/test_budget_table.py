"""Caps as people write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from maestro_ray.budget_table import BudgetTable, caps_of, tokens, usd
from maestro_ray.config import Config
from maestro_ray.errors import ConfigError
from maestro_ray.home import Home


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (5, 5), ("200000", 200_000), ("200k", 200_000), ("1.5M", 1_500_000), ("2 M", 2_000_000),
        (0, None), (-1, None), (True, None), ("", None), ("much", None), ("0.5", None), (1.5, None), (10**13, None),
    ],
)  # fmt: skip
def test_tokens(value: object, read: int | None) -> None:
    assert tokens(value) == read


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (5, 5.0), (2.5, 2.5), ("5", 5.0), ("$2.50", 2.5),
        (0, None), (-1, None), (float("nan"), None), (float("inf"), None), ("5€", None), (True, None), ("1e9", None),
        (2_000_000, None),
    ],
)  # fmt: skip
def test_money(value: object, read: float | None) -> None:
    assert usd(value) == read


def load(tmp_path: Path, home: str, repository: str = "") -> BudgetTable:
    (tmp_path / "home").mkdir(parents=True)
    (tmp_path / "home" / "config.toml").write_text(home)
    (tmp_path / "repo" / ".maestro").mkdir(parents=True)
    (tmp_path / "repo" / ".maestro" / "config.toml").write_text(repository)
    return Config.load(Home(tmp_path / "home", tmp_path / "run"), tmp_path / "repo").budget


def test_a_repository_caps_what_the_person_leaves_open_and_raises_nothing(tmp_path: Path) -> None:
    """Agents can change a repository's file. Red with the repository's caps before the person's."""
    found = load(
        tmp_path, "[budget]\nteam_usd = 5\n", '[budget]\nteam_usd = 500\nday_usd = 20\nrun_tokens = "1M"\n'
    )
    assert found == BudgetTable(run_tokens=1_000_000, team_usd=5.0, day_usd=20.0)


def test_a_person_may_raise_what_a_repository_says(tmp_path: Path) -> None:
    assert load(tmp_path, "[budget]\nteam_usd = 50\n", "[budget]\nteam_usd = 5\n").team_usd == 50.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[budget]\nteam_usd = 0\n", "2:1: 'team_usd' is an amount of US dollars, more than 0"),
        ("[budget]\nteam_usd = nan\n", "2:1: 'team_usd' is an amount"),
        ("[budget]\nrun_tokens = 1.5\n", "2:1: 'run_tokens' is a whole number of tokens"),
        ("[budget]\nteam_cost = 1\n", "2:1: unknown key 'team_cost'"),
        ("budget = 5\n", "1:1: 'budget' must be"),
    ],
)
def test_a_mistake_is_shown_where_it_is(tmp_path: Path, text: str, message: str) -> None:
    for at, home, repository in (("home", text, ""), ("repo", "", text)):
        with pytest.raises(ConfigError) as found:
            load(tmp_path / at, home, repository)
        assert f"config.toml:{message}" in str(found.value)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"team_cost": 1}, "a budget has no 'team_cost'"),
        ({"team_usd": "much"}, "team_usd is an amount"),
        ({"team_usd": None}, "team_usd is an amount"),
        ({"team_tokens": 0}, "team_tokens is a whole number"),
    ],
)
def test_what_comes_over_the_line_is_looked_at_too(asked: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        caps_of(asked)


def test_caps_that_are_none_are_in_no_message() -> None:
    assert caps_of({"team_usd": 5}).to_json() == {"team_usd": 5.0}
