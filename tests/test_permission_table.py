from __future__ import annotations

from pathlib import Path

import pytest

from maestro_ray.config import Config
from maestro_ray.errors import ConfigError
from maestro_ray.home import Home
from maestro_ray.model.permission import Situation, policy


def load(tmp_path: Path, ours: str = "", theirs: str = "") -> Config:
    home, repo = tmp_path / "home", tmp_path / "repo"
    for top, text in ((home, ours), (repo / ".maestro", theirs)):
        top.mkdir(parents=True, exist_ok=True)
        (top / "config.toml").write_text(text)
    return Config.load(Home(home, home / "run"), repo)


def test_the_rules_of_a_role_are_lines(tmp_path: Path) -> None:
    table = '[roles.dev.permissions]\nallow = ["Bash(npm *)", "*"]\nask = ["Edit(/etc/**)"]\ndeny = ["mcp__x__*"]\nunattended = "ask"'
    lines = load(tmp_path, table).roles["dev"].permissions
    assert lines == ("allow Bash(npm *)", "allow *", "ask Edit(/etc/**)", "deny mcp__x__*", "unattended ask")
    policy(lines, Situation())


def test_a_repository_adds_to_them_and_keeps_the_rest(tmp_path: Path) -> None:
    ours = '[roles.dev]\nprovider = "claude"\n[roles.dev.permissions]\nallow = ["*"]'
    theirs = '[roles.dev]\nprovider = "codex"\n[roles.dev.permissions]\ndeny = ["Bash(git push*)"]\nunattended = "deny"'
    role = load(tmp_path, ours, theirs).roles["dev"]
    assert role.provider == "claude"
    assert role.permissions == ("allow *", "at-least deny Bash(git push*)", "at-least unattended deny")
    policy(role.permissions, Situation())


@pytest.mark.parametrize("theirs", ['allow = ["*"]', 'unattended = "allow"', "allow = []"])
def test_a_repository_allows_nothing(tmp_path: Path, theirs: str) -> None:
    """Protection: `theirs` in `permission_lines`."""
    with pytest.raises(ConfigError, match="only make permissions stricter"):
        load(tmp_path, theirs=f"[roles.dev.permissions]\n{theirs}")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('deny = ["Bash("]', "no rule"), ('deny = [""]', "no rule"), ('deny = "Bash"', "deny"), ('forbid = ["*"]', "forbid"),
        ('unattended = "never"', "one of allow, ask, deny"), (f'deny = ["{"x" * 501}"]', "no rule"),
    ],
)  # fmt: skip
def test_mistakes(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        load(tmp_path, f"[roles.dev.permissions]\n{text}")
