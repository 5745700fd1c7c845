"""Anthropic Messages, as Claude Code speaks it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .answer import Answer, Call, Refusal, Text, Usage
from .question import Question, Turn
from .sse import event

_KINDS = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def question(body: dict[str, Any]) -> Question:
    return Question(
        model=body["model"],
        turns=tuple(turn for each in body["messages"] for turn in _turns(each)),
        system=_text(body.get("system", "")),
        tools={tool["name"]: tool.get("input_schema") for tool in body.get("tools") or ()},
        stream=bool(body.get("stream")),
    )


def _turns(message: dict[str, Any]) -> Iterator[Turn]:
    blocks = message["content"]
    if isinstance(blocks, str):
        blocks = [{"type": "text", "text": blocks}]
    if message["role"] == "assistant":
        calls = tuple(block["name"] for block in blocks if block["type"] == "tool_use")
        yield Turn("model", _text(blocks), calls)
        return
    for block in blocks:
        if block["type"] == "tool_result":
            yield Turn("tool", _text(block.get("content", "")))
    if words := _text([block for block in blocks if block["type"] == "text"]):
        yield Turn("user", words)


def _text(content: str | list[dict[str, Any]]) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(block["text"] for block in content if block["type"] == "text")


def whole(answer: Answer, model: str, number: int) -> dict[str, Any]:
    return _message(model, number, answer.usage) | {
        "content": [_block(part, number, index) for index, part in enumerate(answer.parts)],
        "stop_reason": _stop(answer),
    }


def stream(answer: Answer, model: str, number: int) -> Iterator[bytes]:
    message = _message(model, number, answer.usage)
    yield _event("message_start", message=message | {"usage": message["usage"] | {"output_tokens": 1}})
    for index, part in enumerate(answer.parts):
        empty = (
            {"type": "text", "text": ""}
            if isinstance(part, Text)
            else _block(part, number, index) | {"input": {}}
        )
        yield _event("content_block_start", index=index, content_block=empty)
        for delta in _deltas(part):
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    yield _event(
        "message_delta",
        delta={"stop_reason": _stop(answer), "stop_sequence": None},
        usage={"output_tokens": answer.usage.output},
    )
    yield _event("message_stop")


def refusal(refused: Refusal) -> dict[str, Any]:
    kind = _KINDS.get(refused.status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": refused.message}, "request_id": "req_1"}


def _message(model: str, number: int, usage: Usage) -> dict[str, Any]:
    return {
        "id": f"msg_{number}", "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": None, "stop_sequence": None,
        "usage": {
            "input_tokens": usage.input, "output_tokens": usage.output,
            "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
        },
    }  # fmt: skip


def _block(part: Text | Call, number: int, index: int) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": str(part)}
    return {
        "type": "tool_use",
        "id": f"toolu_{number}_{index}",
        "name": part.tool,
        "input": dict(part.arguments),
    }


def _deltas(part: Text | Call) -> Iterator[dict[str, Any]]:
    if isinstance(part, Call):
        yield {"type": "input_json_delta", "partial_json": json.dumps(dict(part.arguments))}
        return
    for piece in part.pieces:
        yield {"type": "text_delta", "text": piece}


def _stop(answer: Answer) -> str:
    return "end_turn" if answer.ends else "tool_use"


def _event(kind: str, **body: Any) -> bytes:
    return event({"type": kind, **body}, kind)
