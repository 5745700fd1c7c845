"""How OpenCode is started; what it says is in test_acp.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from maestro_ray.errors import BadProvider, ProviderMissing
from maestro_ray.model.agent import Reply
from maestro_ray.model.permission import Tool
from maestro_ray.model.steering import How
from maestro_ray.ports import Launch, ProviderSpec
from maestro_ray.providers.opencode import OpenCode
from providers.jobs import a_job

SCRATCH = Path("/scratch")


def launched(**changes: object) -> Launch:
    return OpenCode(ProviderSpec("opencode")).open(a_job(**changes)).launch


def test_all_that_it_writes_is_in_the_scratch_directory() -> None:
    launch = launched()
    places = {name: value for name, value in launch.env.items() if name.startswith("XDG_")}
    assert places.keys() == {"XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"}
    assert all(Path(value).is_relative_to(SCRATCH) for value in places.values())


def test_the_persons_own_is_read_and_only_a_log_in_is_written_back() -> None:
    launch = launched()
    assert launch.links[SCRATCH / "opencode" / "opencode.json"] == "~/.config/opencode/opencode.json"
    assert launch.writes == ("~/.local/share/opencode/auth.json",)
    assert launch.links[SCRATCH / "opencode" / "auth.json"] == launch.writes[0]
    # whose shell has a configuration of its own keeps it
    assert "OPENCODE_CONFIG_CONTENT" not in launch.env
    assert "OPENCODE_CONFIG_CONTENT" in OpenCode(ProviderSpec("opencode")).environment()


def test_git_finds_the_persons_settings_where_it_looks() -> None:
    launch = launched()
    assert launch.links[Path(launch.env["XDG_CONFIG_HOME"]) / "git"] == "~/.config/git"


def test_commands_are_asked_for() -> None:
    assert json.loads(launched().env["OPENCODE_PERMISSION"]) == {"bash": {"*": "ask"}}


def test_what_the_policy_asks_for_and_refuses_is_asked_for_and_refused() -> None:
    told = launched(asks=frozenset({Tool.EDIT, Tool.FETCH}), refuses=frozenset({Tool.FETCH})).env
    assert json.loads(told["OPENCODE_PERMISSION"]) == {
        "bash": {"*": "ask"}, "edit": "ask", "webfetch": "deny", "websearch": "deny",
    }  # fmt: skip


@pytest.mark.parametrize("purpose", ["review", "test"])
def test_who_makes_no_change_has_no_tools_for_it(purpose: str) -> None:
    assert json.loads(launched(purpose=purpose).env["OPENCODE_PERMISSION"])["edit"] == "deny"


def test_the_model_is_chosen_before_the_work() -> None:
    talk = OpenCode(ProviderSpec("opencode", "anthropic/claude", ("--print-logs",))).open(a_job())
    assert talk.launch.argv == ("opencode", "acp", "--print-logs")
    assert talk.steering is How.IN_TURN
    talk.feed(b'{"id":1,"result":{"protocolVersion":1}}\n')
    _, reply = talk.feed(b'{"id":2,"result":{"sessionId":"s"}}\n')
    assert isinstance(reply, Reply)
    said = json.loads(reply.data)
    assert said["method"] == "session/set_config_option"
    assert said["params"] == {"sessionId": "s", "configId": "model", "value": "anthropic/claude"}


@pytest.mark.parametrize("arg", ["claude", "/x"])
def test_what_is_no_model_is_refused(arg: str) -> None:
    with pytest.raises(BadProvider, match="model"):
        OpenCode(ProviderSpec("opencode", arg))


def test_without_the_program_the_role_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProviderMissing, match="opencode"):
        OpenCode(ProviderSpec("opencode")).check(str(tmp_path), "dev")


@pytest.mark.parametrize("args", [("--cwd", "/")])
def test_what_maestro_decides_is_no_argument(args: tuple[str, ...]) -> None:
    with pytest.raises(BadProvider, match="maestro itself decides about"):
        OpenCode(ProviderSpec("opencode", args=args))
    assert OpenCode(ProviderSpec("opencode", model="a/b", args=("--print-logs",)))._model == "a/b"


def test_only_commands_have_rules_of_their_own() -> None:
    """A table where it wants one word makes it forget all settings, the model's address with them."""
    everything = frozenset({Tool.SHELL, Tool.EDIT, Tool.READ, Tool.FETCH})
    asked = json.loads(launched(asks=everything).env["OPENCODE_PERMISSION"])
    assert asked.pop("bash") == {"*": "ask"}
    assert set(asked.values()) == {"ask"}
    told = launched(purpose="review", asks=everything).env["OPENCODE_PERMISSION"]
    assert json.loads(told)["edit"] == "deny"
