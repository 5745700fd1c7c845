"""Studio's REST as a client: one renewal per refused call, and errors that say who is at fault."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from maestro_ray.connection import client as module
from maestro_ray.connection.client import StudioClient, refusal
from maestro_ray.connection.tokens import TokenFile
from maestro_ray.errors import (
    MaestroError,
    StaleEpoch,
    StudioRefused,
    StudioUnavailable,
    Unauthenticated,
    Unsendable,
)
from maestro_ray.testing import LocalStudio


class Server:
    """Answers in turn; the last answer is for ever."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def tokens(self) -> list[str]:
        return [request.headers["authorization"] for request in self.requests]


Connect = Callable[[Server], StudioClient]


@pytest.fixture
def connect(tmp_path: Path) -> Connect:
    def make(server: Server) -> StudioClient:
        numbers = iter(range(1, 100))

        def post(_path: str, _body: dict[str, Any]) -> dict[str, Any]:
            number = next(numbers)
            return {"access_token": f"a{number}", "refresh_token": f"r{number}", "expires_in": 900}

        tokens = TokenFile(tmp_path / "tokens.json", post)
        tokens.redeem("invite", "me")
        return StudioClient("http://studio", tokens, httpx.MockTransport(server))

    return make


def problem(status: int, code: str, detail: str = "words") -> httpx.Response:
    document = {"type": "about:blank", "status": status, "code": code, "detail": detail}
    return httpx.Response(
        status, text=json.dumps(document), headers={"content-type": "application/problem+json"}
    )


async def test_a_call_carries_token_body_and_key(connect: Connect) -> None:
    server = Server(httpx.Response(200, json={"id": 7}))
    client = connect(server)
    assert await client.post("plans/1/activate", {"a": 1}, key="k-1") == {"id": 7}
    (request,) = server.requests
    assert str(request.url) == "http://studio/api/v1/plans/1/activate"
    assert request.headers["authorization"] == "Bearer a1"
    assert request.headers["idempotency-key"] == "k-1"
    assert json.loads(request.content) == {"a": 1}
    await client.get("projects", key="local:a")
    assert server.requests[1].url.params["key"] == "local:a"
    assert "idempotency-key" not in server.requests[1].headers
    await client.close()


async def test_no_content_is_none(connect: Connect) -> None:
    client = connect(Server(httpx.Response(204)))
    assert await client.delete("teams/1") is None
    await client.close()


async def test_a_refused_token_is_renewed_once(connect: Connect) -> None:
    server = Server(problem(401, "unauthenticated"), httpx.Response(200, json=[]))
    client = connect(server)
    assert await client.get("projects") == []
    assert server.tokens == ["Bearer a1", "Bearer a2"]
    await client.close()


async def test_a_token_that_stays_refused_is_nobodys_report_lost(connect: Connect) -> None:
    """`StudioRefused` would make the outbox throw the report away."""
    server = Server(problem(401, "unauthenticated"))
    client = connect(server)
    with pytest.raises(Unauthenticated):
        await client.post("cli-runs/1/complete", {})
    assert len(server.requests) == 2
    await client.close()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (problem(409, "conflict"), StudioRefused),
        (problem(409, "stale_epoch"), StaleEpoch),
        (problem(404, "not_found"), StudioRefused),
        (problem(500, "plan_file_error"), StudioRefused),
        (problem(429, "slow_down"), StudioUnavailable),
        (httpx.Response(502, text="<html>bad gateway</html>"), StudioUnavailable),
        (httpx.Response(503, text=""), StudioUnavailable),
        (httpx.Response(403, text="<html>forbidden</html>"), StudioRefused),
        (httpx.Response(400, text='["no document"]'), StudioRefused),
        (httpx.Response(200, text="<html>captive portal</html>"), StudioUnavailable),
        (httpx.ConnectError("refused"), StudioUnavailable),
        (httpx.ReadTimeout(""), StudioUnavailable),
        (httpx.RemoteProtocolError("cut"), StudioUnavailable),
        (httpx.Response(200, text='{"answer": "cut in the mi'), StudioUnavailable),
        (httpx.Response(200, text="[" * 100_000), StudioUnavailable),
        (OSError(24, "Too many open files"), StudioUnavailable),
    ],
)
async def test_every_failure_says_who_is_at_fault(
    connect: Connect, answer: httpx.Response | Exception, error: type[MaestroError]
) -> None:
    client = connect(Server(answer))
    with pytest.raises(error):
        await client.get("x")
    await client.close()


CANNOT_BE_SENT = [{"name": "caf\udce9"}, {"cost": float("nan")}, {"when": object()}]


