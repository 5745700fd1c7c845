"""What holds for every page: escaped, guarded, complete without JavaScript, and shown to nobody else."""

from __future__ import annotations

import re

import pytest

from maestro_ray.studio import schema as t
from maestro_ray.studio.page.routes import FORMS, VIEWS
from maestro_ray.studio.store import Transaction
from maestro_ray.studio.studio import Studio
from studio.pretend import PretendTeam, Rest

from .conftest import Enter
from .surfer import Surfer

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}</textarea></title>"
GHOST = "01900000-0000-7000-8000-000000000000"


async def hostile(rest: Rest, studio: Studio) -> dict[str, str]:
    """A project in which every text that anybody may write is hostile; its ids by table."""
    project = str((await rest.post("projects", {"key": f"git:{HOSTILE}", "name": HOSTILE}, status=201))["id"])
    workers = [(f"dev {HOSTILE}", "dev"), (f"review {HOSTILE}", "review")]
    team = await PretendTeam.join(rest, project, workers, workspace=f"/{HOSTILE}",
                                  skills={workers[0][0]: {HOSTILE: 5}})  # fmt: skip
    task = {"title": HOSTILE, "description": HOSTILE, "test": HOSTILE}
    plan = await rest.plan(project, [task, {"title": f"Second {HOSTILE}"}], workspace=f"/{HOSTILE}")
    first, second = [each["id"] for each in plan["tasks"]]
    await team.bootstrap()
    await team.work(first, "a" * 40)
    await team.review(first, f"{HOSTILE}\nVERDICT: REJECTED — {HOSTILE}")
    await rest.post(f"tasks/{first}/comments", {"body": HOSTILE}, status=201)
    messages = [{"number": n, "sender": HOSTILE, "kind": kind, "body": body, "at": 1.0}
                for n, (kind, body) in enumerate([(HOSTILE, HOSTILE), ("run.ended", {"summary": HOSTILE}),
                                                  ("directive", {"id": "d", "text": HOSTILE, "workers": [HOSTILE]}), ("receipt", HOSTILE), (HOSTILE, {HOSTILE: HOSTILE})])]  # fmt: skip
    await rest.post(f"teams/{team.id}/messages", {"messages": messages}, status=204)
    run = await team.take("execute", second) if ("execute", workers[0][0]) in await team.offered() else None
    if run:
        await team.fail(run, HOSTILE, hold=True)

    runs = (await rest.get(f"plans/{plan['id']}"))["runs"]

    def write(tx: Transaction) -> None:
        tx.insert(t.knowledge, project_id=project, run_id=runs[0]["id"], kind=HOSTILE, title=HOSTILE,
                  body=HOSTILE, path=HOSTILE, updated_at=tx.now)  # fmt: skip

    await studio.store.write(write)
    return {"projects": project, "teams": team.id, "plans": plan["id"], "tasks": first}


def address(path: str, ids: dict[str, str]) -> str:
    return path.format(id=ids.get(path.split("/")[1], ""))


async def test_what_anybody_writes_is_text_and_nothing_else(
    rest: Rest, studio: Studio, surfer: Surfer
) -> None:
    ids = await hostile(rest, studio)
    for view in VIEWS:
        await surfer.open(address(view.path, ids))
        elements = surfer.elements()
        assert [at["src"] for tag, at in elements if tag == "script"] == [
            "/static/vendor/pusher.min.js",
            "/static/main.js",
        ]
        assert {at["src"] for tag, at in elements if tag == "img"} == {"/static/icon.svg"}
        assert not [name for _, at in elements for name in at if name.startswith("on") or name == "style"]
        assert not [at["href"] for _, at in elements if not at.get("href", "/").startswith(("/", "#main"))]
        assert [tag for tag, _ in elements].count("title") == 1
        for name in view.parts:
            part = await surfer.open(f"{address(view.path, ids)}?part={name}")
            assert "<script" not in part
            assert part.startswith(f'<div class="part" id="part-{name}"')
    for path, count in (("/", 1), (f"/projects/{ids['projects']}", 4), (f"/plans/{ids['plans']}", 3),
                        (f"/tasks/{ids['tasks']}", 5), (f"/teams/{ids['teams']}", 7), ("/decisions", 1),
                        (f"/projects/{ids['projects']}/knowledge", 6)):  # fmt: skip
        await surfer.open(path)
        assert surfer.text().count("<script>alert(1)</script>") >= count, path


