"""OpenAI Chat Completions, which most agents speak to any server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .answer import Answer, Call, Refusal, Text, Usage
from .question import Question, Turn
from .sse import event

_KINDS = {401: "invalid_api_key", 429: "rate_limit_exceeded"}
_WHO = {"user": "user", "assistant": "model", "tool": "tool"}


def question(body: dict[str, Any]) -> Question:
    messages = body["messages"]
    return Question(
        model=body["model"],
        turns=tuple(_turn(each) for each in messages if each["role"] in _WHO),
        system="\n".join(
            _text(each["content"]) for each in messages if each["role"] in ("system", "developer")
        ),
        tools={
            tool["function"]["name"]: tool["function"].get("parameters") for tool in body.get("tools") or ()
        },
        stream=bool(body.get("stream")),
    )


def _turn(message: dict[str, Any]) -> Turn:
    calls = tuple(call["function"]["name"] for call in message.get("tool_calls") or ())
    return Turn(_WHO[message["role"]], _text(message.get("content") or ""), calls)


def _text(content: str | list[dict[str, Any]]) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content if part.get("type") == "text")


def whole(answer: Answer, model: str, number: int) -> dict[str, Any]:
    words = "".join(str(part) for part in answer.parts if isinstance(part, Text))
    message: dict[str, Any] = {"role": "assistant", "content": words or None}
    if calls := _calls(answer, number):
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "finish_reason": _stop(answer)}
    return _head("chat.completion", model, number) | {"choices": [choice], "usage": _usage(answer.usage)}


def stream(answer: Answer, model: str, number: int) -> Iterator[bytes]:
    head = _head("chat.completion.chunk", model, number)

    def chunk(delta: dict[str, Any], stop: str | None = None) -> bytes:
        return event(head | {"choices": [{"index": 0, "delta": delta, "finish_reason": stop}]})

    yield chunk({"role": "assistant", "content": ""})
    for part in answer.parts:
        if isinstance(part, Text):
            for piece in part.pieces:
                yield chunk({"content": piece})
    for index, call in enumerate(_calls(answer, number)):
        yield chunk({"tool_calls": [{"index": index, **call}]})
    yield chunk({}, _stop(answer))
    yield event(head | {"choices": [], "usage": _usage(answer.usage)})
    yield b"data: [DONE]\n\n"


def refusal(refused: Refusal) -> dict[str, Any]:
    kind = _KINDS.get(refused.status, "server_error")
    return {"error": {"message": refused.message, "type": kind, "param": None, "code": kind}}


def _head(kind: str, model: str, number: int) -> dict[str, Any]:
    return {"id": f"chatcmpl-{number}", "object": kind, "created": 1, "model": model}


def _calls(answer: Answer, number: int) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{number}_{index}",
            "type": "function",
            "function": {"name": part.tool, "arguments": json.dumps(dict(part.arguments))},
        }
        for index, part in enumerate(answer.parts)
        if isinstance(part, Call)
    ]


def _usage(usage: Usage) -> dict[str, Any]:
    total = usage.input + usage.output
    return {"prompt_tokens": usage.input, "completion_tokens": usage.output, "total_tokens": total}


def _stop(answer: Answer) -> str:
    return "stop" if answer.ends else "tool_calls"
