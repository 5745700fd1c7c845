"""Studio's log: one JSON object a line, with the request it belongs to, and never a token."""

from __future__ import annotations

import json
import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

# the id of the request that is being answered, empty elsewhere
request_id: ContextVar[str] = ContextVar("request_id", default="")

_HIDDEN = "***"
_SECRETS = re.compile(
    r"eyJ[\w-]+\.[\w-]+\.[\w-]*"  # a JWT
    r"|(?<![\w-])[\w-]{43}(?![\w-])"  # an invite, a refresh token
    r"|(?<![\w])[0-9a-f]{64}(?![\w])"  # a signature, a key
    r"|(?i:(?<=bearer )|(?<=basic ))[^\s\"'\\,]+"
)
_NAMED = re.compile(
    r"""(?i)((?:token|secret|password|invite)\\?["']?\s*[:=]\s*\\?["']?)(?!\*\*\*)[^\s"'\\,;&})]+"""
)


def start(level: str, stream: TextIO | None = None) -> logging.Handler:
    """Send everything from `level` up to the stream (by default standard error). Returns what does so."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level.upper())
    return handler


class JsonLines(logging.Formatter):
    """`{"at", "level", "logger", "message"}`, and `request_id`, `traceback` and a record's `facts` where there are."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if identifier := request_id.get():
            line["request_id"] = identifier
        line |= getattr(record, "facts", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return conceal(json.dumps(line, ensure_ascii=False, default=str))


def conceal(text: str) -> str:
    """The text without whatever looks like a secret of ours. Nothing logs one on purpose; this is for accidents."""
    return _NAMED.sub(rf"\1{_HIDDEN}", _SECRETS.sub(_HIDDEN, text))
