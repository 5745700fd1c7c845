"""What a caller of the local line gave, read as what it should be: the line carries any JSON."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from maestro_ray.errors import UsageError

Params = Mapping[str, Any]


def text(params: Params, key: str, default: str = "") -> str:
    """A text that a file, a database and another program can hold. Raises `UsageError`."""
    return sound(key, _given(params, key, default))


def path(params: Params, key: str) -> str:
    """A path or nothing. Raises `UsageError`."""
    return of_the_system(key, _given(params, key, ""))


def texts(params: Params, key: str) -> Sequence[str]:
    values = _given(params, key, [])
    if not isinstance(values, list):
        raise UsageError(f"{key} must be a list of strings", "")
    return [sound(f"an element of {key}", value) for value in values]


def flag(params: Params, key: str) -> bool:
    value = _given(params, key, False)
    if not isinstance(value, bool):
        raise UsageError(f"{key} must be true or false", "")
    return value


def whole(params: Params, key: str) -> int:
    value = params.get(key, 0)
    if not isinstance(value, int) or isinstance(value, bool):
        raise UsageError(f"{key} must be a whole number", "")
    return value


def sound(name: str, value: object) -> str:
    """This text, if it is one without a NUL and without half a character. Raises `UsageError`."""
    if not isinstance(value, str):
        raise UsageError(f"{name} must be a string", "")
    if re.search("[\0\ud800-\udfff]", value):
        raise UsageError(f"{name} holds a NUL or half a character", "")
    return value


def of_the_system(name: str, value: object) -> str:
    """The same for what only files and programs must hold: bytes that are not UTF-8 come as escapes of Python's own."""
    if isinstance(value, str):
        try:
            if b"\0" not in os.fsencode(value):
                return value
        except UnicodeEncodeError:
            pass
    return sound(name, value)


def _given(params: Params, key: str, default: Any) -> Any:
    """null is the same as nothing."""
    value = params.get(key)
    return default if value is None else value
