"""Codex's app server as it was recorded, and what it could say besides."""

from __future__ import annotations

import json
from collections.abc import Iterator
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
from maestro_ray.providers.codex import Codex, CodexTurn
from providers.jobs import a_job

STREAM = Path(__file__).with_name("streams") / "codex" / "session.jsonl"
THREAD = "00000000-0000-4000-8000-000000000002"


def turn(**changes: object) -> CodexTurn:
    return Codex(ProviderSpec("codex")).open(a_job(**changes))


def line(**value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


def recorded() -> list[dict[str, Any]]:
    """What it wrote, up to the end of its first turn."""
    lines = [each["out"] for each in map(json.loads, STREAM.read_text().splitlines()) if "out" in each]
    end = next(n for n, each in enumerate(lines) if each.get("method") == "turn/completed")
    return lines[: end + 1]


def events(talk: CodexTurn) -> Iterator[AgentEvent]:
    for each in recorded():
        yield from talk.feed(line(**each))


def begun() -> CodexTurn:
    talk = turn()
    talk.feed(line(id=2, result={"thread": {"id": "t-1"}}) + line(id=3, result={"turn": {"id": "u-1"}}))
    return talk


def completed(**changes: Any) -> bytes:
    return line(
        method="turn/completed",
        params={"turn": {"id": "u-1", "status": "completed", "error": None, **changes}},
    )


def failed(status: int) -> bytes:
    error = {"message": "no", "codexErrorInfo": {"httpConnectionFailed": {"httpStatusCode": status}}}
    return completed(status="failed", error=error)


# ── what was recorded ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_turn_that_makes_a_change() -> None:
    talk = turn(prompt="Write the file.")
    told = list(events(talk))
    session, begin = told[:2]
    assert session == SessionNamed(THREAD)
    assert isinstance(begin, Reply)
    assert json.loads(begin.data)["params"] == {
        "threadId": THREAD, "input": [{"type": "text", "text": "Write the file."}],
    }  # fmt: skip
    rest = [each for each in told[2:] if not isinstance(each, UsageCounted)]
    assert rest == [
        ToolCalled("edit", "/worktree/hello.txt"),
        PermissionAsked("0", "edit", "/worktree/hello.txt", ("/worktree/hello.txt",)),
        ToolReturned("edit", ok=True),
        Said("Wrote hello.txt.\n"),
        Finished("Wrote hello.txt."),
    ]
    assert json.loads(talk.answer("0", "")) == {"id": 0, "result": {"decision": "accept"}}
    assert json.loads(talk.answer("0", "not here")) == {"id": 0, "result": {"decision": "decline"}}
    assert talk.exited(0, "")[-1] == Finished("Wrote hello.txt.")


def test_what_was_used_is_counted_once() -> None:
    used = [each for each in events(turn()) if isinstance(each, UsageCounted)]
    assert (sum(each.input_tokens for each in used), sum(each.output_tokens for each in used)) == (200, 20)
    assert {each.model for each in used} == {"gpt-5.5"}


def test_what_an_earlier_turn_has_used_is_not_counted_again() -> None:
    """A thread that is resumed begins by saying it. Red without a look at `turnId`."""
    talk = turn()
    last = {"inputTokens": 100, "outputTokens": 10}
    told = {"threadId": "t", "turnId": "an earlier one", "tokenUsage": {"total": last, "last": last}}
    said = json.dumps({"method": "thread/tokenUsage/updated", "params": told}).encode() + b"\n"
    assert talk.feed(said) == []


def test_what_we_begin_with_is_what_was_answered() -> None:
    said = [json.loads(each) for each in turn().launch.stdin.splitlines()]
    asked = [each["in"] for each in map(json.loads, STREAM.read_text().splitlines()) if "in" in each]
    assert [each["method"] for each in said] == [each["method"] for each in asked[:3]]
    assert [each.get("id") for each in said] == [each.get("id") for each in asked[:3]]


# ── the program ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("purpose", "sandbox"), [("execute", "workspace-write"), ("review", "read-only")])
def test_who_makes_no_change_cannot(purpose: str, sandbox: str) -> None:
    begin = json.loads(turn(purpose=purpose).launch.stdin.splitlines()[2])
    assert begin["method"] == "thread/start"
    assert begin["params"]["sandbox"] == sandbox
    assert begin["params"]["cwd"] == "/work tree"


@pytest.mark.parametrize("resume", ["", "t-9"])
def test_nobody_answers_in_our_place(resume: str) -> None:
    """`approvals_reviewer = "auto_review"` of a person's own settings would hold for the thread."""
    begin = json.loads(turn(resume=resume).launch.stdin.splitlines()[2])
    assert begin["params"]["approvalsReviewer"] == "user"


def test_a_thread_is_taken_up_and_the_model_is_named() -> None:
    talk = Codex(ProviderSpec("codex", "gpt-5.5", ("-c", "x=1"))).open(a_job(resume="t-9"))
    assert talk.launch.argv == ("codex", "app-server", "-c", 'model="gpt-5.5"', "-c", "x=1")
    begin = json.loads(talk.launch.stdin.splitlines()[2])
    assert (begin["method"], begin["params"]["threadId"]) == ("thread/resume", "t-9")


@pytest.mark.parametrize("arg", ["--yolo", 'x" sandbox_mode="danger-full-access'])
def test_what_is_no_model_is_refused(arg: str) -> None:
    with pytest.raises(BadProvider):
        Codex(ProviderSpec("codex", arg))


def test_without_the_program_the_role_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProviderMissing, match="codex"):
        Codex(ProviderSpec("codex")).check(str(tmp_path), "dev")


