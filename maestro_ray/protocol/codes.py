"""The error codes of our JSON-RPC, each with what the caller should do."""

from __future__ import annotations

from enum import IntEnum
from typing import Self


class ErrorCode(IntEnum):
    """The standard's codes, and ours from -32000 down. `todo` says what the caller should do."""

    todo: str

    def __new__(cls, code: int, todo: str) -> Self:
        member = int.__new__(cls, code)
        member._value_ = code
        member.todo = todo
        return member

    PARSE_ERROR = -32700, "Send one JSON text in UTF-8; the message was not read and had no effect."
    INVALID_REQUEST = -32600, "Send a JSON-RPC 2.0 object or a batch of them; the message had no effect."
    METHOD_NOT_FOUND = -32601, "Check the method's name, and that both ends are of the same version."
    INVALID_PARAMS = -32602, "Correct the parameters that the message names; nothing was done."
    INTERNAL_ERROR = -32603, "Report a bug with the daemon's log; whether anything was done is not known."

    UNAUTHENTICATED = -32000, "Sign in with `maestro auth`, then ask again; nothing was done."
    NOT_FOUND = -32001, "Check the name; it does not exist, or not any more."
    CONFLICT = -32002, "Read the present state and decide again; repeating the request as it is cannot help."
    STALE_EPOCH = -32003, "Stop working on that run: it belongs to somebody else, and nothing was changed."
    UNAVAILABLE = (
        -32004,
        "Wait and repeat: Ray or Studio is away or coming up. Whether it was done is not known.",
    )
    USER_ERROR = -32005, "Show the message and its hint to the person; only they can correct it."
    AGENT_ERROR = -32006, "Show the message: the agent's program is missing or failed; install or change it."
    PEER_ERROR = (
        -32007,
        "Show the message: another program refused or answered nonsense; do not repeat blindly.",
    )
    FAULT = -32008, "Show the message and its hint; when it comes again, report a bug with the daemon's log."
    TOO_LARGE = -32009, "Send less at once, or large things over REST; the message was not read."
