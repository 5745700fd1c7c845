from __future__ import annotations

import pytest

from maestro_ray.studio.page.sign_in import token_in
from studio.pretend import Rest

from .surfer import ORIGIN, Surfer


@pytest.mark.parametrize(
    ("pasted", "token"),
    [
        ("abc", "abc"),
        ("  abc\n", "abc"),
        ("http://127.0.0.1:8001/sign-in?link=abc", "abc"),
        ("http://127.0.0.1:8001/sign-in?next=%2F&link=a-b_c#x", "a-b_c"),
        ("http://[::1/sign-in?link=abc", "http://[::1/sign-in?link=abc"),
        ("", ""),
    ],
)
def test_what_is_pasted_holds_the_token(pasted: str, token: str) -> None:
    assert token_in(pasted) == token


async def test_a_link_is_used_by_the_button_and_not_by_looking(surfer: Surfer, rest: Rest) -> None:
    surfer.http.cookies.clear()
    link = await rest.post("auth/page-link", status=201)
    path = link["url"].removeprefix("http://127.0.0.1:8001")
    assert path == f"/sign-in?link={link['token']}"
    for _ in range(2):
        await surfer.open(f"{path}&next=/decisions")
    await surfer.submit("/sign-in")
    assert (surfer.at, surfer.status) == ("/decisions", 200)
    await surfer.post("/sign-in", {"link": link["token"]}, status=401)
    assert "already used" in surfer.text()


async def test_only_our_own_page_signs_in(surfer: Surfer, rest: Rest) -> None:
    surfer.http.cookies.clear()
    token = (await rest.post("auth/page-link", status=201))["token"]
    for origin in ("http://evil.example", "null"):
        await surfer.post("/sign-in", {"link": token}, status=403, origin=origin)
    answer = await surfer.http.post("/sign-in", data={"link": token})
    assert answer.status_code == 403
    assert not surfer.http.cookies


@pytest.mark.parametrize(
    "elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "/\nx"]
)
async def test_nobody_is_sent_elsewhere(surfer: Surfer, rest: Rest, elsewhere: str) -> None:
    token = (await rest.post("auth/page-link", status=201))["token"]
    answer = await surfer.http.post("/sign-in", data={"link": token, "next": elsewhere}, headers=ORIGIN)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_guessing_is_slow_and_keeps_nobody_else_out(surfer: Surfer, rest: Rest) -> None:
    surfer.http.cookies.clear()
    statuses = {
        (await surfer.http.post("/sign-in", data={"link": "x"}, headers=ORIGIN)).status_code
        for _ in range(40)
    }
    assert statuses == {401, 429}
    await surfer.sign_in((await rest.post("auth/page-link", status=201))["token"])


async def test_who_guesses_keeps_nobody_of_the_same_machine_out(surfer: Surfer, rest: Rest) -> None:
    surfer.http.cookies.clear()
    for _ in range(40):
        await rest.http.post("/api/v1/auth/refresh", json={"refresh_token": "x"})
    link = (await rest.post("auth/page-link", status=201))["token"]
    answer = await surfer.http.post("/sign-in", data={"link": link}, headers=ORIGIN)
    assert answer.status_code == 303
    assert surfer.http.cookies


async def test_signing_out_ends_the_stay_of_this_browser(surfer: Surfer) -> None:
    kept = dict(surfer.http.cookies)
    await surfer.open("/")
    await surfer.submit("/sign-out")
    assert surfer.at == "/sign-in"
    assert not surfer.http.cookies
    surfer.http.cookies.update(kept)
    await surfer.open("/")
    assert surfer.at == "/sign-in"


async def test_signing_out_needs_our_own_form(surfer: Surfer) -> None:
    await surfer.post("/sign-out", {"form_token": "guessed"}, status=403)
    await surfer.open("/")
    assert surfer.at == "/"


async def test_light_or_dark_is_remembered_also_without_javascript(surfer: Surfer) -> None:
    assert "data-theme=" not in await surfer.open("/")
    for chosen in ("dark", "light"):
        await surfer.submit("/theme", theme=chosen)
        assert f'<html lang="en" data-theme="{chosen}">' in surfer.page
    await surfer.submit("/theme", theme='"><script>')
    assert "data-theme=" not in surfer.page
    surfer.http.cookies.set("maestro-theme", '"><script>')
    assert "data-theme=" not in await surfer.open("/")
    await surfer.post("/theme", {"theme": "dark"}, status=403, origin="http://evil.example")
