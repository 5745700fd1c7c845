from __future__ import annotations

import pytest

from maestro_ray.studio.api import decode as module
from studio.pretend import Rest

pytestmark = pytest.mark.sqlite_only("a body is read before any database is asked")

PROJECT = {"key": "github:acme/shop", "name": "shop"}


@pytest.mark.parametrize(
    "kind", ["text/plain", "", "application/x-www-form-urlencoded", "multipart/form-data"]
)
async def test_only_json_is_read(rest: Rest, kind: str) -> None:
    answer = await rest.http.post(
        "/api/v1/projects", content=b'{"key":"github:a/b","name":"b"}', headers={"content-type": kind}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")
    assert await rest.get("projects") == []


async def test_json_may_name_its_encoding(rest: Rest) -> None:
    answer = await rest.http.post(
        "/api/v1/projects",
        content=b'{"key":"github:a/b","name":"b"}',
        headers={"content-type": "Application/JSON; charset=utf-8"},
    )
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"key":"github:a/b"}',
        b'{"key":"github:a/b","name":7}',
        b'{"key":"nonsense","name":"b"}',
        b'{"key":"github:a/b","name":"b","extra":1}',
        b'{"key":"github:a/b","name":"b","name":"c"}',
        b'{"key":"github:a/b","name":"\xff"}',
        b'{"key":"github:a/b","name":"\\ud800"}',
        b'{"key":"github:a/b","name":"b"} x',
        b"[" * 100_000,
    ],
)
async def test_a_bad_body_is_refused_and_changes_nothing(rest: Rest, raw: bytes) -> None:
    answer = await rest.http.post(
        "/api/v1/projects", content=raw, headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")
    assert await rest.get("projects") == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
async def test_numbers_no_answer_could_carry_are_refused(rest: Rest, number: str) -> None:
    raw = f'{{"epoch": 1, "result": {{"exit_code": {number}}}}}'
    answer = await rest.http.post(
        "/api/v1/cli-runs/x/complete", content=raw, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400


async def test_an_oversized_body_is_refused_before_it_is_all_there(
    rest: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST_BODY", 1000)
    sent = 0

    async def endless():  # type: ignore[no-untyped-def]  # an async generator of bytes
        nonlocal sent
        while sent < 100:
            sent += 1
            yield b"x" * 100

    answer = await rest.http.post(
        "/api/v1/projects", content=endless(), headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")
    assert "larger than 1000 bytes" in answer.json()["detail"]
    assert sent < 100
