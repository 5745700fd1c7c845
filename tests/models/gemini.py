"""Gemini's generateContent, as the Gemini CLI speaks it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .answer import Answer, Call, Refusal, Text
from .question import Question, Turn
from .sse import event

_STATUS = {401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}


def question(body: dict[str, Any], model: str = "", stream: bool = False) -> Question:
    """The model and whether to stream stand in the address, not in the body."""
    declared = [each for tool in body.get("tools") or () for each in tool.get("functionDeclarations") or ()]
    return Question(
        model=model,
        turns=tuple(turn for each in body["contents"] for turn in _turns(each)),
        system=_text((body.get("systemInstruction") or {}).get("parts", [])),
        tools={each["name"]: each.get("parametersJsonSchema") or each.get("parameters") for each in declared},
        stream=stream,
    )


def _turns(content: dict[str, Any]) -> Iterator[Turn]:
    parts = content["parts"]
    if content.get("role") == "model":
        yield Turn(
            "model",
            _text(parts),
            tuple(each["functionCall"]["name"] for each in parts if "functionCall" in each),
        )
        return
    for part in parts:
        if "functionResponse" in part:
            yield Turn("tool", str(part["functionResponse"].get("response")))
    if words := _text(parts):
        yield Turn("user", words)


def _text(parts: list[dict[str, Any]]) -> str:
    return "\n".join(part["text"] for part in parts if "text" in part)


def whole(answer: Answer, model: str, number: int) -> dict[str, Any]:
    reply = _end(answer, model, number)
    reply["candidates"][0]["content"]["parts"] = [_part(part) for part in answer.parts]
    return reply


def stream(answer: Answer, model: str, number: int) -> Iterator[bytes]:
    for part in answer.parts:
        for piece in part.pieces if isinstance(part, Text) else (part,):
            yield event(_reply([_part(piece)], model, number))
    yield event(_end(answer, model, number))


def refusal(refused: Refusal) -> dict[str, Any]:
    status = _STATUS.get(refused.status, "INTERNAL")
    details = []
    if refused.retry_after is not None:
        kind = "type.googleapis.com/google.rpc.RetryInfo"
        details = [{"@type": kind, "retryDelay": f"{refused.retry_after}s"}]
    return {
        "error": {"code": refused.status, "message": refused.message, "status": status, "details": details}
    }


def _reply(parts: list[dict[str, Any]], model: str, number: int) -> dict[str, Any]:
    content = {"role": "model", "parts": parts}
    return {
        "candidates": [{"index": 0, "content": content}],
        "modelVersion": model,
        "responseId": f"response_{number}",
    }


def _end(answer: Answer, model: str, number: int) -> dict[str, Any]:
    usage = answer.usage
    last = _reply([], model, number)
    last["candidates"][0]["finishReason"] = "STOP"
    last["usageMetadata"] = {
        "promptTokenCount": usage.input,
        "candidatesTokenCount": usage.output,
        "totalTokenCount": usage.input + usage.output,
    }
    return last


def _part(part: Text | Call | str) -> dict[str, Any]:
    if isinstance(part, Call):
        return {"functionCall": {"name": part.tool, "args": dict(part.arguments)}}
    return {"text": str(part)}
