"""`codex exec` as it was recorded, and what it could say besides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.errors import BadProvider
from maestro_ray.model.agent import (
    AgentEvent,
    Failed,
    Finished,
    RateLimited,
    Retrying,
    Said,
    SessionNamed,
    ToolCalled,
    ToolReturned,
    UsageCounted,
)
from maestro_ray.model.steering import How
from maestro_ray.ports import Conversation, ProviderSpec
from maestro_ray.providers.codex import Codex
from maestro_ray.providers.codex_exec import CodexExecTurn
from maestro_ray.providers.registry import build
from providers.jobs import a_job

STREAMS = Path(__file__).with_name("streams") / "codex"
THREAD = "00000000-0000-4000-8000-000000000001"


def turn(spec: ProviderSpec | None = None, **changes: object) -> Conversation:
    return Codex(spec or ProviderSpec("codex", exec=True)).open(a_job(**changes))


def recorded(name: str) -> list[AgentEvent]:
    talk = turn()
    return [*talk.feed((STREAMS / f"{name}.jsonl").read_bytes()), *talk.exited(0, "")]


def line(**value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


def test_an_edit_that_works() -> None:
    assert recorded("edit") == [
        SessionNamed(THREAD),
        ToolCalled("edit", "/worktree/hello.txt"),
        ToolReturned("edit", ok=True),
        Said("Wrote hello.txt.\n"),
        UsageCounted(200, 20),
        Finished("Wrote hello.txt."),
        Finished("Wrote hello.txt."),
    ]


def test_an_account_that_is_refused_is_no_reason_to_try_again() -> None:
    events = recorded("refused")
    assert [each.attempt for each in events if isinstance(each, Retrying)] == [1]
    assert isinstance(end := events[-1], Failed)
    assert (end.signed_out, end.retryable) == (True, False)
    assert "401 Unauthorized: invalid x-api-key" in end.reason


def test_a_rate_limit_is_said_before_the_end() -> None:
    limited, end = recorded("limited")[-3:-1]
    assert isinstance(limited, RateLimited)
    assert isinstance(end, Failed)
    assert end.retryable


def test_one_that_was_interrupted_says_nothing_and_has_failed() -> None:
    assert isinstance(recorded("interrupted")[-1], Failed)
    assert isinstance(recorded("interrupted_command")[-1], Failed)


def test_a_long_text_is_bounded() -> None:
    end = recorded("long")[-1]
    assert isinstance(end, Finished)
    assert 1_000 < len(end.text) < 70_000


@pytest.mark.parametrize(("purpose", "box"), [("execute", "workspace-write"), ("review", "read-only")])
def test_the_prompt_is_its_input_which_is_then_closed(purpose: str, box: str) -> None:
    launch = turn(purpose=purpose).launch
    assert launch.argv == ("codex", "exec", "--json", "-s", box, "-C", "/work tree", "-")
    assert (launch.stdin, launch.keep_stdin) == (b"Please add.\n", False)
    assert launch.env == {"CODEX_HOME": "/scratch/codex"}
    assert launch.writes == ("~/.codex/auth.json",)


def test_in_our_box_it_makes_none_of_its_own() -> None:
    """Seen with the real program: one in the other refuses every command and every edit."""
    assert turn(boxed=True).launch.argv[4] == "danger-full-access"


def test_a_directive_is_heard_in_another_turn_of_the_session() -> None:
    talk = turn()
    assert talk.steering is How.NEXT_TURN
    assert talk.steer("d-1", "Keep the API.") is None
    spec = ProviderSpec("codex", model="gpt-5.5", args=("-c", "x=1"), exec=True)
    assert turn(spec, resume=THREAD).launch.argv[7:] == ("-m", "gpt-5.5", "-c", "x=1", "resume", THREAD, "-")


def test_only_codex_has_two_ways() -> None:
    assert isinstance(turn(), CodexExecTurn)
    assert not isinstance(turn(ProviderSpec("codex")), CodexExecTurn)
    with pytest.raises(BadProvider, match="exec means nothing to claude"):
        build(ProviderSpec("claude", exec=True))


def test_a_command_is_shown() -> None:
    talk = turn()
    item = {"type": "command_execution", "command": "make", "status": "in_progress"}
    assert talk.feed(line(type="item.started", item=item)) == [ToolCalled("shell", "make")]
    ended = {**item, "status": "failed", "aggregated_output": "no rule\n", "exit_code": 2}
    assert talk.feed(line(type="item.completed", item=ended)) == [ToolReturned("shell", False, "no rule")]


def test_without_an_end_it_has_failed_whatever_its_code() -> None:
    assert turn().exited(0, "x\nno room\n") == [
        Failed("codex ended with code 0 in the middle of its turn: no room")
    ]


shapes = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
LINES = [
    json.loads(each)
    for name in ("edit", "refused")
    for each in (STREAMS / f"{name}.jsonl").read_text().splitlines()
]


@given(st.lists(st.sampled_from(LINES), max_size=6), st.dictionaries(
       st.sampled_from(["type", "item", "error", "message", "usage", "thread_id"]), shapes, max_size=3))  # fmt: skip
def test_no_twist_of_a_known_line_makes_it_raise(lines: list[dict[str, Any]], twist: dict[str, Any]) -> None:
    talk = turn()
    for each in lines:
        talk.feed(line(**{**each, **twist}))
    assert isinstance(talk.exited(None, "")[-1], Failed | Finished)


def test_a_number_without_end_is_survived() -> None:
    talk = turn()
    talk.feed(b'{"type": "turn.completed", "usage": {"input_tokens": 1e999}}\n')
    assert talk.exited(1, "")
