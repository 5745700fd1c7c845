"""Server-sent events: the form in which all dialects stream."""

from __future__ import annotations

import json
from typing import Any


def event(body: dict[str, Any], kind: str = "") -> bytes:
    """One event with JSON as its data; most dialects leave its kind out."""
    head = f"event: {kind}\n" if kind else ""
    return f"{head}data: {json.dumps(body, separators=(',', ':'))}\n\n".encode()
