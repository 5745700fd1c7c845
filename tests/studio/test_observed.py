from __future__ import annotations

import logging

import pytest

from maestro_ray.studio.observed import identify
from maestro_ray.studio.studio import Studio

from .pretend import Rest

LOGGER = "maestro_ray.studio.observed"


async def test_a_request_keeps_its_own_name_or_gets_one(rest: Rest) -> None:
    named = await rest.http.get("/up", headers={"x-request-id": "from-client.7"})
    assert named.headers["x-request-id"] == "from-client.7"
    one, two = [(await rest.http.get("/up")).headers["x-request-id"] for _ in range(2)]
    assert one != two


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, 'a"b', "a\nb", "é"])
def test_a_name_that_could_forge_a_line_is_replaced(given: str) -> None:
    assert identify(given) != given
    assert len(identify(given)) == 16


async def test_requests_are_counted_by_route_and_not_by_path(rest: Rest, studio: Studio) -> None:
    await rest.project()
    for number in range(3):
        await rest.http.get(f"/api/v1/plans/{number}")
    await rest.http.get("/no/such/path")
    await rest.http.request("BREW", "/up")
    await rest.http.get("/up", headers={"host": "evil.example"})
    counts = studio.metrics.requests
    assert counts["GET", "/api/v1/plans/{id}", 404] == 3
    assert counts["POST", "/api/v1/projects", 201] == 1
    assert counts["GET", "other", 404] == 1
    assert counts["other", "/up", 405] == 1
    assert counts["GET", "other", 400] == 1


async def test_a_mistake_of_ours_is_counted_and_named(
    rest: Rest, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(studio.door, "caller", broken)
    transport = rest.http._transport
    monkeypatch.setattr(transport, "raise_app_exceptions", False)
    answer = await rest.http.get("/api/v1/me", headers={"x-request-id": "r9"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "r9")
    assert studio.metrics.requests["GET", "/api/v1/me", 500] == 1


async def test_a_request_is_one_line_at_info_and_none_of_it_is_secret(
    rest: Rest, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, LOGGER):
        await rest.get("me")
    assert caplog.records == []
    with caplog.at_level(logging.DEBUG):
        invite = await rest.post("auth/invites", {"role": "member"}, status=201)
        tokens = await rest.post("auth/redeem", {"token": invite["token"], "name": "bob"})
        await rest.http.get("/api/v1/projects?key=secret-word")
    seen = [record.facts for record in caplog.records if record.name == LOGGER]  # type: ignore[attr-defined]  # ours
    assert [(facts["method"], facts["path"], facts["status"]) for facts in seen] == [
        ("POST", "/api/v1/auth/invites", 201),
        ("POST", "/api/v1/auth/redeem", 200),
        ("GET", "/api/v1/projects", 200),
    ]
    secrets = [invite["token"], tokens["access_token"], tokens["refresh_token"]]
    ours = [record.__dict__ for record in caplog.records if record.name.startswith("maestro_ray")]
    assert not any(secret in str(ours) for secret in [*secrets, "secret-word"])
