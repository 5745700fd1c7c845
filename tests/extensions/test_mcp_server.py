from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.errors import StudioUnavailable
from maestro_ray.extensions.mcp_server import (
    LARGEST_BATCH,
    LONGEST_LINE,
    TOOLS,
    VERSIONS,
    Call,
    McpSession,
    answered,
)


def said(method: str, identifier: object = None, **params: object) -> bytes:
    message: dict[str, object] = {"jsonrpc": "2.0", "method": method, "params": params}
    if identifier is not None:
        message["id"] = identifier
    return json.dumps(message).encode() + b"\n"


def begun() -> McpSession:
    session = McpSession()
    session.receive(said("initialize", 0, protocolVersion=VERSIONS[-1]) + said("notifications/initialized"))
    return session


def told(asked: list[bytes | Call]) -> Any:
    assert len(asked) == 1
    assert isinstance(asked[0], bytes)
    return json.loads(asked[0])


@pytest.mark.parametrize(
    ("wanted", "answered"),
    [(each, each) for each in VERSIONS] + [("2099-01-01", VERSIONS[-1]), (7, VERSIONS[-1])],
)
def test_the_version_is_the_clients_or_our_newest(wanted: object, answered: str) -> None:
    result = told(McpSession().receive(said("initialize", 1, protocolVersion=wanted)))["result"]
    assert (result["protocolVersion"], result["serverInfo"]["name"]) == (answered, "maestro")
    assert result["capabilities"] == {"tools": {"listChanged": False}}


def test_tools_are_listed_with_the_shape_of_their_arguments() -> None:
    tools = told(begun().receive(said("tools/list", "a")))["result"]["tools"]
    assert (
        [each["name"] for each in tools]
        == list(TOOLS)
        == [
            "team_post",
            "team_read",
            "task_list",
            "report_blocker",
            "request_decision",
        ]
    )
    assert tools[4]["inputSchema"] == {
        "type": "object",
        "properties": {
            "question": {"type": "string", "description": "What is to be decided."},
            "options": {
                "type": "array",
                "items": {"type": "string"},
                "description": "The answers to choose from.",
            },
        },
        "required": ["question"],
        "additionalProperties": False,
    }


def test_a_call_is_answered_once_and_not_after_it_was_called_off() -> None:
    session = begun()
    call = Call(1, "team_post", {"text": "hi"})
    assert session.receive(said("tools/call", 1, name="team_post", arguments={"text": "hi"})) == [call]
    answered = json.loads(session.answer(call, "posted"))
    assert answered == {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {"content": [{"type": "text", "text": "posted"}], "isError": False},
    }
    assert session.answer(call, "posted") == b""
    session.receive(said("tools/call", 2, name="task_list"))
    assert session.receive(said("notifications/cancelled", requestId=2)) == []
    assert session.answer(Call(2, "task_list"), "late") == b""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "team_post needs the argument 'text': What to say."),
        ({"text": " "}, "'text' must be a text that is not empty"),
        ({"text": 1}, "'text' must be a text that is not empty"),
        ({"text": "a", "to": "b"}, "team_post has no argument 'to'"),
        ([], "the arguments must be an object"),
    ],
)
def test_wrong_arguments_are_a_result_that_the_model_reads(arguments: object, sentence: str) -> None:
    result = told(begun().receive(said("tools/call", 1, name="team_post", arguments=arguments)))["result"]
    assert (result["isError"], result["content"][0]["text"]) == (True, sentence)
    wrong = said("tools/call", 1, name="request_decision", arguments={"question": "?", "options": "yes"})
    assert told(begun().receive(wrong))["result"]["content"][0]["text"] == "'options' must be a list of texts"
    wrong = said("tools/call", 1, name="team_read", arguments={"after": True})
    assert told(begun().receive(wrong))["result"]["content"][0]["text"] == "'after' must be a whole number"


