from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.responses import Response

from maestro_ray.studio.page import visitor
from maestro_ray.studio.studio import Studio
from studio.pretend import Rest

from .conftest import Enter
from .surfer import ORIGIN, Surfer


async def listen(surfer: Surfer, channel: str, **headers: str) -> int:
    """The status of what pusher-js asks for."""
    asked = {"socket_id": "1.2", "channel_name": channel}
    return (await surfer.http.post("/broadcasting/auth", data=asked, headers=headers)).status_code


async def test_the_cookie_is_for_this_studio_and_out_of_reach_of_scripts(
    surfer: Surfer, studio: Studio, rest: Rest
) -> None:
    link = (await rest.post("auth/page-link", status=201))["token"]
    answer = await surfer.http.post("/sign-in", data={"link": link}, headers=ORIGIN)
    (header,) = answer.headers.get_list("set-cookie")
    name, _, rest_of_it = header.partition("=")
    assert name == f"maestro-{studio.hub.key[:8]}"
    parts = {each.strip().lower() for each in rest_of_it.split(";")}
    assert {"httponly", "samesite=strict", "path=/"} <= parts
    assert "secure" not in parts


async def test_the_cookie_listens_only_for_a_page_of_ours(surfer: Surfer, rest: Rest) -> None:
    channel = f"private-project.{await rest.project()}"
    assert await listen(surfer, channel, **ORIGIN) == 200
    assert await listen(surfer, channel) == 403
    assert await listen(surfer, channel, origin="http://evil.example") == 403
    assert await listen(surfer, channel, origin="null") == 403


async def test_the_cookie_listens_where_its_person_may(enter: Enter, rest: Rest) -> None:
    here, elsewhere = await rest.project(), await rest.project("github:acme/other")
    guest = await enter("member", here)
    assert await listen(guest, f"private-project.{here}", **ORIGIN) == 200
    assert await listen(guest, f"private-project.{elsewhere}", **ORIGIN) == 403


async def test_the_cookie_opens_nothing_of_the_rest_api(surfer: Surfer, rest: Rest) -> None:
    project = await rest.project()
    for method, path in (("GET", "me"), ("GET", f"projects/{project}"), ("POST", "auth/page-link")):
        answer = await surfer.http.request(method, f"/api/v1/{path}", headers=ORIGIN)
        assert answer.status_code == 401


@pytest.mark.parametrize("value", ["", "x", "🙂".encode().hex(), "a" * 4000])
async def test_a_cookie_that_is_none_is_nobody(surfer: Surfer, studio: Studio, value: str) -> None:
    surfer.http.cookies.clear()
    surfer.http.cookies.set(f"maestro-{studio.hub.key[:8]}", value)
    await surfer.open("/")
    assert surfer.at == "/sign-in"


@pytest.mark.sqlite_only("no database is asked")
@pytest.mark.parametrize(("scheme", "secure"), [("https", True), ("http", False)])
async def test_over_tls_the_cookie_stays_on_tls(studio: Studio, scheme: str, secure: bool) -> None:
    """Without `secure=` in `remember` a link in plain http to the same host would show it to whoever is on the way."""
    scope = {
        "type": "http",
        "scheme": scheme,
        "path": "/",
        "query_string": b"",
        "headers": [],
        "server": ("h", 1),
    }
    answer = Response()
    visitor.remember(studio, Request(scope), answer, "value")
    assert ("secure" in answer.headers["set-cookie"].lower()) == secure
