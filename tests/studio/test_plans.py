from __future__ import annotations

import re

import pytest

from .pretend import PretendTeam, Rest, sha

DRAFT = {
    "title": "Größer & besser",
    "base": "main",
    "test": "make test",
    "description": "why",
    "phases": [
        {
            "title": "First",
            "tasks": [{"id": "b", "title": "B", "depends": ["a"], "priority": 3, "role": "docs"}],
        },
        {
            "title": "Second",
            "tasks": [{"id": "a", "title": "A", "skill": "sql", "proficiency": "80%", "test": "x"}],
        },
    ],
}


async def test_a_draft_becomes_a_plan_with_its_tasks(rest: Rest) -> None:
    project = await rest.project()
    plan = await rest.post(
        "plans", {"project_id": project, "draft": DRAFT, "attempts": 5, "revision_cap": 0}, status=201
    )
    assert (plan["status"], plan["title"], plan["test"], plan["base_branch"]) == (
        "draft", "Größer & besser", "make test", "main",
    )  # fmt: skip
    assert re.fullmatch(r"epic/groer-besser-[0-9a-f]{6}", plan["epic_branch"])
    assert (plan["attempt_cap"], plan["revision_cap"]) == (5, 0)
    b, a = plan["tasks"]
    assert (b["key"], b["depends_on_task_ids"], b["priority"], b["role"]) == ("b", [a["id"]], 3, "docs")
    assert (a["key"], a["skill"], a["required_proficiency"], a["test"], a["status"]) == (
        "a",
        "sql",
        4,
        "x",
        "draft",
    )
    assert await rest.get(f"plans/{plan['id']}") == plan


async def test_the_base_of_the_request_counts_more_than_the_files(rest: Rest) -> None:
    project = await rest.project()
    body = {"project_id": project, "draft": DRAFT, "base_branch": "release/2"}
    assert (await rest.post("plans", body, status=201))["base_branch"] == "release/2"


async def test_a_plan_belongs_to_a_project_and_a_team_of_that_project(rest: Rest) -> None:
    project, other = await rest.project(), await rest.project("github:acme/other")
    team = await PretendTeam.join(rest, other, [])
    body = {"project_id": project, "draft": DRAFT}
    assert await rest.refused("POST", "plans", {**body, "project_id": "ghost"}, status=404) == "not_found"
    assert await rest.refused("POST", "plans", {**body, "team_id": "ghost"}, status=404) == "not_found"
    assert await rest.refused("POST", "plans", {**body, "team_id": team.id}) == "conflict"
    assert await rest.get("plans") == []


async def test_plans_are_found_by_project_status_and_team(rest: Rest) -> None:
    project = await rest.project()
    plan = await rest.plan(project)
    assert [row["id"] for row in await rest.get("plans", project_id=project, status="active")] == [plan["id"]]
    assert await rest.get("plans", status="draft") == []
    assert await rest.get("plans", team_id="ghost") == []


@pytest.mark.parametrize(
    ("words", "last"),
    [
        (["activate"], "activate"),
        (["activate", "pause"], "pause"),
        ([], "resume"),
        ([], "pause"),
        (["cancel"], "activate"),
        (["activate"], "archive"),
        (["cancel"], "archive"),
    ],
)
async def test_a_word_the_state_does_not_allow_is_refused(rest: Rest, words: list[str], last: str) -> None:
    plan = await rest.post("plans", {"project_id": await rest.project(), "draft": DRAFT}, status=201)
    for word in words:
        await rest.post(f"plans/{plan['id']}/{word}")
    before = await rest.get(f"plans/{plan['id']}")
    assert await rest.refused("POST", f"plans/{plan['id']}/{last}", {}) == "illegal_event"
    assert await rest.get(f"plans/{plan['id']}") == before


async def test_a_plan_shows_its_runs_without_their_results_and_its_verdicts_and_cards(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project, attempts=1)
    await team.bootstrap()
    await team.fail(await team.take("execute"), "no network")
    shown = await rest.get(f"plans/{plan['id']}")
    assert [(run["purpose"], run["state"], run["reason"]) for run in shown["runs"]] == [
        ("bootstrap_epic", "succeeded", ""),
        ("execute", "failed", "no network"),
    ]
    assert "result" not in shown["runs"][0]
    assert [card["kind"] for card in shown["decisions"]] == ["attempts"]
    assert (shown["epic_start"], shown["verdicts"]) == (sha("epic"), [])
