"""What an error of the Agent Client Protocol amounts to: the protocol has no words for a refused account or a limit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from maestro_ray.model.agent import Failed, RateLimited
from maestro_ray.providers.output import brief

# of the protocol: one must sign in first
_SIGN_IN = -32000
# seconds, when it does not say how long
_REST = 60.0
_LONGEST = 7 * 24 * 3600.0
_SIGNED_OUT = (401, 403)
_LIMITED = 429

# some tell the HTTP status at the beginning of their words, some only the words of the model's provider
_STATUS = re.compile(
    r"^\W*(?:(?:internal|api) error:?\W*)*(?:status(?: code)?\W*)?(401|403|429)\b", re.IGNORECASE
)
_REFUSED = re.compile(
    r"unauthori[sz]ed|unauthenticated|(?:invalid|incorrect|wrong|missing|no) (?:\S+ )?(?:api|auth\w*)[ -]?"
    r"(?:key|token|credentials)|api key (?:is )?(?:not valid|invalid|missing)|authentication (?:failed|required)|"
    r"x-api-key",
    re.IGNORECASE,
)
_TOO_MANY = re.compile(
    r"rate[ -]?limit|too many requests|quota (?:exceeded|exhausted)|exceeded your (?:\w+ )?quota|resource[_ ]exhausted",
    re.IGNORECASE,
)
_AGAIN = re.compile(
    r"(?:retry|try)(?:ing)?(?: again)? (?:after|in)\W{0,3}(\d{1,9}(?:\.\d{1,9})?)\s*(ms|s|m|h)?",
    re.IGNORECASE,
)
_NAMED = re.compile(r"retry[-_ ]?(?:after|delay)(?:[-_ ]?(ms|s))?(?:econds)?$", re.IGNORECASE)
_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(ms|s|m|h)?\w*$", re.IGNORECASE)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def trouble(error: Mapping[str, Any]) -> list[RateLimited | Failed]:
    """The end of a turn whose prompt was answered with this error; a limit is said before it."""
    words = said_in(error)
    reason, status = brief(words) or "no reason was given", _status(error, words)
    if status in _SIGNED_OUT:
        return [Failed(reason, retryable=False, signed_out=True)]
    if status == _LIMITED:
        return [RateLimited(min(_wait(error, words), _LONGEST), reason), Failed(reason)]
    return [Failed(reason)]


def said_in(error: Mapping[str, Any]) -> str:
    """Its words for people, the kernel of them: some give the body of the model's answer as it is."""
    data, message = error.get("data"), str(error.get("message") or "")
    details = data if isinstance(data, str) else _first(data, ("details", "detail", "message", "reason"))
    try:
        inner = json.loads(message)["error"]["message"]
    except (ValueError, LookupError, TypeError, RecursionError):
        inner = ""
    said = str(inner or message)
    return f"{said}: {details}" if details and details not in said else said


def _first(data: object, names: tuple[str, ...]) -> str:
    found = (data.get(name) for name in names) if isinstance(data, Mapping) else ()
    return next((each for each in found if isinstance(each, str) and each), "")


def _status(error: Mapping[str, Any], words: str) -> int:
    code, data = error.get("code"), error.get("data")
    if code == _SIGN_IN:
        return _SIGNED_OUT[0]
    told = [
        code,
        *(value for name, value in _leaves(data) if name.lower() in ("status", "statuscode", "code")),
    ]
    for each in told:
        if each in (*_SIGNED_OUT, _LIMITED):
            return int(str(each))
    for text in (words, words.rpartition(": ")[2]):
        if found := _STATUS.match(text):
            return int(found[1])
    if _TOO_MANY.search(words):
        return _LIMITED
    return _SIGNED_OUT[0] if _REFUSED.search(words) else 0


def _wait(error: Mapping[str, Any], words: str) -> float:
    """Seconds, from a field or a header of that name, else from the words."""
    for name, value in _leaves(error.get("data")):
        if (named := _NAMED.search(name)) and (span := _SPAN.match(str(value))):
            return float(span[1]) * _UNITS[(span[2] or named[1] or "s").lower()]
    found = _AGAIN.search(words)
    return float(found[1]) * _UNITS[(found[2] or "s").lower()] if found else _REST


def _leaves(value: object, name: str = "", depth: int = 8) -> Iterator[tuple[str, object]]:
    """Names and plain values at any depth that somebody would use."""
    if isinstance(value, Mapping) and depth:
        for each, inner in value.items():
            yield from _leaves(inner, str(each), depth - 1)
    elif isinstance(value, list) and depth:
        for inner in value:
            yield from _leaves(inner, name, depth - 1)
    else:
        yield name, value
