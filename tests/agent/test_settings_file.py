from __future__ import annotations

import json
from pathlib import Path

import pytest

from maestro_ray.agent.settings_file import laid_under

OURS = json.dumps({"general": {"attempts": 3, "update": False}, "exclude": ["write"], "mode": "ask"}).encode()


def test_without_a_file_of_the_persons_own_ours_holds(tmp_path: Path) -> None:
    assert laid_under(tmp_path / "settings.json", OURS) == OURS


def test_what_the_person_says_counts_and_the_rest_is_ours(tmp_path: Path) -> None:
    own = {"general": {"attempts": 7, "theme": "dark"}, "exclude": ["shell", "write"], "key": 1}
    (tmp_path / "settings.json").write_text(json.dumps(own))
    assert json.loads(laid_under(tmp_path / "settings.json", OURS) or b"") == {
        "general": {"attempts": 7, "update": False, "theme": "dark"},
        "exclude": ["shell", "write"],
        "mode": "ask",
        "key": 1,
    }


def test_lists_are_joined(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"exclude": ["shell"]}')
    assert json.loads(laid_under(tmp_path / "settings.json", OURS) or b"")["exclude"] == ["shell", "write"]


@pytest.mark.parametrize("text", ["// mine\n{}", "[]", "[" * 100_000, "\xff"])
def test_what_is_no_plain_json_is_left_as_it_is(text: str, tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text(text, encoding="latin-1")
    assert laid_under(tmp_path / "settings.json", OURS) is None
