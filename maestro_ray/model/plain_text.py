"""Plain text: what a line shows is all that is in it."""

from __future__ import annotations

import re

_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """Control characters become spaces: what is not seen must not be read."""
    return _UNSEEN.sub(" ", text)


def one_line(text: str) -> str:
    return " ".join(visible(text).split())
