"""JSON-RPC 2.0, strictly: four kinds of message, as text and as values.

`decode` never raises. What is not a message comes back as `Malformed`, which knows the error to answer with, so
that a bad message costs one answer and never a connection.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from maestro_ray.errors import (
    AgentError,
    BadFrame,
    Conflict,
    DaemonUnavailable,
    Fault,
    MaestroError,
    NotFound,
    PeerError,
    Reported,
    StaleEpoch,
    StudioUnavailable,
    Unauthenticated,
    UserError,
)
from maestro_ray.protocol.codes import ErrorCode
from maestro_ray.protocol.lines import LONGEST_LINE, LineSplitter
from maestro_ray.protocol.strictjson import dump, is_whole, parse, size
from maestro_ray.redaction import redact

__all__ = [
    "Decoded",
    "ErrorCode",
    "Failure",
    "LineSplitter",
    "Malformed",
    "Message",
    "Notification",
    "Request",
    "Result",
    "decode",
    "encode",
    "error_from",
    "read",
    "to_error",
]

Id = str | int
Params = dict[str, Any] | list[Any]

# An answer is larger than the smallest bad entry: without a limit a batch of 8 MiB would ask for half a gigabyte.
LARGEST_BATCH = 1000


@dataclass(frozen=True)
class Request:
    """A call that wants an answer. Ids are strings or integers; absent params are an empty dict."""

    id: Id
    method: str
    params: Params = field(default_factory=dict)


@dataclass(frozen=True)
class Notification:
    """A call that wants no answer, not even when it fails."""

    method: str
    params: Params = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """The answer to a request that worked."""

    id: Id
    result: Any


@dataclass(frozen=True)
class Failure:
    """The answer to a request that did not work; `id` is None when the request could not be read."""

    id: Id | None
    code: int
    message: str
    data: Any = None


Message = Request | Notification | Result | Failure


@dataclass(frozen=True)
class Malformed:
    """What arrived is not a message: why, and the id to answer to when it could be read."""

    code: ErrorCode
    reason: str
    id: Id | None = None

    @property
    def answer(self) -> Failure:
        """What to send back. Answering is safe: a failure is well-formed, so it is never answered again."""
        return Failure(self.id, int(self.code), self.reason)


Decoded = Message | Malformed


def encode(message: Message | Sequence[Message]) -> str:
    """Compact text without newlines. Raises `ValueError` for an empty batch, which the standard forbids to send."""
    if isinstance(message, Sequence):
        if not message:
            raise ValueError("an empty batch cannot be sent")
        return dump([_object(each) for each in message])
    return dump(_object(message))


def _object(message: Message) -> dict[str, Any]:
    body: dict[str, Any] = {"jsonrpc": "2.0"}
    if isinstance(message, Request | Notification):
        body["method"] = message.method
        if message.params != {}:
            body["params"] = message.params
    elif isinstance(message, Result):
        body["result"] = message.result
    else:
        body["error"] = {"code": message.code, "message": message.message}
        if message.data is not None:
            body["error"]["data"] = message.data
    if not isinstance(message, Notification):
        body["id"] = message.id
    return body


def decode(text: str | bytes, limit: int = LONGEST_LINE) -> Decoded | list[Decoded]:
    """One message, or a batch as a list; what is wrong is `Malformed` in its place. Never raises.

    `limit` is in bytes. A batch holds at most `LARGEST_BATCH` messages.
    """
    if size(text) > limit:
        return Malformed(ErrorCode.TOO_LARGE, f"the message has {size(text)} bytes, at most {limit} are read")
    try:
        value = parse(text)
    except BadFrame as bad:
        return Malformed(ErrorCode.PARSE_ERROR, str(bad.args[0]))
    if not isinstance(value, list):
        return read(value)
    if not 1 <= len(value) <= LARGEST_BATCH:
        return _invalid(f"a batch holds 1 to {LARGEST_BATCH} messages, not {len(value)}")
    return [read(item) for item in value]


def read(value: Any) -> Decoded:
    """One message from parsed JSON. Never raises."""
    if not isinstance(value, dict):
        return _invalid("a message is a JSON object")
    # Only the id of a request is answered to. The id of a bad response is one of ours, and the peer may use
    # the same one for a request of its own.
    known = value.get("id")
    asked = known if "method" in value and is_id(known) else None
    if value.get("jsonrpc") != "2.0":
        return _invalid('"jsonrpc" must be "2.0"', asked)
    if "method" in value:
        return _read_call(value, asked)
    return _read_answer(value)


def is_id(value: Any) -> TypeGuard[Id]:
    """Strings and integers. The standard allows null and discourages it; here null means: unreadable."""
    return isinstance(value, str) or is_whole(value)


def _invalid(reason: str, asked: Id | None = None) -> Malformed:
    return Malformed(ErrorCode.INVALID_REQUEST, reason, asked)


def _read_call(value: dict[str, Any], asked: Id | None) -> Decoded:
    method, params = value["method"], value.get("params", {})
    if "result" in value or "error" in value:
        return _invalid("a message is a request or a response, not both", asked)
    if not isinstance(method, str) or not method:
        return _invalid("method must be a string", asked)
    if not isinstance(params, dict | list):
        return _invalid("params must be an object or an array", asked)
    if "id" not in value:
        return Notification(method, params)
    if asked is None:
        return _invalid("id must be a string or an integer")
    return Request(asked, method, params)


def _read_answer(value: dict[str, Any]) -> Decoded:
    known = value.get("id")
    if ("result" in value) == ("error" in value):
        return _invalid("a message has a method, a result or an error, and only one of them")
    if "result" in value:
        return Result(known, value["result"]) if is_id(known) else _invalid("a result names its request's id")
    if "id" not in value or not (known is None or is_id(known)):
        return _invalid("an error names the id of its request, or null")
    error = value["error"] if isinstance(value["error"], dict) else {}
    code, message = error.get("code"), error.get("message")
    if not is_whole(code) or not isinstance(message, str):
        return _invalid("an error has an integer code and a message")
    return Failure(known, code, message, error.get("data"))


# The first class that fits decides, so a child stands before its parent.
_CODES: tuple[tuple[type[MaestroError], ErrorCode], ...] = (
    (Unauthenticated, ErrorCode.UNAUTHENTICATED),
    (NotFound, ErrorCode.NOT_FOUND),
    (Conflict, ErrorCode.CONFLICT),
    (StaleEpoch, ErrorCode.STALE_EPOCH),
    (StudioUnavailable, ErrorCode.UNAVAILABLE),
    (DaemonUnavailable, ErrorCode.UNAVAILABLE),
    (UserError, ErrorCode.USER_ERROR),
    (AgentError, ErrorCode.AGENT_ERROR),
    (PeerError, ErrorCode.PEER_ERROR),
)


def error_from(error: BaseException, id: Id | None) -> Failure:  # noqa: A002 - the standard's word
    """The failure that tells the peer about an error; `to_error` is its inverse.

    `data` is `{"error_kind", "hint", "exit_code"}`. The text of an error that is not a `MaestroError` may hold
    secrets or paths, so it stays here: log it, the peer learns only that there was one.
    """
    if not isinstance(error, MaestroError):
        told = {"error_kind": "internal_error", "hint": "see `maestro daemon logs`", "exit_code": 1}
        return Failure(id, int(ErrorCode.INTERNAL_ERROR), "internal error", told)
    told = {"error_kind": error.kind, "hint": redact(error.hint), "exit_code": error.exit_code}
    return Failure(id, int(_code_for(error)), redact(str(error)), told)


def to_error(failure: Failure) -> Reported:
    """The error a failure tells about, to be raised here. Missing or odd `data` is made good, never an exception."""
    told = failure.data if isinstance(failure.data, dict) else {}
    kind, hint, exit_code = told.get("error_kind"), told.get("hint"), told.get("exit_code")
    return Reported(
        kind if isinstance(kind, str) and kind else _kind_for(failure.code),
        failure.message,
        hint if isinstance(hint, str) else "",
        # 0 would turn a failure into a success at the shell.
        exit_code if is_whole(exit_code) and 1 <= exit_code <= 255 else 1,
    )


def _code_for(error: MaestroError) -> ErrorCode:
    cls = _class_named(error.kind) if isinstance(error, Reported) else type(error)
    return next((code for parent, code in _CODES if issubclass(cls, parent)), ErrorCode.FAULT)


def _class_named(kind: str) -> type[MaestroError]:
    """The class behind a reported kind, so that an error passed on keeps its code."""
    name = kind.replace("_", "")
    return next((cls for cls in _tree(MaestroError) if cls.__name__.lower() == name), Fault)


def _tree(cls: type[MaestroError]) -> Iterator[type[MaestroError]]:
    yield cls
    for child in cls.__subclasses__():
        yield from _tree(child)


def _kind_for(code: int) -> str:
    return next((each.name.lower() for each in ErrorCode if each == code), "error")
