"""A form does what its REST call does, for whom that may do it, and only when our own page sent it."""

from __future__ import annotations

import hmac

import pytest
import sqlalchemy as sa

from maestro_ray.studio.page import form, visitor
from maestro_ray.studio.page.form import LARGEST_FORM
from maestro_ray.studio.studio import Studio
from studio.pretend import PretendTeam, Rest

from .surfer import ORIGIN, Surfer


async def paused(rest: Rest, plan: str) -> bool:
    return bool((await rest.get(f"plans/{plan}"))["status"] == "paused")


async def test_a_form_changes_goes_back_and_is_on_record(rest: Rest, surfer: Surfer) -> None:
    plan = (await rest.plan(await rest.project()))["id"]
    await surfer.open(f"/plans/{plan}")
    await surfer.submit(f"/do/plans/{plan}/pause")
    assert surfer.at == f"/plans/{plan}"
    assert await paused(rest, plan)
    assert f"/do/plans/{plan}/pause" in [each["subject"] for each in await rest.get("audit")]


async def test_the_script_stays_and_hears_what_went_wrong(rest: Rest, surfer: Surfer) -> None:
    plan = (await rest.plan(await rest.project()))["id"]
    await surfer.open(f"/plans/{plan}")
    fields = surfer.hidden(f"/do/plans/{plan}/pause")
    stays = {"x-maestro-page": "1"}
    await surfer.post(f"/do/plans/{plan}/pause", fields, status=204, **stays)
    said = await surfer.post(f"/do/plans/{plan}/pause", fields, status=409, **stays)
    assert said == "plan: Paused is not possible in state paused"
    said = await surfer.post(f"/do/plans/{plan}/explode", fields, status=404, **stays)
    assert said.endswith("one of activate, pause, resume, cancel, archive")


async def test_without_a_script_a_page_says_what_went_wrong_and_leads_back(
    rest: Rest, surfer: Surfer
) -> None:
    plan = (await rest.plan(await rest.project()))["id"]
    await surfer.open(f"/plans/{plan}")
    await surfer.post(f"/do/plans/{plan}/resume", surfer.hidden(f"/do/plans/{plan}/pause"), status=409)
    assert "plan: Resumed is not possible in state active" in surfer.text()
    assert f'href="/plans/{plan}"' in surfer.page


async def test_a_database_that_is_away_is_told_in_words(
    rest: Rest, surfer: Surfer, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To a person, with a script and without; a program gets the problem document."""
    plan = (await rest.plan(await rest.project()))["id"]
    await surfer.open(f"/plans/{plan}")
    fields = surfer.hidden(f"/do/plans/{plan}/pause")

    async def away(*_: object, **__: object) -> None:
        raise sa.exc.OperationalError("SELECT", {}, Exception("server closed the connection"))

    monkeypatch.setattr(studio.store, "read", away)
    page = {"accept": "text/html,*/*"}
    said = await surfer.post(f"/do/plans/{plan}/pause", fields, status=503, **{"x-maestro-page": "1"})
    assert said.startswith("the database of this Studio cannot be used: nobody knows whether")
    assert surfer.answer.headers["content-type"].startswith("text/plain")
    await surfer.post(f"/do/plans/{plan}/pause", fields, status=503, **page)
    assert "That did not work the database of this Studio cannot be used" in surfer.text()
    whole = await surfer.http.get("/", headers=page)
    assert (whole.status_code, whole.headers["content-type"]) == (503, "text/html; charset=utf-8")
    told = await rest.http.get("/api/v1/plans", headers=page)
    assert (told.status_code, told.json()["code"]) == (503, "database_unavailable")


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:8002", "null"])
async def test_a_form_of_another_site_does_nothing(rest: Rest, surfer: Surfer, origin: str) -> None:
    plan = (await rest.plan(await rest.project()))["id"]
    await surfer.open(f"/plans/{plan}")
    fields = surfer.hidden(f"/do/plans/{plan}/pause")
    await surfer.post(f"/do/plans/{plan}/pause", fields, status=403, origin=origin)
    answer = await surfer.http.post(f"/do/plans/{plan}/pause", data=fields)
    assert answer.status_code == 403, "nobody says where it comes from"
    assert not await paused(rest, plan)


@pytest.mark.parametrize("token", ["", "x", "0" * 64, "é"])
async def test_a_form_that_this_browser_was_not_given_does_nothing(
    rest: Rest, surfer: Surfer, token: str
) -> None:
    plan = (await rest.plan(await rest.project()))["id"]
    await surfer.post(f"/do/plans/{plan}/pause", {"form_token": token}, status=403)
    assert not await paused(rest, plan)


async def test_who_is_not_signed_in_does_nothing(rest: Rest, surfer: Surfer) -> None:
    plan = (await rest.plan(await rest.project()))["id"]
    await surfer.open(f"/plans/{plan}")
    fields = surfer.hidden(f"/do/plans/{plan}/pause")
    surfer.http.cookies.clear()
    await surfer.post(f"/do/plans/{plan}/pause", fields, status=401)
    assert not await paused(rest, plan)


async def test_values_are_checked_as_rest_checks_them(rest: Rest, surfer: Surfer) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = (await rest.plan(project))["id"]
    (task,) = (await rest.tasks(plan)).values()
    await surfer.open(f"/plans/{plan}")
    action = f"/do/tasks/{task['id']}/priority"
    token = surfer.hidden(action) | {"back": "/"}
    for wrong in ("", "x", "1001", "1.5"):
        await surfer.post(action, {**token, "priority": wrong}, status=422, **{"x-maestro-page": "1"})
    await surfer.post(action, {**token, "priority": "-7", "more": "x"}, status=422)
    await surfer.post(action, {**token, "priority": "-7"})
    assert (await rest.tasks(plan))["one"]["priority"] == -7
    assert team.id


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/plain", b"form_token=x"),
        ("application/json", b"{}"),
        ("application/x-www-form-urlencoded", b"a=" + b"x" * LARGEST_FORM),
        ("application/x-www-form-urlencoded", b"a=%ff"),
        ("application/x-www-form-urlencoded", b"\xff=1"),
        ("application/x-www-form-urlencoded", b"&".join(b"a=1" for _ in range(3000))),
    ],
    ids=["text", "json", "large", "quoted", "bytes", "many"],
)
async def test_what_is_no_form_is_refused(surfer: Surfer, kind: str, body: bytes) -> None:
    headers = {**ORIGIN, "content-type": kind}
    answer = await surfer.http.post("/do/plans/x/pause", content=body, headers=headers)
    assert answer.status_code in (400, 403)
    assert "That did not work" in answer.text


@pytest.mark.parametrize(
    ("address", "fine"),
    [
        ("/", "/"),
        ("/plans/1?as=toml", "/plans/1?as=toml"),
        ("//x", "/"),
        ("/\\x", "/"),
        ("x", "/"),
        ("", "/"),
        ("/a\nb", "/"),
    ],
)
def test_a_form_leads_nowhere_else(address: str, fine: str) -> None:
    assert form.local(address) == fine


async def test_the_forms_token_is_compared_in_constant_time(
    rest: Rest, surfer: Surfer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `!=` in `check_form` the time of an answer would tell how much of a guess is right."""
    compared: list[bytes] = []
    same = hmac.compare_digest
    monkeypatch.setattr(
        visitor.hmac, "compare_digest", lambda one, two: compared.append(two) or same(one, two)
    )
    plan = (await rest.plan(await rest.project()))["id"]
    await surfer.post(f"/do/plans/{plan}/pause", {"form_token": "guess"}, status=403)
    assert compared == [b"guess"]