@pytest.mark.parametrize(
    ("data", "code", "identifier"),
    [
        (b"{\n", -32700, None),
        (b'{"a": 1, "a": 2}\n', -32700, None),
        (b"\xff\n", -32700, None),
        (b"[" * 1000 + b"\n", -32700, None),
        (b"x" * (LONGEST_LINE + 1) + b"\n", -32700, None),
        (b"[]\n", -32600, None),
        # red without a limit: half a million answers at once, for which the worker would stand still
        (b"[" + b"0," * LARGEST_BATCH + b"0]\n", -32600, None),
        (b"3\n", -32600, None),
        (b'{"method": "ping", "id": 1}\n', -32600, None),
        (b'{"jsonrpc": "2.0", "id": 1, "method": 3}\n', -32600, None),
        (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}\n', -32600, None),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}\n', -32602, 1),
        (said("resources/list", 1), -32601, 1),
        (said("tools/call", 1, name="rm"), -32602, 1),
        (said("tools/call", 1, name=["rm"]), -32602, 1),
    ],
)
def test_what_is_no_request_has_its_code(data: bytes, code: int, identifier: object) -> None:
    session = begun()
    found = told(session.receive(data))
    assert (found["error"]["code"], found["id"]) == (code, identifier)
    assert told(session.receive(said("ping", 2))) == {"jsonrpc": "2.0", "id": 2, "result": {}}


def test_nothing_but_ping_goes_before_initialize() -> None:
    session = McpSession()
    assert told(session.receive(said("tools/list", 1)))["error"]["message"] == "initialize comes first"
    assert told(session.receive(said("ping", 1)))["result"] == {}


def test_answers_and_unknown_notifications_are_passed_over() -> None:
    assert begun().receive(b'{"jsonrpc": "2.0", "id": 1, "result": {}}\n' + said("notifications/odd")) == []


def test_a_batch_is_answered_one_by_one() -> None:
    batch = b"[" + said("ping", 1).strip() + b"," + said("ping", 2).strip() + b"]\n"
    assert [json.loads(each)["id"] for each in begun().receive(batch) if isinstance(each, bytes)] == [1, 2]


@given(st.lists(st.binary(max_size=60), max_size=5), st.integers(0, 40))
def test_any_bytes_in_any_pieces_are_answered_with_lines(pieces: list[bytes], cut: int) -> None:
    session = begun()
    for piece in [*pieces, b"\n", said("ping", 9)[:cut], said("ping", 9)[cut:]]:
        for asked in session.receive(piece):
            assert isinstance(asked, bytes)
            json.loads(asked)
            assert asked.endswith(b"\n")
            last = asked
    assert json.loads(last)["id"] == 9


class Board:
    """A desk that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    async def post(self, text: str) -> str:
        self.asked.append(text)
        return "posted"

    async def read(self, after: int) -> str:
        return f"after {after}"

    async def tasks(self) -> str:
        raise StudioUnavailable("http://127.0.0.1:1", "timed out")

    async def report_blocker(self, reason: str) -> str:
        self.asked.append(reason)
        return "reported"

    async def request_decision(self, question: str, options: Sequence[str]) -> str:
        self.asked.append((question, tuple(options)))
        return "asked"


async def test_each_call_is_answered_by_the_desk() -> None:
    calls: list[tuple[str, dict[str, object]]] = [
        ("team_post", {"text": "hi"}),
        ("team_read", {}),
        ("team_read", {"after": 7}),
        ("task_list", {}),
        ("report_blocker", {"reason": "no key"}),
        ("request_decision", {"question": "A?", "options": ["a", "b"]}),
    ]
    lines = [
        said("initialize", 0),
        *(said("tools/call", n, name=name, arguments=a) for n, (name, a) in enumerate(calls, 1)),
    ]
    desk, session = Board(), McpSession()
    asked = [each for each in session.receive(b"".join(lines)) if isinstance(each, Call)]
    results = [json.loads(await answered(session, desk, each))["result"] for each in asked]
    assert [(each["content"][0]["text"], each["isError"]) for each in results] == [
        ("posted", False),
        ("after 0", False),
        ("after 7", False),
        (
            "Studio at http://127.0.0.1:1 does not answer: timed out. see `maestro studio info` and `maestro daemon logs`",
            True,
        ),
        ("reported", False),
        ("asked", False),
    ]
    assert desk.asked == ["hi", "no key", ("A?", ("a", "b"))]


def test_its_start_loads_nothing_but_the_standard_library_and_ours() -> None:
    """A worker has it in its memory from its start."""
    code = "import json, sys; before = set(sys.modules); import maestro_ray.extensions.mcp_server; print(json.dumps(sorted(set(sys.modules) - before)))"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert loaded - set(sys.stdlib_module_names) == {"maestro_ray"}
    assert not loaded & {"asyncio", "subprocess", "socket", "ssl"}
