"""Signing in to the embedded Studio without ceremony: whoever can read the 0700 directory is its owner."""

from __future__ import annotations

import json
from typing import Any

from maestro_ray.connection.ask import ask
from maestro_ray.connection.tokens import TokenFile
from maestro_ray.errors import Unauthenticated
from maestro_ray.home import Home


def studio_address(home: Home) -> str:
    """Where this home's Studio listens; empty when it was not started."""
    try:
        return str(json.loads((home.run / "studio.json").read_text())["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def studio_tokens(home: Home, url: str) -> TokenFile:
    """The tokens of this home for its own Studio. They are never in a keyring: the daemon starts without one."""

    def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
        return dict(ask("POST", f"{url}/api/v1/{path}", body))

    return TokenFile(home.run / "tokens.json", post)


def sign_in(home: Home, url: str) -> TokenFile:
    """Tokens that work: those that are kept, or new ones for the invite Studio left in this home's directory."""
    tokens = studio_tokens(home, url)
    try:
        tokens.access_token()
    except Unauthenticated:
        invite = home.run / "invite"
        tokens.redeem(invite.read_text().strip(), "operator")
        invite.unlink(missing_ok=True)
    return tokens
