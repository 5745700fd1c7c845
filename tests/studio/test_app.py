from __future__ import annotations

import pytest

from maestro_ray import __version__

from .pretend import Rest

pytestmark = pytest.mark.sqlite_only("none of this reaches a database")

PROJECT = {"key": "github:acme/shop", "name": "shop"}


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "0.0.0.0", "", "localhost.:80@evil"]
)
async def test_a_foreign_host_reaches_nothing(rest: Rest, host: str) -> None:
    answer = await rest.http.get("/api/v1/projects", headers={"host": host})
    assert answer.status_code == 400
    assert "shop" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8001", "LOCALHOST", "[::1]:8001"])
async def test_the_loopback_names_are_accepted(rest: Rest, host: str) -> None:
    assert (await rest.http.get("/api/v1/projects", headers={"host": host})).status_code == 200


async def test_it_says_that_it_is_up_to_anybody(stranger: Rest) -> None:
    answer = await stranger.http.get("/up")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "version": __version__, "database": "ok"}
