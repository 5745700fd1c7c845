"""Claude Code's stream as it was recorded, and what it could say besides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.errors import BadProvider, ProviderMissing
from maestro_ray.model.agent import (
    AgentEvent,
    DirectiveTaken,
    Failed,
    Finished,
    PermissionAsked,
    RateLimited,
    Reply,
    Retrying,
    Said,
    ServerLeftOut,
    SessionNamed,
    ToolCalled,
    ToolReturned,
    UsageCounted,
)
from maestro_ray.model.steering import How
from maestro_ray.ports import McpServer, ProviderSpec
from maestro_ray.providers.claude import Claude, ClaudeTurn
from maestro_ray.providers.json_lines import JsonLines
from maestro_ray.providers.json_turn import LONGEST
from providers.jobs import a_job

STREAMS = Path(__file__).with_name("streams") / "claude"


def turn(**changes: object) -> ClaudeTurn:
    return Claude(ProviderSpec("claude")).open(a_job(**changes))


def recorded(name: str) -> list[AgentEvent]:
    talk = turn()
    return [*talk.feed((STREAMS / f"{name}.jsonl").read_bytes()), *talk.exited(0, "")]


def line(**value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


def result(**changes: Any) -> bytes:
    return line(**{"type": "result", "subtype": "success", "is_error": False, "result": "Done.", **changes})


def lifecycle(directive: str, state: str) -> bytes:
    return line(type="command_lifecycle", command_uuid=directive, state=state)


# ── what was recorded ────────────────────────────────────────────────────────────────────────────────────────────


def test_an_edit_that_works() -> None:
    events = [each for each in recorded("edit") if not isinstance(each, UsageCounted)]
    session, called, returned, said, *ends = events
    assert session == SessionNamed("00000000-0000-4000-8000-000000000001")
    assert called == ToolCalled("Write", "/worktree/hello.txt")
    assert isinstance(returned, ToolReturned)
    assert (returned.tool, returned.ok) == ("Write", True)
    assert said == Said("Wrote hello.txt.\n")
    assert ends == [Finished("Wrote hello.txt."), Finished("Wrote hello.txt.")]


def test_what_was_used_is_counted_once() -> None:
    """Each request is counted when it is made, and the rest with the result. Red without `_Counted.rest`."""
    used = [each for each in recorded("edit") if isinstance(each, UsageCounted)]
    assert sum(each.input_tokens for each in used) == 200
    assert sum(each.output_tokens for each in used) == 20
    assert sum(each.cost for each in used) == pytest.approx(0.0012)
    assert used[0] == UsageCounted(input_tokens=100, model="claude-opus-5-5")
    assert {each.model for each in used} == {"claude-opus-5-5"}


def test_an_account_that_is_refused_is_no_reason_to_try_again() -> None:
    events = recorded("refused")
    retries = [each for each in events if isinstance(each, Retrying)]
    assert [each.attempt for each in retries] == [1, 2]
    assert retries[0].reason == "401 authentication_failed"
    assert events[-1] == Failed("Invalid API key · Fix external API key", retryable=False, signed_out=True)


def test_a_rate_limit_is_said_before_the_end() -> None:
    events = recorded("limited")
    limited = next(each for each in events if isinstance(each, RateLimited))
    assert limited.retry_after >= 60
    assert isinstance(events[-1], Failed)
    assert events[-1].retryable
    assert events.index(limited) < next(i for i, each in enumerate(events) if isinstance(each, Failed))


def test_a_long_text_is_bounded() -> None:
    end = recorded("long")[-1]
    assert isinstance(end, Finished)
    assert 1_000 < len(end.text) < 70_000


def test_an_interrupted_turn_has_failed() -> None:
    end = recorded("interrupted")[-1]
    assert isinstance(end, Failed)
    assert not end.signed_out


def test_a_session_that_asks_leave_is_answered_as_the_recorded_one() -> None:
    """What we write is what was written when the real program went on with it."""
    talk = turn()
    for each in map(json.loads, (STREAMS / "session.jsonl").read_text().splitlines()):
        events = talk.feed(line(**each["out"])) if "out" in each else []
        for asked in (event for event in events if isinstance(event, PermissionAsked)):
            refusal = "maestro: not outside the worktree" if "rm" in asked.detail else ""
            said = JsonLines().feed(talk.answer(asked.request, refusal))
            assert said == [_next_answer(asked.request)]


def _next_answer(request: str) -> Any:
    lines = map(json.loads, (STREAMS / "session.jsonl").read_text().splitlines())
    answers = [each["in"] for each in lines if each.get("in", {}).get("type") == "control_response"]
    return next(each for each in answers if each["response"]["request_id"] == request)


# ── the program ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_prompt_is_its_first_line_and_its_input_stays_open() -> None:
    launch = turn(prompt="Please\nadd.").launch
    assert launch.argv[0] == "claude"
    assert launch.keep_stdin
    said = json.loads(launch.stdin)
    assert said["message"]["content"][0]["text"] == "Please\nadd."
    assert "Please" not in " ".join(launch.argv)


@pytest.mark.parametrize(("purpose", "may"), [("execute", True), ("review", False), ("test", False)])
def test_only_who_makes_the_change_is_given_tools_that_change_files(purpose: str, may: bool) -> None:
    argv = turn(purpose=purpose).launch.argv
    refused = argv[argv.index("--disallowedTools") + 1].split(",")
    assert ("Write" not in refused) == may
    assert (argv[argv.index("--permission-mode") + 1] == "acceptEdits") == may


def test_a_session_is_taken_up_and_the_model_is_named() -> None:
    talk = Claude(ProviderSpec("claude", "opus", ("--add-dir", "/x"))).open(a_job(resume="s-1"))
    words = " ".join(talk.launch.argv)
    assert "--resume s-1" in words
    assert "--model opus" in words
    assert words.endswith("--add-dir /x")
    assert "--resume" not in turn().launch.argv


@pytest.mark.parametrize(
    "arg", ["--dangerously-skip-permissions", "opus --dangerously-skip-permissions", "'x -y"]
)
def test_an_option_is_no_model(arg: str) -> None:
    """The last was a `ValueError` while the words were read as a shell reads them."""
    with pytest.raises(BadProvider):
        Claude(ProviderSpec("claude", arg))


def test_without_the_program_the_role_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProviderMissing, match="claude"):
        Claude(ProviderSpec("claude")).check(str(tmp_path), "dev")


# ── steering ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_directive_is_taken_when_the_program_says_so() -> None:
    talk = turn()
    assert talk.steering is How.IN_TURN
    said = json.loads(talk.steer("d-1", "Keep the API."))
    assert said["uuid"] == "d-1"
    assert talk.feed(lifecycle("d-2", "queued")) == []
    assert talk.feed(lifecycle("d-1", "queued")) == [DirectiveTaken("d-1")]


def test_a_turn_is_not_over_while_a_directive_waits_in_it() -> None:
    """It begins another turn in the same program. Red when `_result` gives its end at once: it would be lost."""
    talk = turn()
    talk.steer("d-1", "Keep the API.")
    talk.feed(lifecycle("d-1", "queued"))
    assert [each for each in talk.feed(result(result="First.")) if isinstance(each, Finished)] == []
    talk.feed(lifecycle("d-1", "started"))
    assert talk.feed(lifecycle("d-1", "completed") + result(result="Second."))[-1] == Finished("Second.")


# ── what it could say besides ────────────────────────────────────────────────────────────────────────────────────


def test_a_limit_of_the_account_ends_at_its_time() -> None:
    info = {"status": "rejected", "resetsAt": 1_800_000_000}
    events = turn().feed(
        line(type="rate_limit_event", rate_limit_info=info)
        + result(is_error=True, result="limit reached", api_error_status=429)
    )
    assert [each.resets_at for each in events if isinstance(each, RateLimited)] == [1_800_000_000]


def test_what_it_asks_of_us_and_we_do_not_do_is_refused() -> None:
    asked = line(type="control_request", request_id="7", request={"subtype": "mcp_message"})
    (reply,) = turn().feed(asked)
    assert isinstance(reply, Reply)
    assert json.loads(reply.data)["response"]["subtype"] == "error"


def test_it_is_given_its_servers_in_a_file_and_no_others() -> None:
    launch = turn(mcp=(McpServer("a", command="run", env={"KEY": "s3cret"}),)).launch
    at = launch.argv.index("--mcp-config")
    assert launch.argv[at + 2] == "--strict-mcp-config"
    (file,) = launch.files.values()
    assert list(launch.files) == [Path(launch.argv[at + 1])]
    assert json.loads(file)["mcpServers"]["a"]["env"] == {"KEY": "s3cret"}
    assert "s3cret" not in " ".join(launch.argv)
    assert "--strict-mcp-config" in turn().launch.argv


def test_a_definition_narrows_its_tools() -> None:
    argv = turn(purpose="review", tools=("Read", "Grep"), denied_tools=("Bash", "Write")).launch.argv
    assert argv[argv.index("--tools") + 1] == "Read,Grep"
    denied = argv[argv.index("--disallowedTools") + 1].split(",")
    assert {"Bash", "Write", "Edit"} <= set(denied)
    assert len(set(denied)) == len(denied)
    assert "--tools" not in turn().launch.argv


def test_a_server_that_did_not_start_is_named() -> None:
    servers = [{"name": "a", "status": "connected"}, {"name": "b", "status": "failed"}]
    told = turn().feed(line(type="system", subtype="init", session_id="s", mcp_servers=servers))
    assert told == [SessionNamed("s"), ServerLeftOut("b", "it did not start, or did not answer")]


def test_not_signed_in_is_told_apart() -> None:
    (end,) = turn().feed(result(is_error=True, result="Not logged in · Please run /login"))
    assert end == Failed("Not logged in · Please run /login", retryable=False, signed_out=True)


def test_without_a_result_it_has_failed_whatever_its_code() -> None:
    assert turn().exited(0, "x\nno such model\n") == [
        Failed("claude ended with code 0 and gave no result: no such model")
    ]
    assert turn().exited(None, "") == [Failed("claude was ended by a signal and gave no result")]


def test_what_its_own_agents_say_is_not_its_word() -> None:
    """A subtask or a verdict in it is not meant for us."""
    message = {"id": "m", "content": [{"type": "text", "text": "MAESTRO:SUBTASK {}"}]}
    assert turn().feed(line(type="assistant", message=message, parent_tool_use_id="t-1")) == []


shapes = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
kinds = st.sampled_from(
    ["assistant", "user", "result", "system", "control_request", "command_lifecycle", "rate_limit_event"]
)


@given(st.lists(st.tuples(kinds, st.dictionaries(st.text(max_size=8), shapes, max_size=4)), max_size=5))
def test_no_shape_makes_it_raise_and_it_ends_in_the_end(lines: list[tuple[str, dict[str, Any]]]) -> None:
    talk = turn()
    for kind, more in lines:
        talk.feed(line(**{**more, "type": kind}))
    assert isinstance(talk.exited(1, "")[-1], Failed | Finished)


known = st.sampled_from(
    [each for each in (STREAMS / "session.jsonl").read_text().splitlines() if '"out"' in each]
)


@given(st.lists(known, max_size=4), st.dictionaries(st.sampled_from(["message", "request", "usage", "is_error",
       "subtype", "total_cost_usd", "state", "attempt"]), shapes, max_size=3))  # fmt: skip
def test_no_twist_of_a_known_line_makes_it_raise(lines: list[str], twist: dict[str, Any]) -> None:
    talk = turn()
    for each in lines:
        talk.feed(line(**{**json.loads(each)["out"], **twist}))
    talk.exited(None, "")


def test_the_table_names_the_model_and_the_colon_another() -> None:
    spec = ProviderSpec("claude", model="opus", args=("--effort", "high"))
    argv = Claude(spec).open(a_job()).launch.argv
    assert argv[argv.index("--model") + 1] == "opus"
    assert argv[-2:] == ("--effort", "high")
    argv = Claude(ProviderSpec("claude", "haiku", model="opus")).open(a_job()).launch.argv
    assert argv[argv.index("--model") + 1] == "haiku"


def test_a_number_without_end_is_survived() -> None:
    talk = turn()
    talk.feed(b'{"type": "result", "subtype": "success", "result": "x", "usage": {"output_tokens": 1e999}}\n')
    assert talk.exited(1, "")


def test_the_whole_input_of_a_servers_tool_is_asked_about() -> None:
    given = '{"command": "ls", "host": "production"}'
    asked = f'{{"subtype": "can_use_tool", "tool_name": "mcp__ops__run", "input": {given}}}'
    line = f'{{"type": "control_request", "request_id": "r", "request": {asked}}}\n'
    assert turn().feed(line.encode()) == [PermissionAsked("r", "mcp__ops__run", given)]


def test_two_questions_of_one_name_are_not_one() -> None:
    talk = turn()
    for command in ("ls", "rm a"):
        asked = f'{{"subtype": "can_use_tool", "tool_name": "Bash", "input": {{"command": "{command}"}}}}'
        talk.feed(f'{{"type": "control_request", "request_id": "r", "request": {asked}}}\n'.encode())
    assert b'"ls"' in talk.answer("r", "")


def test_of_a_line_that_is_none_of_its_own_people_read_the_beginning() -> None:
    """Red when all of it is cleaned and said: for half a minute, in which the worker stands still."""
    (said,) = turn().feed(b"x" + b"\x1b[" * 4_000_000 + b"\n")
    left_out = 1 + 2 * 4_000_000 - LONGEST
    assert said == Said(f"x [… {left_out} characters left out …]\n")
