"""Signing in to the embedded Studio without ceremony: whoever can read the 0700 directory is its owner."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from maestro_ray.connection.ask import ask
from maestro_ray.connection.tokens import TokenFile
from maestro_ray.errors import StudioRefused, Unauthenticated
from maestro_ray.home import Home

_NAME = "operator"


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
    """Tokens that this Studio has just given: for those that are kept, or for the invite it left in the home.

    Whether the kept ones are good only Studio can say: its database may be an older copy, that knows nothing of them.
    Raises `Unauthenticated` when the invite is no good either.
    """
    tokens = studio_tokens(home, url)
    try:
        tokens.renew(tokens.tokens().access_token)
    except Unauthenticated as error:
        _redeem(home.run / "invite", url, tokens, error)
    return tokens


def _redeem(invite: Path, url: str, tokens: TokenFile, why: Unauthenticated) -> None:
    """As whom the access token names, if Studio knows them still; else as somebody new."""
    try:
        token = invite.read_text().strip()
    except FileNotFoundError:
        raise why from None
    try:
        held = tokens.tokens().access_token
        ask("GET", f"{url}/api/v1/me", None, held)
        tokens.keep(dict(ask("POST", f"{url}/api/v1/auth/redeem", {"token": token, "name": _NAME}, held)))
    except (Unauthenticated, StudioRefused):
        tokens.redeem(token, _NAME)
    invite.unlink(missing_ok=True)
