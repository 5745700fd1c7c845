"""Studio's log: one JSON object a line, with the request it belongs to, and never a token."""

from __future__ import annotations

import json
import logging
import os
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

from maestro_ray.redaction import Secrets, redact_all

# the id of the request that is being answered, empty elsewhere
request_id: ContextVar[str] = ContextVar("request_id", default="")


def start(level: str, stream: TextIO | None = None) -> logging.Handler:
    """Send everything from `level` up to the stream (by default standard error). Returns what does so."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(Secrets.of(os.environ)))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level.upper())
    return handler


class JsonLines(logging.Formatter):
    """`{"at", "level", "logger", "message"}`, and `request_id`, `traceback` and a record's `facts` where there are."""

    def __init__(self, secrets: Secrets | None = None) -> None:
        """`secrets` are those known beside what looks like one."""
        super().__init__()
        self._secrets = secrets

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
        # what is no JSON becomes text first, so that nothing gets past
        plain = json.loads(json.dumps(line, default=str))
        return json.dumps(redact_all(plain, self._secrets), ensure_ascii=False)
