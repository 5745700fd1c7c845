"""Names for things: UUIDv7 identifiers, slugs and short random suffixes."""

from __future__ import annotations

import os
import re
import time
import unicodedata
import uuid


def new_id() -> str:
    """A UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, then 74 random bits, so ids sort by age."""
    stamp = time.time_ns() // 1_000_000
    tail = int.from_bytes(os.urandom(10), "big")
    value = (
        (stamp & ((1 << 48) - 1)) << 80
        | 0x7 << 76
        | (tail >> 68 & 0xFFF) << 64
        | 0b10 << 62
        | tail & ((1 << 62) - 1)
    )
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
