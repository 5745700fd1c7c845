"""The server as a program meets it, in each dialect: what is asked is understood, and what is said arrives."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from .answer import Usage
from .script import After, Flood, Part, Refuse, Say
from .server import ModelServer, playing, playing_aside
from .tools import Run

RUN = {"type": "object", "properties": {"command": {"type": "string"}}}
PARTS = (Part((Run("make"), Say("Made it.")), usage=Usage(20, 5)),)


def anthropic(stream: bool = False, **more: object) -> tuple[str, dict[str, object]]:
    body = {
        "model": "claude",
        "max_tokens": 100,
        "stream": stream,
        "system": [{"type": "text", "text": "You work."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Build it."}]}],
        "tools": [{"name": "Bash", "input_schema": RUN}],
    }
    return "/v1/messages", body | more


def chat(stream: bool = False, **more: object) -> tuple[str, dict[str, object]]:
    body = {
        "model": "gpt",
        "stream": stream,
        "messages": [{"role": "system", "content": "You work."}, {"role": "user", "content": "Build it."}],
        "tools": [{"type": "function", "function": {"name": "bash", "parameters": RUN}}],
    }
    return "/v1/chat/completions", body | more


def responses(stream: bool = False, **more: object) -> tuple[str, dict[str, object]]:
    said = [{"type": "input_text", "text": "Build it."}]
    body = {
        "model": "gpt",
        "stream": stream,
        "instructions": "You work.",
        "input": [{"type": "message", "role": "user", "content": said}],
        "tools": [{"type": "function", "name": "shell_command", "parameters": RUN}],
    }
    return "/v1/responses", body | more


def gemini(stream: bool = False, **more: object) -> tuple[str, dict[str, object]]:
    body = {
        "systemInstruction": {"parts": [{"text": "You work."}]},
        "contents": [{"role": "user", "parts": [{"text": "Build it."}]}],
        "tools": [{"functionDeclarations": [{"name": "run_shell_command", "parametersJsonSchema": RUN}]}],
    }
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return f"/v1beta/models/gemini:{method}", body | more


DIALECTS = {"anthropic": anthropic, "chat": chat, "responses": responses, "gemini": gemini}
# the same conversation, after the command was called and has answered
LATER = {
    "anthropic": {
        "messages": [
            {"role": "user", "content": "Build it."},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "Bash", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "made"}]},
        ]
    },
    "chat": {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Build it."}]},
            {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "bash"}}]},
            {"role": "tool", "tool_call_id": "1", "content": "made"},
        ]
    },
    "responses": {
        "input": [
            {"role": "user", "content": "Build it."},
            {"type": "function_call", "name": "shell_command", "call_id": "1", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "1", "output": "made"},
        ]
    },
    "gemini": {
        "contents": [
            {"role": "user", "parts": [{"text": "Build it."}]},
            {"role": "model", "parts": [{"functionCall": {"name": "run_shell_command", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "x", "response": {"output": "made"}}}]},
        ]
    },
}
# where the text, the call and the usage stand in an answer that is not streamed
TEXT = {
    "anthropic": lambda body: body["content"][0]["text"],
    "chat": lambda body: body["choices"][0]["message"]["content"],
    "responses": lambda body: body["output"][0]["content"][0]["text"],
    "gemini": lambda body: body["candidates"][0]["content"]["parts"][0]["text"],
}
CALL = {
    "anthropic": lambda body: (body["content"][0]["name"], body["content"][0]["input"]),
    "chat": lambda body: _chat_call(body["choices"][0]["message"]["tool_calls"][0]["function"]),
    "responses": lambda body: (body["output"][0]["name"], json.loads(body["output"][0]["arguments"])),
    "gemini": lambda body: tuple(body["candidates"][0]["content"]["parts"][0]["functionCall"].values()),
}
SPENT = {
    "anthropic": lambda body: (body["usage"]["input_tokens"], body["usage"]["output_tokens"]),
    "chat": lambda body: (body["usage"]["prompt_tokens"], body["usage"]["completion_tokens"]),
    "responses": lambda body: (body["usage"]["input_tokens"], body["usage"]["output_tokens"]),
    "gemini": lambda body: (
        body["usageMetadata"]["promptTokenCount"], body["usageMetadata"]["candidatesTokenCount"],
    ),
}  # fmt: skip
TOOL = {"anthropic": "Bash", "chat": "bash", "responses": "shell_command", "gemini": "run_shell_command"}


def _chat_call(function: dict[str, str]) -> tuple[str, object]:
    return function["name"], json.loads(function["arguments"])


async def ask(server: ModelServer, request: tuple[str, dict[str, object]]) -> httpx.Response:
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        return await client.post(request[0], json=request[1], headers={"authorization": "Bearer key"})


def events(response: httpx.Response) -> list[dict[str, object]]:
    lines = response.text.splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_tool_is_called_and_then_it_is_said_that_all_is_done(dialect):
    async with playing(*PARTS) as server:
        first = (await ask(server, DIALECTS[dialect]())).json()
        then = (await ask(server, DIALECTS[dialect](**LATER[dialect]))).json()

    assert CALL[dialect](first) == (TOOL[dialect], {"command": "make"})
    assert TEXT[dialect](then) == "Made it."
    assert SPENT[dialect](then) == (20, 5)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_what_was_asked_is_kept(dialect):
    async with playing(*PARTS) as server:
        await ask(server, DIALECTS[dialect](**LATER[dialect]))
        asked = server.asked[0]

    assert asked.headers["authorization"] == "Bearer key"
    assert asked.question.said == "Build it."
    assert list(asked.question.tools) == [TOOL[dialect]]
    assert [turn.who for turn in asked.question.turns] == ["user", "model", "tool"]
    assert asked.question.turns[1].calls == (TOOL[dialect],)
    assert "made" in asked.question.turns[2].text
    assert asked.question.system == ("" if dialect == "chat" else "You work.")


async def test_anthropic_streams_a_text():
    async with playing(*PARTS) as server:
        told = events(await ask(server, anthropic(stream=True, **LATER["anthropic"])))

    assert [each["type"] for each in told] == [
        "message_start", "content_block_start", "content_block_delta", "content_block_delta",
        "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip
    assert [each["delta"]["text"] for each in told[2:4]] == ["Made", " it."]  # type: ignore[index]
    assert told[5]["delta"]["stop_reason"] == "end_turn"  # type: ignore[index]


async def test_anthropic_streams_a_call():
    async with playing(*PARTS) as server:
        told = events(await ask(server, anthropic(stream=True)))

    assert told[1]["content_block"] == {"type": "tool_use", "id": "toolu_1_0", "name": "Bash", "input": {}}
    assert json.loads(told[2]["delta"]["partial_json"]) == {"command": "make"}  # type: ignore[index]
    assert told[-2]["delta"]["stop_reason"] == "tool_use"  # type: ignore[index]


async def test_chat_streams_a_text_and_a_call():
    async with playing(*PARTS) as server:
        called = await ask(server, chat(stream=True))
        told = await ask(server, chat(stream=True, **LATER["chat"]))

    deltas = [each["choices"][0]["delta"] for each in events(called) if each["choices"]]  # type: ignore[index]
    assert _chat_call(deltas[1]["tool_calls"][0]["function"]) == ("bash", {"command": "make"})
    said = [each["choices"][0]["delta"].get("content", "") for each in events(told) if each["choices"]]  # type: ignore[index]
    assert "".join(said) == "Made it."
    assert SPENT["chat"](events(told)[-1]) == (20, 5)
    assert told.text.endswith("data: [DONE]\n\n")


async def test_responses_streams_a_text_and_a_call():
    async with playing(*PARTS) as server:
        called = events(await ask(server, responses(stream=True)))
        told = events(await ask(server, responses(stream=True, **LATER["responses"])))

    assert [each["type"] for each in called] == [
        "response.created", "response.output_item.added", "response.output_item.done", "response.completed",
    ]  # fmt: skip
    assert CALL["responses"](called[-1]["response"]) == ("shell_command", {"command": "make"})
    deltas = [each["delta"] for each in told if each["type"] == "response.output_text.delta"]
    assert deltas == ["Made", " it."]
    assert TEXT["responses"](told[-1]["response"]) == "Made it."


async def test_gemini_streams_a_text_and_a_call():
    async with playing(*PARTS) as server:
        called = events(await ask(server, gemini(stream=True)))
        told = events(await ask(server, gemini(stream=True, **LATER["gemini"])))

    assert CALL["gemini"](called[0]) == ("run_shell_command", {"command": "make"})
    assert [TEXT["gemini"](each) for each in told[:2]] == ["Made", " it."]
    assert told[-1]["candidates"][0]["finishReason"] == "STOP"  # type: ignore[index]


async def test_tools_inside_a_name_space_are_found():
    """As Codex sends them for its newer models."""
    inside = [{"type": "custom", "name": "exec"}, {"type": "function", "name": "wait", "parameters": RUN}]
    item = {
        "type": "additional_tools", "role": "developer",
        "tools": [{"type": "namespace", "name": "functions", "tools": inside}, {"type": "web_search"}],
    }  # fmt: skip
    async with playing(*PARTS) as server:
        told = await ask(server, responses(input=[item, {"role": "user", "content": "Build it."}], tools=[]))

    assert server.asked[0].question.tools == {"exec": None, "wait": RUN}
    assert told.json()["output"][0]["input"] == 'text(await tools.exec_command({"cmd": "make"}))'


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_refusal_has_its_status_its_reason_and_its_time(dialect):
    async with playing(Part((Refuse(429, "slowly", retry_after=9),))) as server:
        told = await ask(server, DIALECTS[dialect](stream=True))

    assert (told.status_code, told.headers["retry-after"]) == (429, "9")
    assert told.json()["error"]["message"] == "slowly"
    if dialect == "gemini":
        assert told.json()["error"]["details"][0]["retryDelay"] == "9s"


async def test_an_answer_waits_at_its_gate():
    async with playing(Part((After("gate", Say("late")),))) as server:
        asking = asyncio.create_task(ask(server, chat()))
        await server.waited("gate")
        assert not asking.done()
        server.open("gate")
        assert TEXT["chat"]((await asking).json()) == "late"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_endless_text_ends_with_its_reader(dialect):
    path, body = DIALECTS[dialect](stream=True)
    async with playing(Part((Flood(None),))) as server, httpx.AsyncClient(base_url=server.url) as client:
        read = 0
        async with client.stream("POST", path, json=body) as told:
            async for piece in told.aiter_bytes():
                read += len(piece)
                if read > 1_000_000:
                    break

    assert read > 1_000_000


async def test_it_counts_tokens_for_those_that_ask():
    async with playing() as server:
        counted = await ask(server, ("/v1/messages/count_tokens", {"messages": []}))
        also = await ask(server, ("/v1beta/models/gemini:countTokens", {"contents": []}))

    assert (counted.json(), also.json()) == ({"input_tokens": 100}, {"totalTokens": 100})
    assert server.asked == []


async def test_other_requests_are_kept_and_harmless():
    async with playing() as server, httpx.AsyncClient(base_url=server.url) as client:
        assert (await client.get("/v1/models")).status_code == 404
        await client.head("/")

    assert server.other == ["GET /v1/models", "HEAD /"]


async def test_what_it_cannot_answer_is_kept_with_the_reason():
    async with playing(*PARTS) as server, httpx.AsyncClient(base_url=server.url) as client:
        path, body = chat(tools=[{"type": "function", "function": {"name": "read", "parameters": RUN}}])
        assert (await client.post(path, json=body)).status_code == 500

    assert "no tool of ['read'] runs a command" in server.broken[0]


async def test_it_waits_for_a_question():
    async with playing(*PARTS) as server:
        waiting = asyncio.create_task(server.until_asked("Build"))
        await ask(server, chat())
        assert (await waiting).question.said == "Build it."


def test_it_runs_beside_a_test_that_is_no_coroutine():
    with playing_aside(*PARTS) as server:
        path, body = chat()
        told = httpx.post(server.url + path, json=body, timeout=30)

    assert CALL["chat"](told.json()) == ("bash", {"command": "make"})
