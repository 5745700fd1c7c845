from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.connection.refusal import refusal
from maestro_ray.errors import (
    DatabaseUnavailable,
    MaestroError,
    StaleEpoch,
    StudioRefused,
    StudioUnavailable,
    Unauthenticated,
)
from maestro_ray.studio.api.problem import problem


def test_what_studio_says_comes_through_once() -> None:
    told = bytes(problem(Unauthenticated("the invite was already used")).body).decode()
    assert str(refusal(401, told, "x")) == "not signed in: the invite was already used"


def test_a_studio_that_says_why_it_cannot_is_quoted() -> None:
    error = DatabaseUnavailable("of this Studio", "its disk is full; nothing was changed")
    told = str(refusal(503, bytes(problem(error).body).decode(), "projects"))
    assert told == f"Studio at projects does not answer: {error}"
    assert str(refusal(503, "<html>", "projects")).endswith(": HTTP 503")


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (401, "", Unauthenticated),
        (401, "[" * 100_000, Unauthenticated),
        (409, json.dumps({"code": "stale_epoch"}), StaleEpoch),
        (409, json.dumps({"code": "conflict", "detail": "no"}), StudioRefused),
        (403, "<html>a proxy</html>", StudioRefused),
        (302, "", StudioRefused),
        (404, "[]", StudioRefused),
        (429, json.dumps({"code": "too_many_requests"}), StudioUnavailable),
        (502, "<html>", StudioUnavailable),
        (500, json.dumps({"code": "internal_error"}), StudioRefused),
    ],
)
def test_a_refusal_says_who_is_at_fault(status: int, text: str, kind: type[Exception]) -> None:
    assert type(refusal(status, text, "path")) is kind


@given(st.integers(100, 599), st.text() | st.builds(json.dumps, st.dictionaries(st.sampled_from(["code", "detail"]),
       st.text() | st.none() | st.lists(st.integers())) | st.lists(st.integers())))  # fmt: skip
def test_any_answer_is_an_error_of_ours(status: int, text: str) -> None:
    error = refusal(status, text, "x")
    assert isinstance(error, MaestroError)
    assert str(error)
    assert isinstance(pickle.loads(pickle.dumps(error)), type(error))