# ── steering ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_directive_is_taken_when_the_program_says_so() -> None:
    talk = begun()
    assert talk.steering is How.IN_TURN
    said = json.loads(talk.steer("d-1", "Keep the API."))
    assert said["method"] == "turn/steer"
    assert said["params"]["expectedTurnId"] == "u-1"
    assert "[OPERATOR STEERING]" in said["params"]["input"][0]["text"]
    assert talk.feed(line(id=said["id"], result={"turnId": "u-1"})) == [DirectiveTaken("d-1")]


def test_a_directive_before_the_turn_waits_for_it() -> None:
    talk = turn()
    assert talk.steer("d-1", "Keep the API.") == b""
    talk.feed(line(id=2, result={"thread": {"id": "t-1"}}))
    (reply,) = talk.feed(line(id=3, result={"turn": {"id": "u-1"}}))
    assert isinstance(reply, Reply)
    assert json.loads(reply.data)["method"] == "turn/steer"


def test_a_directive_that_comes_too_late_fails_nothing() -> None:
    talk = begun()
    said = json.loads(talk.steer("d-1", "Keep the API."))
    assert talk.feed(line(id=said["id"], error={"code": -32600, "message": "no active turn"})) == []
    assert talk.feed(completed()) == [Finished("")]


# ── what it could say besides ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [401, 403])
def test_an_account_that_is_refused_is_no_reason_to_try_again(status: int) -> None:
    assert begun().feed(failed(status)) == [Failed("no", retryable=False, signed_out=True)]


def test_a_rate_limit_is_said_before_the_end() -> None:
    assert begun().feed(failed(429)) == [RateLimited(60.0, "no"), Failed("no")]
    limited = completed(status="failed", error={"message": "no", "codexErrorInfo": "usageLimitExceeded"})
    assert begun().feed(limited) == [RateLimited(60.0, "no"), Failed("no")]


def test_an_interrupted_turn_has_failed() -> None:
    assert begun().feed(completed(status="interrupted")) == [Failed("the turn was interrupted")]


def test_the_end_of_another_turn_is_not_ours() -> None:
    assert begun().feed(completed(id="u-2")) == []


def test_what_it_tries_again_is_shown() -> None:
    error = {"message": "Reconnecting... 1/5", "additionalDetails": "status 503"}
    assert begun().feed(line(method="error", params={"error": error, "willRetry": True})) == [
        Retrying(1, reason="status 503")
    ]


def test_a_thread_that_cannot_begin_has_failed() -> None:
    assert turn().feed(line(id=2, error={"code": 1, "message": "no such thread"})) == [
        Failed("no such thread")
    ]


def test_what_it_asks_of_us_and_we_do_not_do_is_refused() -> None:
    (reply,) = begun().feed(line(id=7, method="item/tool/requestUserInput", params={}))
    assert isinstance(reply, Reply)
    assert json.loads(reply.data)["error"]["code"] == -32601


@pytest.mark.parametrize(
    "params", [None, {}, {"itemId": "i", "networkApprovalContext": {"host": "x.example"}}]
)
def test_a_question_that_cannot_be_read_is_refused_and_not_left_open(params: object) -> None:
    """Its schema lets a question for leave have no command. Red when it says nothing: Codex would wait for ever."""
    (reply,) = begun().feed(line(id=7, method="item/commandExecution/requestApproval", params=params))
    assert isinstance(reply, Reply)
    assert json.loads(reply.data)["error"]["code"] == -32601


@pytest.mark.parametrize("answer", [{"result": None}, {"result": {"id": "t-1"}}, {"error": "no"}])
@pytest.mark.parametrize("number", [2, 3])
def test_an_answer_of_a_form_that_is_not_known_ends_the_turn(number: int, answer: dict[str, Any]) -> None:
    """Of another version. Red when it says nothing: the turn would wait until its time is over."""
    (failed,) = turn().feed(line(id=number, **answer))
    assert isinstance(failed, Failed)
    assert failed.reason.startswith("codex answers in a form that maestro does not know: ")