@pytest.mark.parametrize("body", CANNOT_BE_SENT, ids=["not UTF-8", "not finite", "no JSON"])
async def test_what_cannot_be_written_is_told_apart_and_not_sent(
    connect: Connect, body: dict[str, Any]
) -> None:
    server = Server(httpx.Response(200))
    client = connect(server)
    with pytest.raises(Unsendable) as caught:
        await client.post("cli-runs/1/complete", body)
    assert str(caught.value).isascii()
    assert server.requests == []
    await client.close()


def cut_short(_path: str, _body: dict[str, Any]) -> dict[str, Any]:
    return {"access_token": "a"}


def full_disk(_path: str, _body: dict[str, Any]) -> dict[str, Any]:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("renewal", [cut_short, full_disk])
async def test_tokens_that_cannot_be_renewed_are_no_other_kind_of_error(tmp_path: Path, renewal: Any) -> None:
    tokens = TokenFile(tmp_path / "tokens.json", renewal)
    tokens.keep({"access_token": "a", "refresh_token": "r", "expires_in": 0})
    client = StudioClient("http://studio", tokens, httpx.MockTransport(Server(httpx.Response(200))))
    with pytest.raises(Unauthenticated, match="cannot be renewed"):
        await client.post("cli-runs/1/complete", {})
    await client.close()


def test_a_problem_document_is_told_in_its_own_words() -> None:
    error = refusal(409, '{"code": "conflict", "detail": "the card was already answered"}', "x")
    assert str(error) == "Studio refused (409 conflict): the card was already answered"


async def test_against_a_real_studio(studio: LocalStudio) -> None:
    client = await studio.client()
    made = await client.post("projects", {"key": "local:a/b", "name": "b"})
    assert (await client.get("projects", key="local:a/b"))[0]["id"] == made["id"]
    with pytest.raises(StudioRefused, match="404 not_found"):
        await client.get("plans/none")
    with pytest.raises(StudioRefused, match="400 bad_frame"):
        await client.post("projects", {"surprise": 1})
    assert ":" in await client.authorise("1.2", "private-project.p")
    await studio.stop()
    with pytest.raises(StudioUnavailable):
        await client.get("projects")
    await client.close()


@pytest.mark.parametrize("body", ["{}", '{"auth": 7}', "[]", '"auth"'])
async def test_an_authorisation_without_a_signature_is_studios_fault(connect: Connect, body: str) -> None:
    client = connect(Server(httpx.Response(200, text=body)))
    with pytest.raises(StudioUnavailable, match="no signature"):
        await client.authorise("1.2", "private-project.p")
    await client.close()


# ── pages ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_list_is_read_to_its_last_page(studio: LocalStudio) -> None:
    """At a real Studio, whose link is a path."""
    client = await studio.client()
    try:
        for number in range(101):
            await client.post("projects", {"key": f"github:acme/p{number}", "name": "p"})
        rows = await client.list("projects")
        # and the one that every test finds
        assert len({row["id"] for row in rows}) == len(rows) == 102
    finally:
        await client.close()


@pytest.mark.parametrize("address", ["", "/api/v1/tasks", "http://studio/api/v1/tasks"])
async def test_the_next_page_is_asked_for_with_its_own_query(connect: Connect, address: str) -> None:
    link = {"link": f'<{address}?plan_id=1&cursor=x>; rel="next"'}
    server = Server(httpx.Response(200, json=[1], headers=link), httpx.Response(200, json=[2]))
    client = connect(server)
    assert await client.list("tasks", plan_id="1") == [1, 2]
    assert [str(request.url) for request in server.requests] == [
        "http://studio/api/v1/tasks?plan_id=1",
        "http://studio/api/v1/tasks?plan_id=1&cursor=x",
    ]
    await client.close()


@pytest.mark.parametrize(
    "link", ["http://other/x", "//other/x", "https://studio/x", "http://studio:81/x", "http://["]
)
async def test_no_token_goes_to_another_server_for_a_page(connect: Connect, link: str) -> None:
    server = Server(httpx.Response(200, json=[1], headers={"link": f'<{link}>; rel="next"'}))
    client = connect(server)
    with pytest.raises(StudioUnavailable, match="next page"):
        await client.list("tasks")
    assert len(server.requests) == 1
    await client.close()


# ── answers without an end ───────────────────────────────────────────────────────────────────────────────────────────


async def test_an_answer_that_trickles_is_given_up(connect: Connect) -> None:
    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.01)

    client = connect(Server(httpx.Response(200, content=drip())))
    client._http.timeout = httpx.Timeout(0.1)
    async with asyncio.timeout(60):
        with pytest.raises(StudioUnavailable, match="TimeoutError"):
            await client.get("me")
    await client.close()


async def test_an_answer_that_is_too_large_is_no_answer(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST_ANSWER", 10)
    client = connect(Server(httpx.Response(200, json="x" * 8), httpx.Response(200, json="x" * 9)))
    assert await client.get("me") == "x" * 8
    with pytest.raises(StudioUnavailable, match="too large"):
        await client.get("me")
    await client.close()
