"""How Qwen Code is started; what it says is in test_acp.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from maestro_ray.errors import BadProvider, ProviderMissing
from maestro_ray.model.permission import Tool
from maestro_ray.model.steering import How
from maestro_ray.ports import Launch, ProviderSpec
from maestro_ray.providers.qwen import Qwen
from providers.jobs import a_job

PLACE = Path("/scratch/qwen")


def launched(spec: ProviderSpec, **changes: object) -> Launch:
    return Qwen(spec).open(a_job(**changes)).launch


def defaults(**changes: object) -> Any:
    (content,) = launched(ProviderSpec("qwen"), **changes).files.values()
    return json.loads(content)


def test_the_model_is_named() -> None:
    spec = ProviderSpec("qwen", "qwen3-coder", ("--debug",))
    assert launched(spec).argv == ("qwen", "--acp", "--model", "qwen3-coder", "--debug")
    assert Qwen(spec).open(a_job()).steering is How.IN_TURN


def test_its_directory_is_a_runs_own_and_only_a_log_in_is_written_back() -> None:
    launch = launched(ProviderSpec("qwen"))
    assert launch.env["QWEN_HOME"] == str(PLACE)
    assert launch.links[PLACE / "settings.json"] == "~/.qwen/settings.json"
    assert launch.writes == ("~/.qwen/oauth_creds.json",)
    assert launch.links[PLACE / "oauth_creds.json"] == launch.writes[0]
    assert launch.files.keys() == {Path(launch.env["QWEN_CODE_SYSTEM_DEFAULTS_PATH"])}


def test_it_is_not_silent_for_minutes_and_asks_its_model_nothing_by_itself() -> None:
    assert defaults()["model"] == {"generationConfig": {"maxRetries": 1}}
    assert not any(defaults()["memory"].values())
    assert defaults()["ui"] == {"enableFollowupSuggestions": False}


@pytest.mark.parametrize("purpose", ["review", "test"])
def test_who_makes_no_change_has_no_tools_for_it(purpose: str) -> None:
    assert defaults(purpose=purpose)["permissions"] == {"deny": ["Edit"], "ask": []}
    assert "permissions" not in defaults()


def test_what_the_policy_asks_for_and_refuses_is_asked_for_and_refused() -> None:
    told = defaults(asks=frozenset({Tool.SHELL}), refuses=frozenset({Tool.FETCH}))
    assert told["permissions"] == {"deny": ["WebFetch"], "ask": ["Bash"]}


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(BadProvider):
        Qwen(ProviderSpec("qwen", "--yolo"))


def test_without_the_program_the_role_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProviderMissing, match="qwen"):
        Qwen(ProviderSpec("qwen")).check(str(tmp_path), "dev")
