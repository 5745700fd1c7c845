"""Names for things: UUIDv7 identifiers, slugs and short random suffixes."""

from __future__ import annotations

import os
import re
import threading
import time
import unicodedata
import uuid

# the last tick that was given away: ids of one process sort by their making, whatever its clock does
_last = 0
_turn = threading.Lock()


def new_id() -> str:
    """A UUIDv7 (RFC 9562, method 3): Unix milliseconds with a fraction of 12 bits, then 62 random bits.

    Ids sort by age; within one process always, also those of the same moment.
    """
    global _last
    now = (time.time_ns() << 12) // 1_000_000
    with _turn:
        _last = tick = max(now, _last + 1)
    tail = int.from_bytes(os.urandom(8), "big") >> 2
    stamp, fraction = tick >> 12, tick & 0xFFF
    value = (stamp & ((1 << 48) - 1)) << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | tail
    return str(uuid.UUID(int=value))


def short(identifier: str) -> str:
    """The last eight characters: UUIDv7s made in the same second share their beginning, never their end."""
    return identifier[-8:]


def suffix(length: int = 6) -> str:
    """Random lower-case hex of the given length."""
    return os.urandom((length + 1) // 2).hex()[:length]


def slug(text: str, limit: int = 40) -> str:
    """ASCII words joined by dashes, safe in a git ref and a file name; `untitled` when nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return words[:limit].rstrip("-") or "untitled"