async def test_every_page_is_guarded(rest: Rest, studio: Studio, surfer: Surfer) -> None:
    ids = await hostile(rest, studio)
    for path in [*(address(view.path, ids) for view in VIEWS), "/sign-in", f"/teams/{GHOST}"]:
        answer = await surfer.http.get(path)
        policy = dict(each.split(" ", 1) for each in answer.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
        assert policy["connect-src"] == "'self' ws://127.0.0.1:8001 wss://127.0.0.1:8001"
        assert (policy["frame-ancestors"], policy["base-uri"]) == ("'none'", "'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"


async def test_who_is_not_signed_in_is_sent_to_sign_in_and_back(
    rest: Rest, studio: Studio, stranger: Rest
) -> None:
    del stranger.http.headers["authorization"]
    ids = dict.fromkeys(("projects", "teams", "plans", "tasks"), GHOST)
    for view in VIEWS:
        path = address(view.path, ids)
        answer = await stranger.http.get(path)
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            f"/sign-in?next={path.replace('/', '%2F')}",
        )
        for name in view.parts:
            assert (await stranger.http.get(path, params={"part": name})).status_code == 401


async def test_who_has_no_role_here_learns_nothing(rest: Rest, studio: Studio, enter: Enter) -> None:
    ids = await hostile(rest, studio)
    other = str((await rest.post("projects", {"key": "git:other", "name": "other"}, status=201))["id"])
    guest = await enter("owner", other)
    for view in VIEWS:
        if "{id}" in view.path:
            await guest.open(address(view.path, ids), status=404)
            assert "alert(1)" not in guest.page
            await guest.open(
                address(view.path, {}).replace("//", f"/{GHOST}/").rstrip("/") or "/", status=404
            )
    for path in ("/", "/decisions"):
        assert "alert(1)" not in await guest.open(path)
    await guest.open("/audit", status=403)
    for form in FORMS:
        action = "/do/" + form.path.format(id=ids.get(form.path.split("/")[0], GHOST), word="pause")
        token = re.search(r'name="form_token" value="(\w+)"', await guest.open("/"))
        assert token
        fields = {"form_token": token[1], "answer": "retry", "body": "x", "priority": "1", "text": "x"}
        needed = (
            [name for name, field in form.call.body.model_fields.items() if field.is_required()]
            if form.call.body
            else []
        )
        wanted = {name: fields[name] for name in ("form_token", *needed)}
        await guest.post(action, wanted, status=404)


async def test_a_member_sees_and_cannot_do(rest: Rest, studio: Studio, enter: Enter) -> None:
    ids = await hostile(rest, studio)
    member = await enter("member", ids["projects"])
    for view in VIEWS:
        if view.action != "read":
            await member.open(address(view.path, ids), status=403)
            continue
        await member.open(address(view.path, ids))
        assert {each for each in member.forms() if each.startswith("/do/")} <= {
            f"/do/tasks/{ids['tasks']}/comments"
        }


@pytest.mark.parametrize(
    "path", ["/static/page.css", "/static/main.js", "/static/vendor/pusher.min.js", "/static/icon.svg"]
)
async def test_files_are_of_the_package_and_asked_for_again(stranger: Rest, path: str) -> None:
    answer = await stranger.http.get(path)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = await stranger.http.get(path, headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "path", ["/static/../view.py", "/static/%2e%2e/view.py", "/static/", "/static/vendor/"]
)
async def test_no_other_file_is_given_out(stranger: Rest, path: str) -> None:
    assert (await stranger.http.get(path)).status_code == 404
