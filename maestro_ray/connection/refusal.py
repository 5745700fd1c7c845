"""What Studio's refusals mean: a problem document, or whatever a proxy wrote, as an error of ours."""

from __future__ import annotations

import json

from maestro_ray.errors import MaestroError, StaleEpoch, StudioRefused, StudioUnavailable, Unauthenticated


def refusal(status: int, text: str, path: str) -> MaestroError:
    """The error for an answer that is not a success; `text` is its body."""
    try:
        document = json.loads(text)
        code, detail = str(document.get("code", "")), str(document.get("detail", ""))
    except (ValueError, AttributeError, RecursionError):
        code, detail = "", text[:200]
    if code == "stale_epoch":
        return StaleEpoch(path, "?", "?")
    if status == 401:
        told = detail.removeprefix(Unauthenticated.template.format(""))
        return Unauthenticated(told or "Studio does not accept the token")
    if status in (429, 503) or (status >= 500 and not code):
        return StudioUnavailable(path, detail if code and detail else f"HTTP {status}")
    return StudioRefused(status, code or "http_error", detail)
