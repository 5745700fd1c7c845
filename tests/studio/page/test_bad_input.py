"""Whatever is sent to the page: the right code, no page of ours that says 500, and nothing has changed."""

from __future__ import annotations

import pytest

from maestro_ray.studio.page.routes import FORMS, VIEWS
from studio.conftest import Count
from studio.pretend import PretendTeam, Rest

from .conftest import Enter
from .surfer import ORIGIN, Surfer

NUL = "a\0b"
FIELDS = {"answer": "retry", "body": "x", "priority": "1", "text": "x"}


@pytest.fixture
async def ids(rest: Rest) -> dict[str, str]:
    """One of each thing that an address can name, by the first word of the address."""
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project)
    await team.fail(await team.take("bootstrap_epic"), "x", hold=True)
    (card,) = await rest.cards()
    return {"projects": project, "teams": team.id, "plans": plan["id"], "tasks": plan["tasks"][0]["id"],
            "decisions": card["id"], "agent-sessions": team.lead}  # fmt: skip


def views(ids: dict[str, str]) -> list[str]:
    return [view.path.format(id=ids.get(view.path.split("/")[1], "")) for view in VIEWS]


def actions(ids: dict[str, str]) -> list[tuple[str, dict[str, str]]]:
    """Every form's address, and the fields it needs."""
    found = []
    for form in FORMS:
        names = form.call.body.model_fields if form.call.body else {}
        needed = {name: FIELDS[name] for name, field in names.items() if field.is_required()}
        path = form.path.format(id=ids[form.path.split("/")[0]], word="pause")
        found.append((f"/do/{path}", needed))
    found.append((f"/projects/{ids['projects']}/plans/new", {"as": "toml", "toml": 'title = "x"'}))
    return found


async def token_of(surfer: Surfer, ids: dict[str, str]) -> str:
    action = f"/do/plans/{ids['plans']}/pause"
    await surfer.open(f"/plans/{ids['plans']}")
    return surfer.hidden(action)["form_token"]


async def test_a_nul_in_a_form_is_refused_and_nothing_is_done(
    surfer: Surfer, ids: dict[str, str], rows: Count
) -> None:
    token = await token_of(surfer, ids)
    before = await rows()
    for action, fields in actions(ids):
        for bad in ({**fields, "back": NUL}, {**fields, NUL: "x"}, *({**fields, n: NUL} for n in fields)):
            await surfer.post(action, {"form_token": token, **bad}, status=400)
    await surfer.post("/sign-in", {"link": NUL}, status=400)
    await surfer.post("/theme", {"theme": "dark", "back": NUL}, status=400)
    assert await rows() == before


async def test_a_nul_in_an_address_is_refused(surfer: Surfer, ids: dict[str, str], rows: Count) -> None:
    before = await rows()
    for view in VIEWS:
        if "{id}" in view.path:
            await surfer.open(view.path.format(id="a%00b"), status=400)
    for path in views(ids):
        for query in ("part=%00", "before=%00", "as=%00", "%00=1"):
            await surfer.open(f"{path}?{query}", status=400)
    token = await token_of(surfer, ids)
    for form in FORMS:
        await surfer.post(f"/do/{form.path.format(id='a%00b', word='x')}", {"form_token": token}, status=400)
    assert await rows() == before


async def test_an_address_with_anything_else_in_it_is_a_page_or_says_what_is_wrong(
    surfer: Surfer, ids: dict[str, str], rows: Count
) -> None:
    hostile = [
        "'; DROP TABLE plans; --",
        "<script>alert(1)</script>",
        "-1",
        "9" * 400,
        "é\u202e",
        "%ff",
        "../../x",
    ]
    before = await rows()
    for path in views(ids):
        for word in hostile:
            for name in ("part", "cursor", "before", "after", "tasks", "as", "next", "link", "project_id"):
                answer = await surfer.http.get(path, params={name: word})
                assert answer.status_code in (200, 400), (path, name, word)
                assert "<script>alert" not in answer.text
    for view in VIEWS:
        for word in hostile[:3]:
            if "{id}" in view.path:
                answer = await surfer.http.get(view.path.format(id=word.replace("/", "%2F")))
                assert answer.status_code == 404, (view.path, word)
    assert await rows() == before


async def test_no_page_is_shown_and_nothing_is_done_under_a_foreign_name(
    surfer: Surfer, ids: dict[str, str], rows: Count
) -> None:
    token = await token_of(surfer, ids)
    before = await rows()
    evil = {"host": "evil.example", "origin": "http://evil.example"}
    for path in [*views(ids), "/sign-in", "/static/main.js"]:
        answer = await surfer.http.get(path, headers=evil)
        assert (answer.status_code, "shop" in answer.text) == (400, False), path
    for action, fields in actions(ids):
        await surfer.post(action, {"form_token": token, **fields}, status=400, **evil)
    assert await rows() == before


async def test_every_form_wants_our_own_page_a_stay_and_the_token_of_that_stay(
    surfer: Surfer, enter: Enter, ids: dict[str, str], rows: Count
) -> None:
    token, other = await token_of(surfer, ids), await token_of(await enter(), ids)
    ended = await enter()
    left = await token_of(ended, ids)
    await ended.post("/sign-out", {"form_token": left})
    before = await rows()
    cookie = dict(surfer.http.cookies)
    for action, fields in actions(ids):
        good = {"form_token": token, **fields}
        for origin in ("http://evil.example", "null", "http://127.0.0.1:8002"):
            await surfer.post(action, good, status=403, origin=origin)
        for wrong in (other, left, token[:-1], ""):
            await surfer.post(action, {**good, "form_token": wrong}, status=403)
        for kind in ("text/plain", "application/json", "multipart/form-data; boundary=x", ""):
            answer = await surfer.http.post(
                action, content=f"form_token={token}", headers={**ORIGIN, "content-type": kind}
            )
            assert (answer.status_code, action) == (400, action)
        await ended.post(action, {"form_token": left, **fields}, status=401)
        surfer.http.cookies.clear()
        # a Bearer token is for programs, and no program sends forms
        await surfer.post(action, good, status=401, authorization=f"Bearer {token}")
        for name, value in cookie.items():
            surfer.http.cookies.set(name, value)
    assert await rows() == before
