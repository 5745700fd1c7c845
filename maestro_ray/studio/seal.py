"""One-time secrets that Studio knows for its own without looking them up: invites, links, refresh tokens."""

from __future__ import annotations

import base64
import hmac
import secrets

_CHANCE = 43  # characters of 256 random bits
_SEAL_BYTES = 12


def fresh(secret: str) -> str:
    """59 characters that are safe in an address, sealed with this secret."""
    chance = secrets.token_urlsafe(32)
    return chance + _seal(chance, secret)


def is_ours(token: str, secret: str) -> bool:
    """Whether `fresh` made it. That says nothing of whether it still counts."""
    chance, seal = token[:_CHANCE], token[_CHANCE:]
    return hmac.compare_digest(seal.encode("utf-8", "replace"), _seal(chance, secret).encode())


def _seal(chance: str, secret: str) -> str:
    digest = hmac.digest(secret.encode(), b"seal " + chance.encode("utf-8", "replace"), "sha256")
    return base64.urlsafe_b64encode(digest[:_SEAL_BYTES]).decode()
