"""Any JSON comes in; what should be it comes out, or a sentence."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from maestro_ray.actors.params import flag, path, text, texts, whole
from maestro_ray.errors import UsageError


@pytest.mark.parametrize(
    ("read", "value", "message"),
    [
        (text, 5, "k must be a string"),
        (text, ["a"], "k must be a string"),
        (text, "a\0b", "k holds a NUL or half a character"),
        (text, "a\ud800", "k holds a NUL or half a character"),
        (text, os.fsdecode(b"a\xff"), "k holds a NUL or half a character"),
        (path, 5, "k must be a string"),
        (path, "a\0b", "k holds a NUL or half a character"),
        (path, "a\ud800", "k holds a NUL or half a character"),
        (texts, "python", "k must be a list of strings"),
        (texts, ["python", 1], "an element of k must be a string"),
        (texts, [["python"]], "an element of k must be a string"),
        (flag, 1, "k must be true or false"),
        (whole, True, "k must be a whole number"),
        (whole, 1.0, "k must be a whole number"),
        (whole, None, "k must be a whole number"),
    ],
)
def test_what_is_something_else_is_refused(read: Callable[..., Any], value: object, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read({"k": value}, "k")
    assert str(caught.value) == message


def test_what_is_right_comes_through() -> None:
    name = os.fsdecode(b"/caf\xe9")
    params = {"t": "über", "p": name, "s": ["a"], "f": True, "n": 3, "null": None}
    assert (text(params, "t"), path(params, "p"), texts(params, "s")) == ("über", name, ["a"])
    assert (flag(params, "f"), whole(params, "n")) == (True, 3)
    for key in ("null", "absent"):
        assert (text(params, key, "d"), path(params, key), texts(params, key)) == ("d", "", [])
        assert flag(params, key) is False
    assert whole(params, "absent") == 0
