"""Signing in to the embedded Studio without ceremony: whoever can read the 0700 directory is its owner."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from maestro_ray.connection.tokens import TokenFile
from maestro_ray.errors import StudioRefused, StudioUnavailable, Unauthenticated
from maestro_ray.home import Home


def studio_tokens(home: Home, url: str) -> TokenFile:
    """The tokens of this home for its own Studio."""

    def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
        return post_json(f"{url}/api/v1/{path}", body)

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


def post_json(url: str, body: dict[str, Any], token: str = "") -> dict[str, Any]:
    """A JSON POST with the standard library alone: the daemon is small. Raises as `StudioClient.call` does."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 - http on loopback, ours
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            return dict(json.loads(answer.read() or b"{}"))
    except urllib.error.HTTPError as error:
        if error.code == 401:
            raise Unauthenticated("Studio does not accept the token") from error
        raise StudioRefused(
            error.code, "http_error", error.read()[:200].decode("utf-8", "replace")
        ) from error
    except OSError as error:
        raise StudioUnavailable(url, str(error)) from error
