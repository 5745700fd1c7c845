"""pi's rpc mode as it was recorded, and what it could say besides."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.errors import BadProvider, ProviderMissing
from maestro_ray.model import steering
from maestro_ray.model.agent import (
    AgentEvent,
    DirectiveTaken,
    Failed,
    Finished,
    RateLimited,
    Reply,
    Retrying,
    Said,
    SessionNamed,
    ToolCalled,
    ToolReturned,
    UsageCounted,
)
from maestro_ray.model.permission import Tool
from maestro_ray.model.steering import How
from maestro_ray.ports import ProviderSpec
from maestro_ray.providers.pi import Pi, PiTurn
from providers.jobs import a_job

STREAMS = Path(__file__).with_name("streams") / "pi"
NO_LIMIT = "429 Number of requests has exceeded your rate limit"


def turn(**changes: object) -> PiTurn:
    return Pi(ProviderSpec("pi")).open(a_job(**changes))


def line(**value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


def recorded(name: str) -> list[AgentEvent]:
    talk = turn()
    return [*talk.feed((STREAMS / f"{name}.jsonl").read_bytes()), *talk.exited(0, "")]


def session(name: str) -> list[dict[str, Any]]:
    return [json.loads(each) for each in (STREAMS / f"{name}.jsonl").read_text().splitlines()]


def message(text: str = "", reason: str = "stop", **more: Any) -> dict[str, Any]:
    return {
        "role": "assistant",
        "content": [{"type": "text", "text": text}],
        "stopReason": reason,
        **({"errorMessage": text} if reason == "error" else {}),
        **more,
    }


def failed(talk: PiTurn, reason: str) -> list[AgentEvent]:
    events = talk.feed(line(type="message_end", message={**message(reason, "error"), "content": []}))
    return [*events, *talk.feed(line(type="agent_end", messages=[]))]


def still(talk: PiTurn) -> list[AgentEvent]:
    return talk.feed(line(id="still", type="response", command="get_state", success=True, data={}))


def said(events: list[AgentEvent]) -> str:
    return "".join(each.text for each in events if isinstance(each, Said))


# ── what was recorded ────────────────────────────────────────────────────────────────────────────────────────────


def test_an_edit_that_works() -> None:
    events = [each for each in recorded("edit") if not isinstance(each, UsageCounted)]
    assert events == [
        ToolCalled("write", "/worktree/hello.txt"),
        ToolReturned("write", True, "Successfully wrote 6 bytes to /worktree/hello.txt"),
        Said("Wrote he"),
        Said("llo.txt."),
        Said("\n"),
        Finished("Wrote hello.txt."),
        Finished("Wrote hello.txt."),
    ]


def test_what_was_used_is_counted_once() -> None:
    used = [each for each in recorded("edit") if isinstance(each, UsageCounted)]
    assert (sum(each.input_tokens for each in used), sum(each.output_tokens for each in used)) == (200, 20)


def test_a_401_is_no_success_though_its_code_is_0() -> None:
    """Red when the exit code is believed."""
    assert recorded("refused")[-1] == Failed("401 invalid x-api-key", retryable=False, signed_out=True)


def test_the_agent_ends_four_times_and_the_last_one_counts() -> None:
    """Red when the first `agent_end` ends the turn."""
    events = recorded("limited")
    assert [each.attempt for each in events if isinstance(each, Retrying)] == [1, 2, 3]
    ends = [each for each in events if isinstance(each, Failed | Finished)]
    assert set(ends) == {Failed(NO_LIMIT)}
    assert events.index(ends[0]) > max(n for n, each in enumerate(events) if isinstance(each, Retrying))
    assert RateLimited(60.0, NO_LIMIT) in events


def test_a_long_text_is_said_as_it_grows_and_once() -> None:
    events = recorded("long")
    text = said(events)
    assert len([each for each in events if isinstance(each, Said)]) > 5
    assert events[-1] == Finished(text.rstrip("\n"))


def test_one_that_was_interrupted_has_failed() -> None:
    assert isinstance(recorded("interrupted")[-1], Failed)
    assert isinstance(recorded("interrupted_command")[-1], Failed)


def test_a_directive_is_delivered_when_the_model_gets_it() -> None:
    """In the recorded session, with the words it was really told."""
    talk, taken = turn(), []
    lines = session("session")
    asked = next(each["in"] for each in lines if each.get("in", {}).get("type") == "steer")
    talk.steer("d-1", asked["message"])
    block = steering.block([asked["message"]])
    for each in (each["out"] for each in lines if "out" in each):
        text = json.dumps(each).replace(json.dumps(asked["message"])[1:-1], json.dumps(block)[1:-1])
        events = talk.feed(text.encode() + b"\n")
        taken += [(each["type"], event) for event in events if isinstance(event, DirectiveTaken)]
        if any(isinstance(event, Finished) for event in events):
            break
    assert taken == [("message_start", DirectiveTaken("d-1"))]


def test_a_session_that_is_refused_asks_whether_it_goes_on() -> None:
    talk = turn()
    events = [
        event
        for each in session("session_refused")
        if "out" in each
        for event in talk.feed(line(**each["out"]))
    ]
    (reply,) = (each for each in events if isinstance(each, Reply))
    assert json.loads(reply.data) == {"id": "still", "type": "get_state"}
    assert not [each for each in events if isinstance(each, Failed)]
    assert still(talk) == [Failed("401 invalid x-api-key", retryable=False, signed_out=True)]


def test_a_session_that_tries_again_is_not_over() -> None:
    """Red when the answer to the question is taken for the end whatever came before it."""
    talk = turn()
    for each in session("session_limited"):
        if "out" in each:
            talk.feed(line(**each["out"]))
    assert still(talk) == []
    talk.feed(line(type="message_start", message=message()))
    talk.feed(line(type="message_end", message=message("Done.")))
    assert talk.feed(line(type="agent_end", messages=[])) == [Finished("Done.")]


# ── the program ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_prompt_is_not_in_its_arguments() -> None:
    launch = turn(prompt="Please\nadd.").launch
    assert launch.argv == ("pi", "--mode", "rpc")
    assert launch.keep_stdin
    assert [json.loads(each) for each in launch.stdin.splitlines()] == [
        {"id": "who", "type": "get_state"},
        {"id": "prompt", "type": "prompt", "message": "Please\nadd."},
    ]
    assert launch.env["PI_CODING_AGENT_DIR"] == "/scratch/pi"
    assert launch.writes == ("~/.pi/agent/auth.json",)


@pytest.mark.parametrize("purpose", ["review", "test"])
def test_who_makes_no_change_has_no_tools_for_it(purpose: str) -> None:
    argv = turn(purpose=purpose).launch.argv
    tools = argv[argv.index("--tools") + 1].split(",")
    assert "bash" in tools
    assert not {"edit", "write"} & set(tools)
    refused = turn(refuses=frozenset({Tool.SHELL, Tool.READ, Tool.EDIT})).launch.argv
    assert refused[-1] == "--no-tools"
    assert turn(refuses=frozenset({Tool.SHELL})).launch.argv[-1] == "read,grep,find,ls,edit,write"


def test_a_session_is_taken_up_and_the_model_is_named() -> None:
    spec = ProviderSpec("pi", model="anthropic/opus", args=("--thinking", "high"))
    argv = Pi(spec).open(a_job(resume="/scratch/pi/s.jsonl")).launch.argv
    assert argv[3:] == ("--model", "anthropic/opus", "--session", "/scratch/pi/s.jsonl", "--thinking", "high")


def test_what_maestro_says_itself_is_refused() -> None:
    with pytest.raises(BadProvider, match="--tools of pi"):
        Pi(ProviderSpec("pi", args=("--tools", "bash")))


def test_without_the_program_the_role_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProviderMissing, match="pi"):
        Pi(ProviderSpec("pi")).check(str(tmp_path), "dev")


# ── what it could say besides ────────────────────────────────────────────────────────────────────────────────────


def test_its_session_is_named_when_there_is_one() -> None:
    """Before the model has answered there is no file to go on with."""
    talk = turn()
    assert talk.steering is How.IN_TURN
    assert (
        talk.feed(line(id="who", type="response", success=True, data={"sessionFile": "/scratch/s.jsonl"}))
        == []
    )
    events = talk.feed(line(type="message_end", message=message("Hm.")))
    assert SessionNamed("/scratch/s.jsonl") in events
    assert SessionNamed("/scratch/s.jsonl") not in talk.feed(line(type="message_end", message=message("Hm.")))


def test_a_prompt_that_is_refused_is_the_end() -> None:
    told = line(
        id="prompt", type="response", success=False, error="No API key found for anthropic. Use /login"
    )
    (end,) = turn().feed(told)
    assert isinstance(end, Failed)
    assert end.signed_out


def test_a_context_that_was_too_small_is_made_room_in() -> None:
    talk = turn()
    failed(talk, "prompt is too long")
    talk.feed(line(type="compaction_start", reason="overflow"))
    assert still(talk) == []
    assert talk.feed(line(type="compaction_end", reason="overflow", willRetry=True)) == []
    talk.feed(line(type="compaction_start", reason="overflow"))
    end = line(type="compaction_end", reason="overflow", willRetry=False, errorMessage="no room")
    assert talk.feed(end) == [Failed("no room")]


def test_a_compaction_beside_the_work_ends_nothing() -> None:
    talk = turn()
    talk.feed(line(type="compaction_start", reason="threshold"))
    assert talk.feed(line(type="compaction_end", reason="threshold", willRetry=False)) == []


def test_two_directives_with_the_same_words_are_two() -> None:
    talk = turn()
    assert json.loads(talk.steer("d-1", "Stop."))["type"] == "steer"
    talk.steer("d-2", "Stop.")
    heard = line(type="message_start", message={"role": "user", "content": steering.block(["Stop."])})
    assert talk.feed(heard) == [DirectiveTaken("d-1")]
    assert talk.feed(heard) == [DirectiveTaken("d-2")]
    assert talk.feed(heard) == []


def test_an_extension_that_asks_a_person_is_told_that_nobody_answers() -> None:
    (reply,) = turn().feed(line(type="extension_ui_request", id="x", method="confirm", title="Sure?"))
    assert isinstance(reply, Reply)
    assert json.loads(reply.data) == {"type": "extension_ui_response", "id": "x", "cancelled": True}
    assert turn().feed(line(type="extension_ui_request", id="x", method="notify")) == []


def test_a_piece_that_cannot_be_read_is_said_at_the_end() -> None:
    talk = turn()
    talk.feed(line(type="message_start", message=message()))

    def update(text: str) -> list[AgentEvent]:
        event = {"type": "text_delta", "contentIndex": 0, "delta": text, "partial": {}}
        return talk.feed(line(type="message_update", assistantMessageEvent=event))

    long = "x" * 5_000
    assert update("one ") == [Said("one ")]
    assert update(long) == []
    assert update("two") == []
    assert talk.feed(line(type="message_end", message=message(f"one {long}two"))) == [Said(f"{long}two\n")]


def test_words_that_are_no_lines_of_its_own_are_shown() -> None:
    assert turn().feed(b"Migrated 3 files\n") == [Said("Migrated 3 files\n")]


def test_without_an_end_it_has_failed_whatever_its_code() -> None:
    assert turn().exited(0, "x\nModel not found\n") == [
        Failed("pi ended with code 0 in the middle of its turn: Model not found")
    ]


def test_a_message_that_repeats_itself_is_not_kept() -> None:
    """100 KB of text are 20 MB of such lines in the real program. Red without `heads` of `JsonLines`."""
    talk = turn()
    whole = {
        "type": "text_delta",
        "contentIndex": 0,
        "delta": "word",
        "partial": {"content": "x" * 8_000_000},
    }
    update = line(type="message_update", assistantMessageEvent=whole)
    tracemalloc.start()
    try:
        for _ in range(2):
            events = [
                event for at in range(0, len(update), 65_536) for event in talk.feed(update[at : at + 65_536])
            ]
            assert events == [Said("word")]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


shapes = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
LINES = [each["out"] for name in ("session", "session_limited") for each in session(name) if "out" in each]


@given(st.lists(st.sampled_from(LINES), max_size=6), st.dictionaries(
       st.sampled_from(["id", "type", "message", "success", "data", "messages", "delayMs"]), shapes, max_size=3))  # fmt: skip
def test_no_twist_of_a_known_line_makes_it_raise(lines: list[dict[str, Any]], twist: dict[str, Any]) -> None:
    talk = turn()
    for each in lines:
        talk.feed(line(**{**each, **twist}))
    assert isinstance(talk.exited(None, "")[-1], Failed | Finished)


@given(st.integers(1, 200))
def test_how_the_bytes_are_split_changes_nothing(size: int) -> None:
    data = (STREAMS / "edit.jsonl").read_bytes()
    talk = turn()
    events = [event for at in range(0, len(data), size) for event in talk.feed(data[at : at + size])]
    assert events == turn().feed(data)


def test_a_number_without_end_is_survived() -> None:
    talk = turn()
    talk.feed(
        b'{"type": "message_end", "message": {"role": "assistant", "content": "x", "usage": {"input": 1e999}}}\n'
    )
    assert talk.exited(1, "")
