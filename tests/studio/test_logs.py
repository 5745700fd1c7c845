from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from maestro_ray.studio import logs
from maestro_ray.studio.logs import conceal, request_id

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.c2lnbmF0dXJl"
REFRESH = "W0r-d_" * 7 + "x"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root, level = logging.getLogger(), logging.getLogger().level
    stream = io.StringIO()
    handler = logs.start("info", stream)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_each_record_is_one_line_with_its_facts(stream: io.StringIO) -> None:
    log = logging.getLogger("maestro_ray.studio.some")
    log.debug("too fine")
    log.info("two\nlines", extra={"facts": {"status": 200}})
    (line,) = lines(stream)
    assert line.pop("at").endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "maestro_ray.studio.some",
        "message": "two\nlines",
        "status": 200,
    }


def test_a_record_of_a_request_names_it_and_a_mistake_brings_its_traceback(stream: io.StringIO) -> None:
    given = request_id.set("r1")
    try:
        raise ZeroDivisionError("by zero")
    except ZeroDivisionError:
        logging.getLogger("some").exception("failed")
    finally:
        request_id.reset(given)
    (line,) = lines(stream)
    assert line["request_id"] == "r1"
    assert line["traceback"].endswith("ZeroDivisionError: by zero")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"Authorization: Bearer {JWT}", "Authorization: Bearer ***"),
        ("authorization: bearer short", "authorization: bearer ***"),
        (f"http://127.0.0.1:1#{REFRESH}", "http://127.0.0.1:1#***"),
        (f"got {REFRESH}.", "got ***."),
        ('{"refresh_token": "abc"}', '{"refresh_token": "***"}'),
        (r"{\"token\": \"abc\"}", r"{\"token\": \"***\"}"),
        ("GET /page?token=abc&x=1", "GET /page?token=***&x=1"),
        ("auth key:" + "0a" * 32, "auth key:***"),
        ("the access token has expired", "the access token has expired"),
        ("01900000-0000-7000-8000-000000000000", "01900000-0000-7000-8000-000000000000"),
        ("c0ffee" * 6 + "c0ff", "c0ffee" * 6 + "c0ff"),
    ],
)
def test_what_looks_like_a_secret_is_not_written(text: str, told: str) -> None:
    assert conceal(text) == told
