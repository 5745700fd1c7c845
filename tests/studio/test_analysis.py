from __future__ import annotations

import pytest

from maestro_ray.studio import analysis

from .conftest import Published
from .pretend import WORKERS, Enter, Json, PretendTeam, Rest, sha

ITEMS = [
    {"kind": "module", "title": "shop", "body": "what is sold", "path": "src/shop.py"},
    {"kind": "command", "title": "make test"},
]


async def analysed(rest: Rest, team: PretendTeam, project: str, items: object) -> Json:
    run = await rest.post(f"projects/{project}/analysis", {}, status=201)
    await team.complete(await team.take("repo_analysis"), items=items)
    return run


async def test_an_analysis_is_done_by_a_worker_and_fills_the_knowledge(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    asked = await rest.post(f"projects/{project}/analysis", {"note": "the tests"}, status=201)
    assert (asked["purpose"], asked["plan_id"], asked["state"]) == ("repo_analysis", None, "queued")
    # asked for twice it is done once
    again = await rest.post(f"projects/{project}/analysis", {"note": "the tests"}, status=201)
    assert again["id"] == asked["id"]
    assert await team.offered() == [("repo_analysis", "dev-1")]
    run = await team.take("repo_analysis")
    assert (run["task"], run["plan"]["id"], run["plan"]["title"], run["plan"]["description"]) == (
        None, "", "Analysis of shop", "the tests",
    )  # fmt: skip
    await team.complete(run, items=ITEMS)
    found = sorted(await rest.get(f"projects/{project}/knowledge"), key=lambda row: row["kind"])
    shown = [{name: row[name] for name in ("kind", "title", "body", "path")} for row in found]
    assert shown == [{**ITEMS[1], "body": "", "path": ""}, ITEMS[0]]
    assert {row["run_id"] for row in found} == {asked["id"]}
    assert (await rest.get(f"cli-runs/{asked['id']}"))["state"] == "succeeded"


async def test_what_is_found_again_replaces_what_was_known(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await analysed(rest, team, project, ITEMS)
    before = await by_title(rest, project)
    run = await analysed(
        rest, team, project, [{**ITEMS[0], "body": "new"}, {"kind": "module", "title": "till"}]
    )
    after = await by_title(rest, project)
    assert (after["shop"]["id"], after["shop"]["body"]) == (before["shop"]["id"], "new")
    assert {title: row["run_id"] == run["id"] for title, row in after.items()} == {
        "shop": True, "make test": False, "till": True,
    }  # fmt: skip


async def by_title(rest: Rest, project: str) -> dict[str, Json]:
    return {row["title"]: row for row in await rest.get(f"projects/{project}/knowledge")}


async def test_knowledge_comes_in_pages_by_kind_and_is_of_its_project(rest: Rest, enter: Enter) -> None:
    project, elsewhere = await rest.project(), await rest.project("github:acme/other")
    team = await PretendTeam.join(rest, project)
    await analysed(rest, team, project, [{"kind": "file", "title": f"{n:02}"} for n in range(5)])
    path = f"/api/v1/projects/{project}/knowledge"
    first = await rest.http.get(path, params={"limit": 3})
    titles = [row["title"] for row in first.json()]
    query = first.headers["link"].partition("<")[2].partition(">")[0]
    titles += [row["title"] for row in (await rest.http.get(path + query)).json()]
    assert (len(first.json()), sorted(titles)) == (3, ["00", "01", "02", "03", "04"])
    assert await rest.get(f"projects/{project}/knowledge", kind="module") == []
    assert await rest.get(f"projects/{elsewhere}/knowledge") == []
    guest = await enter("architect", elsewhere)
    assert await guest.refused("GET", f"projects/{project}/knowledge", status=404) == "not_found"


@pytest.mark.parametrize(
    "items",
    [
        "text",
        ["text"],
        [{"kind": "file"}],
        [{"title": "x"}],
        [{"kind": "file", "title": 1}],
        [{"kind": "file", "title": "x", "colour": "red"}],
        [{"kind": "file", "title": "x" * 201}],
        [{"kind": "file", "title": "x"}] * (analysis.ITEMS + 1),
    ],
)
async def test_what_is_no_knowledge_is_refused_whole(rest: Rest, items: object) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await rest.post(f"projects/{project}/analysis", {}, status=201)
    run = await team.take("repo_analysis")
    body = {"epoch": run["epoch"], "result": {"items": items}}
    assert await rest.refused("POST", f"cli-runs/{run['id']}/complete", body) == "conflict"
    assert await rest.get(f"projects/{project}/knowledge") == []
    assert (await rest.get(f"cli-runs/{run['id']}"))["state"] == "running"


async def test_an_analysis_that_fails_is_tried_again_and_then_asked_about(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await rest.post(f"projects/{project}/analysis", {"note": "n"}, status=201)
    for attempt in range(analysis.ATTEMPTS):
        run = await team.take("repo_analysis")
        assert run["attempt"] == attempt + 1
        await team.fail(run, "no agent")
    assert await team.held() == []
    (card,) = await rest.cards()
    assert (card["kind"], card["plan_id"], card["run_id"]) == ("repo_analysis", None, run["id"])
    await rest.answer("retry")
    again = await team.take("repo_analysis")
    assert (again["attempt"], again["note"]) == (1, "n")
    await team.fail(again, "no agent", hold=True)
    await rest.answer("abort")
    assert await team.held() == []


async def test_an_analysis_that_takes_its_session_down_is_not_tried_for_ever(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await rest.post(f"projects/{project}/analysis", {}, status=201)
    for _ in range(analysis.ATTEMPTS):
        run = await team.take("repo_analysis")
        await rest.post(f"cli-runs/{run['id']}/interrupt", {"epoch": run["epoch"]}, status=204)
    assert await team.held() == []
    assert [card["kind"] for card in await rest.cards()] == ["repo_analysis"]


async def test_a_plan_needs_a_goal_and_goes_to_the_role_that_is_named(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project(), [*WORKERS, ("arch-1", "architect")])
    bare = {"purpose": "plan", "note": " "}
    assert await rest.refused("POST", f"projects/{project}/analysis", bare) == "conflict"
    body = {"purpose": "plan", "note": "sell more", "role": "architect"}
    await rest.post(f"projects/{project}/analysis", body, status=201)
    assert await team.offered() == [("plan", "arch-1")]
    run = await team.take("plan")
    assert (run["plan"]["title"], run["note"]) == ("Plan for shop", "sell more")
    await team.complete(run, commit=sha("nothing"))


async def test_a_survey_replaces_what_it_knew_and_nothing_else(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await analysed(rest, team, project, ITEMS)
    path = f"projects/{project}/knowledge"
    context = {"kind": "context", "title": "AGENTS.md", "path": "AGENTS.md", "body": "Mind it."}
    survey = {"source": "survey", "items": [context, {"kind": "languages", "title": "Languages"}]}
    assert await rest.put(path, survey) == {"items": 2, "changed": 2, "gone": 0}
    assert await rest.put(path, survey) == {"items": 2, "changed": 0, "gone": 0}
    fresh = {**survey, "items": [{**context, "body": "Mind that."}]}
    assert await rest.put(path, fresh) == {"items": 1, "changed": 1, "gone": 1}
    known = await by_title(rest, project)
    assert {title: (row["source"], bool(row["run_id"])) for title, row in known.items()} == {
        "shop": ("", True), "make test": ("", True), "AGENTS.md": ("survey", False),
    }  # fmt: skip
    assert known["AGENTS.md"]["body"] == "Mind that."


async def test_who_works_is_told_what_is_known(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    items = [
        {"kind": "context", "title": "AGENTS.md", "path": "AGENTS.md", "body": "Mind it."},
        {"kind": "commands", "title": "Commands", "body": "x" * 9000},
        {"kind": "dependencies", "title": "Python dependencies", "body": "flask"},
    ]
    await rest.put(f"projects/{project}/knowledge", {"source": "survey", "items": items})
    await rest.post(f"projects/{project}/analysis", {}, status=201)
    told = (await team.take("repo_analysis"))["knowledge"]
    assert [(each["kind"], len(each["body"])) for each in told] == [
        ("context", 0), ("commands", analysis.DIGEST_BODY),
    ]  # fmt: skip


async def test_a_change_of_what_is_known_is_told_once(rest: Rest, published: Published) -> None:
    project = await rest.project()
    context = {"kind": "context", "title": "AGENTS.md", "path": "AGENTS.md", "body": "Mind it."}
    for _ in range(2):
        await rest.put(f"projects/{project}/knowledge", {"source": "survey", "items": [context]})
    (event,) = [params for _, name, params in published if name == "context_file.updated"]
    assert (event["paths"], event["changed"]) == (["AGENTS.md"], 1)
