"""Plain text: what a line shows is all that is in it."""

from __future__ import annotations

import re
import unicodedata

_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """Control characters become spaces: what is not seen must not be read."""
    return _UNSEEN.sub(" ", text)


def one_line(text: str) -> str:
    return " ".join(visible(text).split())


def exposed(text: str) -> str:
    """Every character that is not seen, or passes for a blank, is named in its place: `⟦U+202E⟧`. Lines stay lines."""
    return "".join(c if c in "\n\t " or _is_seen(c) else f"⟦U+{ord(c):04X}⟧" for c in text)


# letters and marks that have no shape
_SHAPELESS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


def _is_seen(c: str) -> bool:
    if c.isascii():
        return c.isprintable()
    variation = "\ufe00" <= c <= "\ufe0f" or "\U000e0100" <= c <= "\U000e01ef"
    return unicodedata.category(c)[0] not in "CZ" and c not in _SHAPELESS and not variation
