"""The Agent Client Protocol as three programs were recorded, and what any other could say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from absent import absent
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
    SessionNamed,
    ToolCalled,
    ToolReturned,
    UsageCounted,
)
from maestro_ray.model.steering import How
from maestro_ray.ports import Provider, ProviderSpec
from maestro_ray.providers.acp import Acp
from maestro_ray.providers.acp_turn import AcpTurn
from maestro_ray.providers.gemini import Gemini
from maestro_ray.providers.opencode import OpenCode
from maestro_ray.providers.qwen import Qwen
from providers.jobs import a_job
from providers.streams_of import Line, of_prompt, said, session

KINDS: dict[str, Callable[[ProviderSpec], Provider]] = {"opencode": OpenCode, "gemini": Gemini, "qwen": Qwen}
ANY = ProviderSpec("acp", "robot --talk")


def turn(agent: str = "", **changes: object) -> AcpTurn:
    """Of one of the three, or of a program that nobody knows."""
    provider = KINDS[agent](ProviderSpec(agent)) if agent else Acp(ANY)
    talk = provider.open(a_job(**changes))
    assert isinstance(talk, AcpTurn)
    return talk


def line(**value: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **value}).encode() + b"\n"


def told(events: Sequence[AgentEvent]) -> list[Line]:
    """What is said to the program."""
    return [
        json.loads(each) for event in events if isinstance(event, Reply) for each in event.data.splitlines()
    ]


def seen(events: Sequence[AgentEvent]) -> list[AgentEvent]:
    """What people are told."""
    hidden = Reply | SessionNamed | UsageCounted
    return [each for each in events if not isinstance(each, hidden)]


def greeted(talk: AcpTurn, name: str = "robot", **can: Any) -> list[AgentEvent]:
    result = {"protocolVersion": 1, "agentInfo": {"name": name}, "agentCapabilities": can}
    return list(talk.feed(line(id=1, result=result)))


def begun(name: str = "robot") -> AcpTurn:
    """In the middle of its first prompt, which is number 3."""
    talk = turn()
    greeted(talk, name)
    talk.feed(line(id=2, result={"sessionId": "s-1"}))
    return talk


def update(**changes: Any) -> bytes:
    return line(method="session/update", params={"sessionId": "s-1", "update": changes})


def chunk(text: str) -> bytes:
    return update(sessionUpdate="agent_message_chunk", content={"type": "text", "text": text})


def asks(number: Any = 7, **call: Any) -> bytes:
    options = [{"optionId": "y", "kind": "allow_once"}, {"optionId": "n", "kind": "reject_once"}]
    call = {"toolCallId": "c-1", "kind": "execute", "title": "make", "rawInput": {"command": "make"}, **call}
    params = {"sessionId": "s-1", "toolCall": call, "options": options}
    return line(id=number, method="session/request_permission", params=params)


def ended(number: int = 3, reason: str = "end_turn", **more: Any) -> bytes:
    return line(id=number, result={"stopReason": reason, **more})


class Replay:
    """A recorded session, from one of its prompts on, as if that prompt were the first."""

    def __init__(self, agent: str, **changes: object) -> None:
        self.talk = turn(agent, **changes)
        self.events: list[AgentEvent] = []
        for each in said(agent):
            if each.get("method") == "session/update" or each.get("id") == 4 - (agent != "qwen"):
                break
            self.feed(each)
        self.prompt = next(each["id"] for each in told(self.events) if each["method"] == "session/prompt")

    def feed(self, value: Line, **changes: Any) -> list[AgentEvent]:
        fresh = list(self.talk.feed(line(**{**value, **changes})))
        self.events += fresh
        return fresh

    def rest(self, lines: Sequence[Line]) -> list[AgentEvent]:
        """Lines of one prompt, whose answer is made that of ours."""
        before = len(self.events)
        for each in lines:
            self.feed(each, **({"id": self.prompt} if "method" not in each and "id" in each else {}))
        return self.events[before:]


# ── what was recorded ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("agent", KINDS)
def test_a_turn_that_makes_a_change(agent: str) -> None:
    events = Replay(agent).rest(of_prompt(agent, 0))
    path = "/worktree/hello.txt"
    asked = next(each for each in events if isinstance(each, PermissionAsked))
    assert (asked.tool, asked.detail) == ("edit", path)
    assert [each for each in seen(events) if each != asked] == [
        ToolCalled("edit", path),
        ToolReturned("edit", ok=True, detail="Wrote file successfully." if agent == "opencode" else path),
        Said("Wrote he"),
        Said("llo.txt."),
        Said("\n"),
        Finished("Wrote hello.txt."),
    ]


@pytest.mark.parametrize("agent", KINDS)
def test_we_begin_as_it_was_answered(agent: str) -> None:
    """The numbers and methods of the recorded session, which the programs have taken."""
    asked = [each for way, each in session(agent) if way == "in" and "method" in each]
    replay = Replay(agent)
    ours = [*map(json.loads, replay.talk.launch.stdin.splitlines()), *told(replay.events)]
    count = 4 if agent == "qwen" else 3
    assert [(each["id"], each["method"]) for each in ours] == [
        (each["id"], each["method"]) for each in asked[:count]
    ]
    assert ours[0]["params"]["clientCapabilities"] == asked[0]["params"]["clientCapabilities"]


@pytest.mark.parametrize("agent", KINDS)
def test_a_command_is_asked_for_with_its_exact_words(agent: str) -> None:
    replay = Replay(agent, worktree=Path("/worktree"))
    asked = [each for each in replay.rest(of_prompt(agent, 1)) if isinstance(each, PermissionAsked)]
    assert [(each.tool, each.detail) for each in asked] == [("shell", "rm -rf /precious")]


@pytest.mark.parametrize(
    ("agent", "model"), [("opencode", "scripted/model"), ("gemini", "gemini-2.5-pro"), ("qwen", "model")]
)
def test_what_was_used_bears_the_name_of_the_model(agent: str, model: str) -> None:
    used = [each for each in Replay(agent).rest(of_prompt(agent, 0)) if isinstance(each, UsageCounted)]
    assert {each.model for each in used} == {model}


@pytest.mark.parametrize(
    ("agent", "spent"), [("opencode", (100, 10)), ("gemini", (200, 20)), ("qwen", (200, 20))]
)
def test_what_was_used_is_counted_once(agent: str, spent: tuple[int, int]) -> None:
    """OpenCode tells only of the last of its requests."""
    used = [each for each in Replay(agent).rest(of_prompt(agent, 0)) if isinstance(each, UsageCounted)]
    assert (sum(each.input_tokens for each in used), sum(each.output_tokens for each in used)) == spent


@pytest.mark.parametrize(
    ("agent", "reason"), [("opencode", "x-api-key"), ("gemini", "x-api-key"), ("qwen", "x-api-key")]
)
def test_a_refused_account(agent: str, reason: str) -> None:
    events = Replay(agent).rest([each for each in said(agent, "session_refused") if "error" in each])
    (end,) = seen(events)
    assert isinstance(end, Failed)
    assert (end.signed_out, end.retryable) == (True, False)
    assert reason in end.reason
    assert "{" not in end.reason


@pytest.mark.parametrize(("agent", "seconds"), [("opencode", 60.0), ("gemini", 1.0), ("qwen", 60.0)])
def test_a_limited_account(agent: str, seconds: float) -> None:
    events = Replay(agent).rest([each for each in said(agent, "session_limited") if "error" in each])
    limit, end = seen(events)
    assert isinstance(limit, RateLimited)
    assert limit.retry_after == seconds
    assert isinstance(end, Failed)
    assert end.retryable


def test_opencode_takes_a_second_prompt_into_its_turn() -> None:
    """Both are answered, and the turn is over with the later answer."""
    replay = Replay("opencode")
    first, second = of_prompt("opencode", 2), of_prompt("opencode", 3)
    replay.rest(first)
    steered = [json.loads(each) for each in (replay.talk.steer("d-1", "Keep the API.") or b"").splitlines()]
    assert [each["method"] for each in steered] == ["session/prompt", "_maestro/ping"]
    assert replay.feed({"id": steered[1]["id"], "error": {"code": -32601, "message": "x"}}) == [
        DirectiveTaken("d-1")
    ]
    answers = iter([replay.prompt, steered[0]["id"]])
    for each in second:
        fresh = replay.feed(
            each, **({"id": next(answers)} if "stopReason" in str(each.get("result")) else {})
        )
        assert any(isinstance(event, Finished) for event in fresh) == (each is second[-1])
    used = [each for each in replay.events if isinstance(each, UsageCounted)]
    assert used == [UsageCounted(100, 10, model="scripted/model")]


def test_qwen_asks_for_words_and_is_given_them() -> None:
    replay = Replay("qwen")
    drain = next(each for each in of_prompt("qwen", 0) if each.get("method") == "craft/drainMidTurnQueue")
    assert told(replay.feed(drain))[0]["result"] == {"messages": [], "hasQueuedPrompt": False}
    assert replay.talk.steer("d-1", "Keep the API.") == b""
    events = replay.feed(drain)
    assert events[1:] == [DirectiveTaken("d-1")]
    assert "[OPERATOR STEERING]" in told(events)[0]["result"]["messages"][0]
    assert told(replay.feed(drain))[0]["result"]["messages"] == []


def test_gemini_is_interrupted_and_goes_on() -> None:
    replay = Replay("gemini")
    lines = of_prompt("gemini", 4)
    asked = replay.rest(lines[:1])
    cut = [json.loads(each) for each in (replay.talk.steer("d-1", "Keep the API.") or b"").splitlines()]
    assert [each.get("method", "answer") for each in cut] == ["session/cancel", "answer"]
    assert cut[1]["result"] == {"outcome": {"outcome": "cancelled"}}
    assert isinstance(asked[1], PermissionAsked)
    assert replay.talk.answer(asked[1].request, "") == b""
    assert replay.talk.steer("d-2", "Quickly.") == b""
    (prompt, _ping) = told(replay.rest(lines[1:]))
    words = prompt["params"]["prompt"][0]["text"]
    assert "1. Keep the API.\n2. Quickly." in words


# ── how a session goes ───────────────────────────────────────────────────────────────────────────────────────────


def test_no_file_and_no_terminal_is_offered() -> None:
    params = json.loads(turn().launch.stdin)["params"]
    assert params["clientCapabilities"] == {
        "fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False,
    }  # fmt: skip
    assert turn().launch.keep_stdin


def test_a_session_is_begun_in_the_worktree() -> None:
    (new,) = told(greeted(turn(prompt="Add.")))
    assert (new["method"], new["params"]) == ("session/new", {"cwd": "/work tree", "mcpServers": []})


def test_a_session_is_taken_up_where_that_can_be() -> None:
    talk = turn(resume="s-9", prompt="Go on.")
    (load,) = told(greeted(talk, loadSession=True))
    assert (load["method"], load["params"]["sessionId"]) == ("session/load", "s-9")
    # it is told from its beginning, and nobody hears that twice
    replayed = line(method="session/update", params={"sessionId": "s-9", "update": {
        "sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "old"}}})  # fmt: skip
    assert talk.feed(replayed) == []
    named, prompt = talk.feed(line(id=2, result=None))
    assert named == SessionNamed("s-9")
    assert told([prompt])[0]["params"] == {"sessionId": "s-9", "prompt": [{"type": "text", "text": "Go on."}]}


def test_what_a_session_has_cost_before_is_not_counted_again() -> None:
    def cost(amount: float) -> bytes:
        money = {"amount": amount, "currency": "USD"}
        return update(sessionUpdate="usage_update", used=1, size=2, cost=money)

    talk = turn(resume="s-1")
    greeted(talk, loadSession=True)
    assert talk.feed(cost(0.5)) == []
    talk.feed(line(id=2, result={}))
    assert talk.feed(cost(0.75) + cost(0.75)) == []
    # with the tokens that it is for
    used = {"inputTokens": 5, "outputTokens": 2}
    assert talk.feed(ended(usage=used))[:2] == [UsageCounted(5, 2), UsageCounted(cost=0.25)]


def test_who_tells_with_each_request_is_not_counted_again_at_the_end() -> None:
    talk = begun()
    usage = {"inputTokens": 5, "outputTokens": 2}
    content = {"type": "text", "text": ""}
    with_it = update(sessionUpdate="agent_message_chunk", content=content, _meta={"usage": usage})
    assert talk.feed(with_it) == [UsageCounted(5, 2)]
    assert talk.feed(ended(usage=usage)) == [Finished("")]


def test_a_session_that_cannot_be_taken_up_is_begun_anew() -> None:
    """Gemini 0.61 loses one that is taken up in the minute in which it began."""
    talk = turn(resume="s-9")
    greeted(talk, loadSession=True)
    details = {"details": "No previous sessions found for this project."}
    shown, begin = talk.feed(line(id=2, error={"code": -32603, "message": "Internal error", "data": details}))
    assert isinstance(shown, Retrying)
    assert "No previous sessions" in shown.reason
    assert told([begin])[0]["method"] == "session/new"


def test_who_cannot_take_one_up_begins_anew() -> None:
    assert told(greeted(turn(resume="s-9")))[0]["method"] == "session/new"


def test_another_version_of_the_protocol_is_no_use() -> None:
    (end,) = turn().feed(line(id=1, result={"protocolVersion": 2}))
    assert end == Failed("robot speaks version 2 of the protocol, and maestro 1", retryable=False)


def test_who_must_sign_in_first_has_no_account() -> None:
    talk = turn()
    greeted(talk)
    (end,) = talk.feed(line(id=2, error={"code": -32000, "message": "Authentication required"}))
    assert end == Failed("Authentication required", retryable=False, signed_out=True)


@pytest.mark.parametrize(
    ("reason", "words"),
    [("refusal", "refuses"), ("max_tokens", "no room"), ("cancelled", "cancelled"), ("odd", "odd")],
)
def test_a_turn_that_stops_otherwise_has_failed(reason: str, words: str) -> None:
    (end,) = begun().feed(ended(reason=reason))
    assert isinstance(end, Failed)
    assert words in end.reason


def test_the_closing_words_are_those_after_the_last_tool() -> None:
    talk = begun()
    talk.feed(chunk("VERDICT: APPROVED") + update(sessionUpdate="tool_call", toolCallId="c", kind="read",
              status="in_progress", title="x", locations=[{"path": "a.py"}]))  # fmt: skip
    talk.feed(chunk("Too short.\nVERDICT: REJ") + chunk("ECTED — why"))
    assert talk.feed(ended())[-1] == Finished("Too short.\nVERDICT: REJECTED — why")


def test_a_call_that_says_more_cuts_no_word_in_two() -> None:
    talk = begun()
    quiet = update(sessionUpdate="tool_call_update", toolCallId="c", status="pending")
    talk.feed(chunk("VERDICT: APP") + quiet + chunk("ROVED"))
    assert talk.feed(ended())[-1] == Finished("VERDICT: APPROVED")


def test_without_an_end_it_has_failed_whatever_its_code() -> None:
    assert begun().exited(0, "x\nno room\n") == [
        Failed("robot ended with code 0 in the middle of its turn: no room")
    ]


def test_its_end_is_said_again_when_it_is_gone() -> None:
    talk = begun()
    talk.feed(ended())
    assert talk.feed(chunk("late")) == []
    assert talk.exited(None, "") == [Finished("")]


# ── leave, and other questions ───────────────────────────────────────────────────────────────────────────────────


def test_an_option_is_chosen_by_its_kind() -> None:
    talk = begun()
    called, asked = talk.feed(asks())
    assert called == ToolCalled("shell", "make")
    assert asked == PermissionAsked("7", "shell", "make")
    assert json.loads(talk.answer("7", ""))["result"] == {"outcome": {"outcome": "selected", "optionId": "y"}}
    # once is enough
    assert talk.answer("7", "") == b""
    talk.feed(asks("7"))
    answer = json.loads(talk.answer('"7"', "not here"))
    assert (answer["id"], answer["result"]["outcome"]["optionId"]) == ("7", "n")


def test_a_call_that_says_no_more_than_its_place_is_told_with_its_command() -> None:
    """As OpenCode makes it. Red without `_PLACES` in `_is_said`: it was told as `{"cwd": "/worktree"}`."""
    talk = begun()
    call = {"toolCallId": "c-1", "kind": "execute", "title": "bash"}
    known = {"rawInput": {"cwd": "/worktree"}, "locations": [{"path": "/worktree"}]}
    events = list(talk.feed(update(sessionUpdate="tool_call", status="pending", **call, **known)))
    assert events == []
    given = {"command": "make", "cwd": "/worktree"}
    events = list(
        talk.feed(update(sessionUpdate="tool_call_update", status="in_progress", **call, rawInput=given))
    )
    assert events == [ToolCalled("shell", "make")]


def test_the_exact_command_is_asked_about_however_long() -> None:
    command = "x" * 100_000
    asked = begun().feed(asks(rawInput={"command": command}))[-1]
    assert asked == PermissionAsked("7", "shell", command)


def test_what_is_known_from_the_call_need_not_be_said_again() -> None:
    talk = begun()
    talk.feed(
        update(sessionUpdate="tool_call", toolCallId="c-1", kind="execute", rawInput={"command": "make"})
    )
    assert talk.feed(asks(kind="other", title="", rawInput={})) == [PermissionAsked("7", "shell", "make")]


def test_what_is_asked_about_is_never_less_than_what_runs() -> None:
    """Of what is not known for certain nothing is said: then no rule that allows something names it."""
    talk = begun()
    long = ": " + "x" * 20_000 + "; git push"
    talk.feed(update(sessionUpdate="tool_call", toolCallId="c-1", kind="execute", rawInput={"command": long}))
    assert talk.feed(asks(kind="execute", title="", rawInput={})) == [PermissionAsked("7", "shell", "")]
    given = {"command": "git", "args": ["push", "a b"]}
    assert begun().feed(asks(rawInput=given))[-1] == PermissionAsked("7", "shell", "git push 'a b'")
    given = {"command": ["bash", "-lc", "git push"]}
    assert begun().feed(asks(rawInput=given))[-1] == PermissionAsked("7", "shell", "bash -lc 'git push'")
    given = {"cmd": "git push"}
    assert begun().feed(asks(rawInput=given))[-1] == PermissionAsked("7", "shell", '{"cmd": "git push"}')
    for name in ("cwd", "workdir", "directory", "dir_path"):
        given = {"command": "echo x > a", name: "/home/ada"}
        assert begun().feed(asks(rawInput=given))[-1] == PermissionAsked(
            "7", "shell", "cd /home/ada && echo x > a"
        )
    named = asks(kind="other", title="developer: shell", rawInput={"command": "git push"})
    assert begun().feed(named)[-1] == PermissionAsked("7", "shell", "git push")


def test_without_an_option_of_that_kind_the_question_is_put_aside() -> None:
    talk = begun()
    question = json.loads(asks())
    question["params"]["options"] = [{"optionId": "y", "kind": "allow_always"}]
    talk.feed(line(**question))
    assert json.loads(talk.answer("7", "no"))["result"] == {"outcome": {"outcome": "cancelled"}}
    talk.feed(line(**question))
    # `allow_always` would be leave for what nobody has asked yet
    assert json.loads(talk.answer("7", ""))["result"] == {"outcome": {"outcome": "cancelled"}}


def test_who_ends_with_a_refusal_is_told_why_and_goes_on() -> None:
    talk = begun("OpenCode")
    talk.feed(asks())
    talk.answer("7", "no make here")
    (more,) = told(talk.feed(ended()))
    words = more["params"]["prompt"][0]["text"]
    assert "- make: no make here" in words
    assert isinstance(talk.feed(ended(more["id"]))[-1], Finished)


def test_who_goes_on_by_itself_is_not_told_twice() -> None:
    for name in ("OpenCode", "gemini-cli"):
        talk = begun(name)
        talk.feed(asks())
        talk.answer("7", "no make here")
        talk.feed(chunk("Then not.") if name == "OpenCode" else b"")
        assert isinstance(talk.feed(ended())[-1], Finished)


@pytest.mark.parametrize("method", ["fs/write_text_file", "terminal/create", "craft/drainMidTurnQueue", "x"])
def test_what_it_asks_of_us_and_we_do_not_do_is_refused(method: str) -> None:
    (answer,) = told(begun().feed(line(id="n", method=method, params={})))
    assert (answer["id"], answer["error"]["code"]) == ("n", -32601)


def test_who_asks_in_words_nobody_can_read_is_answered() -> None:
    (answer,) = told(begun().feed(line(id=9, method="session/request_permission", params={"options": 1})))
    assert (answer["id"], answer["error"]["code"]) == (9, -32602)


def test_notifications_that_nobody_knows_are_ignored() -> None:
    assert begun().feed(line(method="x/y", params=[1]) + update(sessionUpdate="plan", entries=[])) == []


# ── steering ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("OpenCode", How.IN_TURN),
        ("qwen-code", How.IN_TURN),
        ("gemini-cli", How.RESTART),
        ("robot", How.NEXT_TURN),
    ],
)
def test_how_each_hears_a_directive_follows_its_name(name: str, how: How) -> None:
    assert begun(name).steering is how


def test_of_an_agent_that_nobody_knows_nothing_is_expected() -> None:
    assert turn().steer("d-1", "Keep the API.") is None
    assert begun().steer("d-1", "Keep the API.") is None


def test_a_directive_before_the_work_is_in_its_prompt() -> None:
    for agent in KINDS:
        talk = turn(agent, prompt="Add.")
        assert talk.steer("d-1", "Keep the API.") == b""
        greeted(talk)
        (prompt, ping) = told(talk.feed(line(id=2, result={"sessionId": "s-1"})))[-2:] if agent != "qwen" else told(
            [*talk.feed(line(id=2, result={"sessionId": "s-1"})), *talk.feed(line(id=3, result={}))])[-2:]  # fmt: skip
        words = prompt["params"]["prompt"][0]["text"]
        assert words.startswith("Add.\n\n[OPERATOR STEERING]")
        assert talk.feed(line(id=ping["id"], error={"code": -32601, "message": "no"})) == [
            DirectiveTaken("d-1")
        ]


def test_an_interrupted_agent_goes_on_with_the_directive() -> None:
    talk = begun("gemini-cli")
    assert json.loads(talk.steer("d-1", "Keep the API.") or b"")["method"] == "session/cancel"
    prompt, ping = told(talk.feed(ended(reason="cancelled")))
    assert "go on with your task" in prompt["params"]["prompt"][0]["text"]
    assert talk.feed(line(id=ping["id"], error={"code": -32601, "message": "no"})) == [DirectiveTaken("d-1")]
    assert talk.feed(ended(prompt["id"])) == [Finished("")]


def test_what_nobody_asked_for_in_time_is_said_after_the_work() -> None:
    talk = begun("qwen-code")
    talk.steer("d-1", "Keep the API.")
    prompt, _ping = told(talk.feed(ended()))
    assert "[OPERATOR STEERING]" in prompt["params"]["prompt"][0]["text"]
    # the answer to the prompt tells as much as that to the ping
    assert talk.feed(ended(prompt["id"])) == [DirectiveTaken("d-1"), Finished("")]


def test_a_second_prompt_that_is_refused_disturbs_nothing() -> None:
    talk = begun("OpenCode")
    prompt, ping = (json.loads(each) for each in (talk.steer("d-1", "Keep the API.") or b"").splitlines())
    assert talk.feed(line(id=prompt["id"], error={"code": -32603, "message": "busy"})) == []
    # it has not been taken, and is heard in another turn
    assert talk.feed(line(id=ping["id"], error={"code": -32601, "message": "no"})) == []
    assert talk.feed(ended()) == [Finished("")]


def test_a_directive_after_the_end_is_for_another_turn() -> None:
    talk = begun("OpenCode")
    talk.feed(ended())
    assert talk.steer("d-1", "Keep the API.") is None


# ── the program ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_words_after_the_colon_are_the_program() -> None:
    assert Acp(ProviderSpec("acp", "opencode acp")).open(a_job()).launch.argv == ("opencode", "acp")
    table = ProviderSpec("acp", "'a b'", ("robot", "--talk"), ("KEY",))
    assert Acp(table).open(a_job()).launch.argv == ("robot", "--talk", "a b")
    assert Acp(table).environment() == ("KEY",)


@pytest.mark.parametrize("arg", ["", "'"])
def test_without_a_program_there_is_nothing_to_start(arg: str) -> None:
    with pytest.raises(BadProvider):
        Acp(ProviderSpec("acp", arg))


def test_without_the_program_the_role_is_told(tmp_path: Any) -> None:
    with pytest.raises(ProviderMissing, match="robot"):
        Acp(ANY).check(str(tmp_path), "dev")


@pytest.mark.parametrize(
    ("words", "account"),
    [
        ("opencode acp", "opencode"),
        ("npx -y @a/claude-agent-acp", "claude-agent-acp"),
        ("/x/robot", "robot"),
        ("npx", "npx"),
    ],
)
def test_workers_of_one_program_rest_together(words: str, account: str) -> None:
    assert Acp(ProviderSpec("acp", words)).account == account


# ── the protocol's own schema ────────────────────────────────────────────────────────────────────────────────────


def everything_we_say() -> Iterator[Line]:
    """Each kind of line at least once."""
    for agent in KINDS:
        talk = turn(agent, resume="s-9")
        yield from map(json.loads, talk.launch.stdin.splitlines())
        yield from told(greeted(talk, loadSession=True))
        events = [*talk.feed(line(id=2, error={"code": 1, "message": "no"}))]
        for number in (3, 4) if agent == "qwen" else (3,):
            events += talk.feed(line(id=number, result={"sessionId": "s-1"}))
        yield from told(events)
        for refusal in ("", "no"):
            talk.feed(asks())
            yield json.loads(talk.answer("7", refusal))
        talk.feed(asks())
        yield from map(json.loads, (talk.steer("d-1", "Keep the API.") or b"").splitlines())
    model = OpenCode(ProviderSpec("opencode", "a/b")).open(a_job())
    greeted(model)
    yield from told(model.feed(line(id=2, result={"sessionId": "s-1"})))


def test_what_we_say_is_what_the_protocol_allows() -> None:
    try:
        from acp import schema
    except ImportError:
        absent("agent-client-protocol is not installed")
    forms = {
        "initialize": schema.InitializeRequest, "session/new": schema.NewSessionRequest,
        "session/load": schema.LoadSessionRequest, "session/prompt": schema.PromptRequest,
        "session/set_mode": schema.SetSessionModeRequest, "session/cancel": schema.CancelNotification,
        "session/set_config_option": schema.SetSessionConfigOptionSelectRequest,
        "answer": schema.RequestPermissionResponse,
    }  # fmt: skip
    said_of = set()
    for each in everything_we_say():
        assert each["jsonrpc"] == "2.0"
        method = each.get("method", "answer")
        if method.startswith("_"):
            continue  # what an agent need not know
        body = each["result"] if method == "answer" else each["params"]
        # nothing is missing, and nothing there is unknown
        assert (
            forms[method].model_validate(body).model_dump(by_alias=True, exclude_unset=True, mode="json")
            == body
        )
        said_of.add(method)
    assert said_of == set(forms)


# ── any bytes ────────────────────────────────────────────────────────────────────────────────────────────────────

STREAMS = {
    agent: b"".join(line(**each) for each in said(agent) if "availableCommands" not in str(each))
    for agent in KINDS
}


def play(talk: AcpTurn, pieces: Sequence[bytes]) -> list[AgentEvent]:
    return [*(event for piece in pieces for event in talk.feed(piece)), *talk.exited(0, "")]


@given(st.sampled_from(list(KINDS)), st.lists(st.integers(0, 40_000), max_size=12))
def test_how_the_bytes_are_split_changes_nothing(agent: str, cuts: list[int]) -> None:
    data = STREAMS[agent]
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[one:other] for one, other in pairwise(places)]
    assert play(turn(agent), pieces) == play(turn(agent), [data])


shapes = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from([
    "id", "method", "params", "result", "error", "update", "content", "toolCall", "options", "data", "code", "message",
    "usage", "_meta", "cost", "status", "rawInput", "locations", "stopReason", "agentCapabilities", "agentInfo",
])  # fmt: skip
lines = st.sampled_from(
    [each for agent in KINDS for each in said(agent) if "availableCommands" not in str(each)]
)


def twisted(value: Any, twist: dict[str, Any]) -> Any:
    """The same with these members in place of its own, wherever they are."""
    if isinstance(value, dict):
        return {name: twist[name] if name in twist else twisted(each, twist) for name, each in value.items()}
    return [twisted(each, twist) for each in value] if isinstance(value, list) else value


@given(
    st.sampled_from(["", *KINDS]),
    st.lists(st.tuples(lines, st.dictionaries(names, shapes, max_size=3)), max_size=8),
)
def test_no_twist_of_a_known_line_makes_it_raise(agent: str, said: list[tuple[Line, dict[str, Any]]]) -> None:
    talk = turn(agent, resume="s-9")
    for each, twist in said:
        for event in talk.feed(line(**twisted(each, twist))):
            if isinstance(event, PermissionAsked):
                talk.answer(event.request, "no")
    talk.steer("d-1", "Keep the API.")
    assert isinstance(talk.exited(None, "")[-1], Failed | Finished)


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_any_bytes_are_taken(pieces: list[bytes]) -> None:
    assert isinstance(play(turn("opencode"), pieces)[-1], Failed | Finished)


@pytest.mark.parametrize(
    ("number", "what", "result"),
    [
        (1, "initialize", "yes"),
        (2, "session/new", None),
        (2, "session/new", {"sessionID": "s-1"}),
        (3, "session/prompt", "done"),
    ],
)
def test_an_answer_of_a_form_that_is_not_known_ends_the_turn(number: int, what: str, result: object) -> None:
    """Red when it says nothing: the turn would wait for it until its time is over."""
    talk = turn()
    for _ in range(1, number):
        begun_by = {1: {"protocolVersion": 1}, 2: {"sessionId": "s-1"}}[_]
        talk.feed(line(id=_, result=begun_by))
    (failed,) = talk.feed(line(id=number, result=result))
    assert isinstance(failed, Failed)
    assert failed.reason.startswith(f"robot answers {what} in a form that maestro does not know: ")
