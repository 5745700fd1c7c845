"""Errors as the programs and the model's providers word them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.model.agent import Failed, RateLimited
from maestro_ray.providers.acp_trouble import trouble


def error(message: str = "", code: int = -32603, data: Any = None) -> dict[str, Any]:
    return {"code": code, "message": message, "data": data}


@pytest.mark.parametrize(
    "given",
    [
        error("no", 401),
        error("no", 403),
        error("Authentication required", -32000),
        error("Internal error", data={"details": "401 invalid x-api-key"}),
        error("Internal error: invalid x-api-key", data={"errorName": "APIError"}),
        error("Incorrect API key provided: sk-…"),
        error("API key not valid. Please pass a valid API key."),
        error("No auth credentials found"),
        error("[API Error: 401 no]"),
        error("x", data={"response": {"status": 401}}),
    ],
    ids=lambda given: str(given["message"]),
)
def test_a_refused_account_is_no_reason_to_try_again(given: dict[str, Any]) -> None:
    (end,) = trouble(given)
    assert isinstance(end, Failed)
    assert (end.retryable, end.signed_out) == (False, True)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (error("Too many.\nSuggested retry after 1s.", 429), 1.0),
        (error("Please try again in 20 ms.", 429), 0.02),
        (error("Rate limit reached; retry in 1.5m", 429), 90.0),
        (error("Rate limit exceeded. Try again later."), 60.0),
        (error("Internal error: Number of requests has exceeded your rate limit"), 60.0),
        (error("You exceeded your current quota, please check your plan"), 60.0),
        (error("no", 429, {"headers": {"Retry-After": "7"}}), 7.0),
        (error("no", 429, {"headers": {"retry-after-ms": "1500"}}), 1.5),
        (error("no", 429, {"details": [{"retryDelay": "31s"}]}), 31.0),
        (error("no", 429, {"retryAfter": 3}), 3.0),
        (error("no", 429, {"retry_after_seconds": 4}), 4.0),
        (error("retry after 999999999h", 429), 7 * 24 * 3600.0),
    ],
    ids=lambda given: str(given["message"]) if isinstance(given, dict) else "",
)
def test_a_limit_is_a_pause_with_the_time_that_is_told(given: dict[str, Any], seconds: float) -> None:
    limit, end = trouble(given)
    assert isinstance(limit, RateLimited)
    assert limit.retry_after == pytest.approx(seconds)
    assert end == Failed(limit.reason)


@pytest.mark.parametrize(
    "message",
    [
        "Internal error",
        "line 401 of a.py",
        "no such file: api_key.py",
        "500 the server is on fire",
        "the port 429 is taken",
    ],
)
def test_anything_else_is_only_a_failure(message: str) -> None:
    assert trouble(error(message)) == [Failed(message)]


def test_the_body_of_a_models_answer_is_not_shown_as_it_is() -> None:
    body = '{"error":{"code":401,"message":"invalid x-api-key","status":"UNAUTHENTICATED"}}'
    (end,) = trouble(error(body, 401))
    assert isinstance(end, Failed)
    assert end.reason == "invalid x-api-key"


def test_without_words_it_says_so() -> None:
    assert trouble({}) == [Failed("no reason was given")]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["code", "retry-after", "error", "message", "details", "x"]), inner, max_size=3
        )
    ),
)


@given(st.dictionaries(st.sampled_from(["code", "message", "data"]), anything))
def test_any_error_ends_a_turn(given: dict[str, Any]) -> None:
    *before, end = trouble(given)
    assert isinstance(end, Failed)
    assert all(isinstance(each, RateLimited) and each.retry_after >= 0 for each in before)
