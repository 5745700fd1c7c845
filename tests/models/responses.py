"""OpenAI Responses, as Codex speaks it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .answer import Answer, Call, Text, Usage
from .chat import refusal
from .question import Question, Turn
from .sse import event

__all__ = ["question", "refusal", "stream", "whole"]
_WHO = {"user": "user", "assistant": "model"}


def question(body: dict[str, Any]) -> Question:
    given = body["input"]
    if isinstance(given, str):
        given = [{"type": "message", "role": "user", "content": given}]
    return Question(
        model=body["model"],
        turns=tuple(turn for item in given if (turn := _turn(item))),
        system="\n".join([body.get("instructions") or "", *_developer(given)]),
        tools={tool["name"]: tool.get("parameters") for tool in _tools(body, given)},
        stream=bool(body.get("stream")),
    )


def _tools(body: dict[str, Any], given: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Newer models get theirs as an item of the input, inside a name space."""
    more = [tool for item in given if item.get("type") == "additional_tools" for tool in item["tools"]]
    for tool in [*(body.get("tools") or ()), *more]:
        spaced = tool["type"] == "namespace"
        # those of an MCP server have a name space of their own
        space = f"{tool['name']}." if spaced and tool["name"] != "functions" else ""
        for each in tool["tools"] if spaced else [tool]:
            if each["type"] in ("function", "custom"):
                yield {**each, "name": space + each["name"]}


def _developer(given: list[dict[str, Any]]) -> list[str]:
    return [_text(item.get("content", "")) for item in given if item.get("role") in ("developer", "system")]


def _turn(item: dict[str, Any]) -> Turn | None:
    kind = item.get("type", "message")
    if kind == "message" and item["role"] in _WHO:
        return Turn(_WHO[item["role"]], _text(item["content"]))
    if kind in ("function_call", "custom_tool_call"):
        return Turn("model", calls=(item["name"],))
    if kind in ("function_call_output", "custom_tool_call_output"):
        return Turn("tool", _text(item["output"]))
    return None


def _text(content: str | list[dict[str, Any]]) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content if "text" in part)


def whole(answer: Answer, model: str, number: int) -> dict[str, Any]:
    return _response(model, number) | {
        "status": "completed",
        "output": [_item(part, number, index) for index, part in enumerate(answer.parts)],
        "usage": _usage(answer.usage),
    }


def stream(answer: Answer, model: str, number: int) -> Iterator[bytes]:
    yield _event("response.created", response=_response(model, number))
    done = []
    for index, part in enumerate(answer.parts):
        yield _event("response.output_item.added", output_index=index, item=_begun(part, number, index))
        said = ""
        for piece in part.pieces if isinstance(part, Text) else ():
            # what an endless text has said is not kept: nobody will ask for it
            said = said + piece if len(said) < 1 << 26 else said
            yield _event(
                "response.output_text.delta", item_id=f"item_{number}_{index}", output_index=index, content_index=0,
                delta=piece,
            )  # fmt: skip
        done.append(item := _item(Text((said,)) if isinstance(part, Text) else part, number, index))
        yield _event("response.output_item.done", output_index=index, item=item)
    finished = {"status": "completed", "output": done, "usage": _usage(answer.usage)}
    yield _event("response.completed", response=_response(model, number) | finished)


def _response(model: str, number: int) -> dict[str, Any]:
    return {
        "id": f"resp_{number}", "object": "response", "created_at": 1, "status": "in_progress", "model": model,
        "output": [], "usage": None, "error": None, "incomplete_details": None,
    }  # fmt: skip


def _begun(part: Text | Call, number: int, index: int) -> dict[str, Any]:
    if isinstance(part, Text):
        return _message(number, index, []) | {"status": "in_progress"}
    return _item(part, number, index) | {"status": "in_progress"}


def _item(part: Text | Call, number: int, index: int) -> dict[str, Any]:
    if isinstance(part, Text):
        return _message(number, index, [{"type": "output_text", "text": str(part), "annotations": []}])
    space, _, name = part.tool.rpartition(".")
    call = {
        "id": f"item_{number}_{index}", "call_id": f"call_{number}_{index}", "name": name, "status": "completed",
        **({"namespace": space} if space else {}),
    }  # fmt: skip
    if part.free is not None:
        return {"type": "custom_tool_call", **call, "input": part.free}
    return {"type": "function_call", **call, "arguments": json.dumps(dict(part.arguments))}


def _message(number: int, index: int, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "type": "message", "id": f"item_{number}_{index}", "role": "assistant", "status": "completed",
        "content": content,
    }  # fmt: skip


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input, "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": usage.output, "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.input + usage.output,
    }  # fmt: skip


def _event(kind: str, **body: Any) -> bytes:
    return event({"type": kind, **body}, kind)
