"""Parts are renewed one by one, what they miss is told by numbers, and other projects stay out of all of them."""

from __future__ import annotations

import re

import pytest

from maestro_ray.studio.page import visitor
from maestro_ray.studio.page.routes import VIEWS
from maestro_ray.studio.studio import Studio
from studio.pretend import PretendTeam, Rest

from .surfer import Surfer


async def test_a_part_alone_is_what_stands_in_the_page(rest: Rest, surfer: Surfer) -> None:
    project = await rest.project()
    await PretendTeam.join(rest, project)
    await rest.plan(project)
    page = await surfer.open(f"/projects/{project}")
    for name in ("waiting", "cards", "teams", "plans"):
        assert await surfer.open(f"/projects/{project}?part={name}") in page
    both = await surfer.open(f"/projects/{project}?part=plans&part=teams&part=nonsense&part=plans")
    assert re.findall(r'id="part-(\w+)"', both) == ["plans", "teams"]


async def test_a_page_says_where_to_listen_and_from_which_number(
    rest: Rest, surfer: Surfer, studio: Studio
) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    page = await surfer.open(f"/teams/{team.id}")
    live = re.search(r'data-live="([^"]*)"', page)
    assert live
    names = dict(each.split("=") for each in live[1].split())
    assert names == {f"private-project.{project}": str(studio.hub.number(f"private-project.{project}")),
                     f"private-team.{team.name}": "0"}  # fmt: skip
    assert int(names[f"private-project.{project}"]) > 0
    assert f'data-key="{studio.hub.key}"' in page


async def test_events_that_make_a_part_old_are_events_of_studio() -> None:
    """A part that waits for an event nobody sends would stay old."""
    from docs.test_reference import table  # the table is checked against the code there

    known = {name for name in table("protocol.md", "WebSocket") if "." in name}
    for view in VIEWS:
        for part in view.parts.values():
            for word in part.on:
                assert any(name.startswith(word) for name in known), word


async def test_a_page_marks_where_one_is(rest: Rest, surfer: Surfer) -> None:
    project = await rest.project()
    for path in ("/", "/decisions", "/audit", f"/projects/{project}", f"/projects/{project}/knowledge"):
        await surfer.open(path)
        here = [
            at["href"] for tag, at in surfer.elements() if tag == "a" and at.get("aria-current") == "page"
        ]
        assert here == [path]


async def test_what_is_not_there_is_a_page_that_says_so(rest: Rest, surfer: Surfer) -> None:
    for path in ("/teams/x", "/plans/x", "/tasks/x", "/projects/x", "/projects/x/plans/new"):
        await surfer.open(path, status=404)
        assert "That did not work" in surfer.text()
        assert "there is no" in surfer.text()


async def test_a_mistake_of_ours_is_told_in_the_form_of_the_asker(
    surfer: Surfer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(visitor, "find", broken)
    monkeypatch.setattr(surfer.http._transport, "raise_app_exceptions", False)
    for headers, kind in (
        ({"accept": "text/html,*/*"}, "text/html"),
        ({"x-maestro-page": "1"}, "text/plain"),
    ):
        answer = await surfer.http.get("/", headers={**headers, "x-request-id": "r9"})
        assert (answer.status_code, answer.headers["x-request-id"]) == (500, "r9")
        assert answer.headers["content-type"].startswith(kind)
        assert "Studio made a mistake (ZeroDivisionError)" in answer.text
    answer = await surfer.http.get("/")
    assert answer.json()["code"] == "internal_error"


async def test_an_address_that_is_none_is_told_in_the_form_of_the_asker(surfer: Surfer) -> None:
    person = {"accept": "text/html,*/*"}
    answer = await surfer.http.get("/<script>", headers=person)
    assert answer.status_code == 404
    assert "there is no page &#39;/&lt;script&gt;&#39;." in answer.text
    for path, headers in (("/nothing", {}), ("/api/v1/nothing", person)):
        assert (await surfer.http.get(path, headers=headers)).json()["code"] == "not_found"