def test_a_server_that_cannot_be_used_is_named_and_the_turn_goes_on() -> None:
    talk = turn(mcp=(McpServer("old", "sse", url="https://x.example"), McpServer("b", command="b")))
    assert "mcp_servers.b.command" in " ".join(talk.launch.argv)
    params = {"name": "b", "status": "failed", "error": "no such\nfile"}
    assert talk.feed(line(method="mcpServer/startupStatus/updated", params=params)) == [
        ServerLeftOut("old", "Codex knows no `sse`: use its http address"),
        ServerLeftOut("b", "no such file"),
    ]
    ready = {**params, "status": "ready"}
    assert talk.feed(line(method="mcpServer/startupStatus/updated", params=ready)) == []


def test_leave_for_a_tool_of_a_server_is_asked_and_given() -> None:
    talk = begun()
    about = {"codex_approval_kind": "mcp_tool_call", "tool_name": "drop", "tool_params": {"table": "a"}}
    params = {"serverName": "db", "mode": "form", "_meta": about}
    for number, refusal, action in ((7, "", "accept"), (8, "no", "decline")):
        asked = talk.feed(line(id=number, method="mcpServer/elicitation/request", params=params))
        assert asked == [PermissionAsked(str(number), "mcp__db__drop", '{"table": "a"}')]
        answer = json.loads(talk.answer(str(number), refusal))
        assert answer == {"id": number, "result": {"action": action, "content": {}}}


@pytest.mark.parametrize("about", [None, {}, {"codex_approval_kind": "other"}, "x"])
def test_a_form_of_a_server_for_a_person_is_refused_and_not_left_open(about: object) -> None:
    """Without an answer Codex would wait for ever."""
    params = {"serverName": "db", "mode": "form", "_meta": about}
    (reply,) = begun().feed(line(id=9, method="mcpServer/elicitation/request", params=params))
    assert isinstance(reply, Reply)
    assert json.loads(reply.data)["error"]["code"] == -32601


def test_without_an_end_it_has_failed_whatever_its_code() -> None:
    assert begun().exited(0, "x\nno room\n") == [
        Failed("codex ended with code 0 in the middle of its turn: no room")
    ]


shapes = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.sampled_from(recorded()), max_size=6), st.dictionaries(
       st.sampled_from(["id", "method", "params", "result", "error"]), shapes, max_size=3))  # fmt: skip
def test_no_twist_of_a_known_line_makes_it_raise(lines: list[dict[str, Any]], twist: dict[str, Any]) -> None:
    talk = turn()
    for each in lines:
        talk.feed(line(**{**each, **twist}))
    assert isinstance(talk.exited(None, "")[-1], Failed | Finished)


def test_a_number_without_end_is_survived() -> None:
    talk = turn()
    talk.feed(b'{"id": 3, "result": {"turn": {"id": "u"}}}\n')
    used = b'{"last": {"inputTokens": 1e999, "outputTokens": 1}}'
    talk.feed(
        b'{"method": "thread/tokenUsage/updated", "params": {"turnId": "u", "tokenUsage": %b}}\n' % used
    )
    assert talk.exited(1, "")


def test_where_a_command_would_run_is_a_part_of_it() -> None:
    def asked(place: object) -> list[AgentEvent]:
        params = {"command": "echo x > a", "cwd": place}
        said = {"id": 9, "method": "item/commandExecution/requestApproval", "params": params}
        return turn().feed(json.dumps(said).encode() + b"\n")

    assert asked("/home/ada") == [PermissionAsked("9", "shell", "cd /home/ada && echo x > a")]
    assert asked(str(a_job().worktree)) == asked(None) == [PermissionAsked("9", "shell", "echo x > a")]


def test_where_a_file_is_moved_and_what_else_is_granted_is_asked_about() -> None:
    talk = turn()
    change = {"path": "/w/a", "kind": {"type": "update", "move_path": "/home/ada/.bashrc"}}
    begun = {
        "method": "item/started",
        "params": {"item": {"type": "fileChange", "id": "i", "changes": [change]}},
    }
    talk.feed(json.dumps(begun).encode() + b"\n")
    params = {"itemId": "i", "grantRoot": "/home"}
    asked = {"id": 9, "method": "item/fileChange/requestApproval", "params": params}
    (question,) = talk.feed(json.dumps(asked).encode() + b"\n")
    assert isinstance(question, PermissionAsked)
    assert question.about == ("/w/a", "/home/ada/.bashrc", "/home")
