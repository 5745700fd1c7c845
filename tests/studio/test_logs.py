from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from maestro_ray.studio import logs
from maestro_ray.studio.logs import request_id

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
    "secret",
    [
        JWT,
        REFRESH,
        "Bearer abcdef123456",
        "https://me:pw@h/x",
        '{"refresh_token": "abc"}',
        "s3cret-of-the-shell",
    ],
)
def test_no_secret_is_written_wherever_in_the_record_it_is(
    monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    """Without `redact_all` in `JsonLines.format` each of them would be."""
    monkeypatch.setenv("SOME_API_KEY", "s3cret-of-the-shell")
    stream, log = io.StringIO(), logging.getLogger("some.discreet")
    handler = logs.start("info", stream)
    try:
        raise ZeroDivisionError(secret)
    except ZeroDivisionError:
        log.exception("it is %s", secret, extra={"facts": {"deep": [secret], "token": "short"}})
    finally:
        logging.getLogger().removeHandler(handler)
    (line,) = lines(stream)
    assert secret not in str(line)
    assert (line["token"], line["traceback"].count("***") >= 1) == ("***", True)
