"""How Gemini CLI is started; what it says is in test_acp.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from maestro_ray.errors import BadProvider, ProviderMissing
from maestro_ray.model.permission import Tool
from maestro_ray.model.steering import How
from maestro_ray.ports import Launch, ProviderSpec
from maestro_ray.providers.gemini import Gemini
from providers.jobs import a_job

HOME = Path("/scratch/.gemini")


def launched(spec: ProviderSpec, **changes: object) -> Launch:
    return Gemini(spec).open(a_job(**changes)).launch


def defaults(**changes: object) -> Any:
    (content,) = launched(ProviderSpec("gemini"), **changes).defaults.values()
    return json.loads(content)


def test_it_is_asked_to_ask_us_and_the_model_is_named() -> None:
    spec = ProviderSpec("gemini", "gemini-2.5-pro", ("--debug",))
    assert launched(spec).argv == (
        "gemini", "--acp", "--skip-trust", "--approval-mode", "default", "-m", "gemini-2.5-pro", "--debug",
    )  # fmt: skip
    assert Gemini(spec).open(a_job()).steering is How.RESTART


def test_its_home_is_the_scratch_directory_and_only_a_log_in_is_written_back() -> None:
    launch = launched(ProviderSpec("gemini"))
    assert launch.env["GEMINI_CLI_HOME"] == "/scratch"
    assert launch.links[HOME / "settings.json"] == "~/.gemini/settings.json"
    assert launch.writes == ("~/.gemini/oauth_creds.json",)
    assert launch.links[HOME / "oauth_creds.json"] == launch.writes[0]
    assert launch.defaults.keys() == {HOME / "settings.json"}


def test_it_is_not_silent_for_minutes() -> None:
    assert defaults()["general"]["maxAttempts"] == 3


@pytest.mark.parametrize("purpose", ["review", "test"])
def test_who_makes_no_change_has_no_tools_for_it(purpose: str) -> None:
    assert defaults(purpose=purpose)["tools"] == {"exclude": ["write_file", "replace"]}
    assert "tools" not in defaults()


def test_what_the_policy_refuses_is_not_offered_and_nothing_is_allowed_beside_it() -> None:
    assert defaults(refuses=frozenset({Tool.FETCH}))["tools"] == {
        "exclude": ["web_fetch", "google_web_search"]
    }
    rules = HOME / "policies"
    assert rules in launched(ProviderSpec("gemini")).links
    assert rules not in launched(ProviderSpec("gemini"), asks=frozenset({Tool.SHELL})).links


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(BadProvider):
        Gemini(ProviderSpec("gemini", "--yolo"))


def test_without_the_program_the_role_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProviderMissing, match="gemini"):
        Gemini(ProviderSpec("gemini")).check(str(tmp_path), "dev")
