from __future__ import annotations

import re

import pytest

from maestro_ray.model import task as machine
from maestro_ray.studio.page.plan import COLUMNS, MOVES, actions, moves
from studio.pretend import REJECTED, PretendTeam, Rest, sha

from .surfer import Surfer


def test_every_state_of_a_task_has_its_column() -> None:
    assert sorted(state for column in COLUMNS for state in column.states) == sorted(machine.Status)


@pytest.mark.parametrize("state", machine.Status)
def test_a_move_leads_to_the_column_of_its_next_state(state: machine.Status) -> None:
    columns = {each: column.name for column in COLUMNS for each in column.states}
    for move in moves(state):
        assert columns[machine.ARROWS[state, move.event]] == move.column
    assert [move.word for move in MOVES if move not in moves(state)] == [
        move.word for move in MOVES if (state, move.event) not in machine.ARROWS
    ]


def test_a_plan_offers_what_it_understands() -> None:
    assert actions("draft") == ["activate", "cancel"]
    assert actions("active") == ["pause", "cancel"]
    assert actions("paused") == ["resume", "cancel"]
    assert actions("completed") == ["archive"]


def board(surfer: Surfer) -> dict[str, list[str]]:
    """The titles in each column."""
    found: dict[str, list[str]] = {}
    for column in re.split(r'<section class="column"', surfer.page)[1:]:
        name = re.search(r'data-column="(\w+)"', column)
        assert name
        found[name[1]] = re.findall(r'<a class="title"[^>]*>([^<]*)</a>', column)
    return found


async def test_the_board_stands_as_the_tasks_do(rest: Rest, surfer: Surfer) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    tasks = [
        {"title": "One"},
        {"title": "Two"},
        {"title": "Three", "depends": ["one", "two"]},
        {"title": "Four", "priority": 5},
    ]
    plan = (await rest.plan(project, tasks))["id"]
    await team.bootstrap()
    ids = {key: each["id"] for key, each in (await rest.tasks(plan)).items()}
    four, one = await team.take("execute", ids["four"]), await team.take("execute", ids["one"])
    await team.complete(four, commit=sha("four"))
    await surfer.open(f"/plans/{plan}")
    assert board(surfer) == {
        "draft": ["Three"],
        "work": ["One", "Two"],
        "review": ["Four"],
        "waiting": [],
        "done": [],
    }
    assert "dev-2 · execute" in surfer.text()
    assert "Three ⋯ after One, Two" in surfer.text() or "after One, Two" in surfer.text()
    await team.complete(one, commit=sha("one"))
    for task in (ids["four"], ids["one"]):
        await team.test(task)
        await team.review(task, REJECTED)
    await surfer.open(f"/plans/{plan}?part=board")
    assert "1 revision" in surfer.text()


async def test_what_a_person_does_with_a_task(rest: Rest, surfer: Surfer) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = (await rest.plan(project, [{"title": "One"}, {"title": "Two"}]))["id"]
    await team.bootstrap()
    one, two = [each["id"] for each in (await rest.tasks(plan)).values()]
    await surfer.open(f"/plans/{plan}")
    await surfer.submit(f"/do/tasks/{one}/pause")
    assert board(surfer)["waiting"] == ["One"]
    await surfer.submit(f"/do/tasks/{one}/resume")
    assert board(surfer)["work"] == ["One", "Two"]
    await surfer.submit(f"/do/tasks/{two}/priority")
    assert board(surfer)["work"] == ["Two", "One"]
    assert "priority 10" in surfer.text()
    await surfer.submit(f"/do/tasks/{one}/complete")
    assert board(surfer)["done"] == ["One"]
    await surfer.submit(f"/do/tasks/{two}/abort")
    assert board(surfer)["cancelled"] == ["Two"]


async def test_a_priority_never_leaves_its_range(rest: Rest, surfer: Surfer) -> None:
    plan = (await rest.plan(await rest.project(), [{"title": "One", "priority": 995}]))["id"]
    (task,) = (await rest.tasks(plan)).values()
    for _ in range(2):
        await surfer.open(f"/plans/{plan}")
        await surfer.submit(f"/do/tasks/{task['id']}/priority")
    assert (await rest.tasks(plan))["one"]["priority"] == 1000


async def test_a_plan_from_draft_to_cancelled(rest: Rest, surfer: Surfer) -> None:
    project = await rest.project()
    draft = {"title": "Shop", "description": "Why we do it.", "tasks": [{"title": "One"}]}
    plan = (await rest.post("plans", {"project_id": project, "draft": draft}, status=201))["id"]
    await surfer.open(f"/plans/{plan}")
    assert "Why we do it." in surfer.text()
    for word, status in (
        ("activate", "active"),
        ("pause", "paused"),
        ("resume", "active"),
        ("cancel", "cancelled"),
    ):
        await surfer.submit(f"/do/plans/{plan}/{word}")
        assert (await rest.get(f"plans/{plan}"))["status"] == status
    assert not [form for form in surfer.forms() if form.startswith("/do/plans")]


async def test_a_completed_plan_is_put_away(rest: Rest, surfer: Surfer) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project)
    await team.bootstrap()
    for task in plan["tasks"]:
        await team.finish(task["id"])
    await team.release()
    for shown, status in ((True, "completed"), (False, "archived")):
        if not shown:
            await surfer.open(f"/plans/{plan['id']}")
            await surfer.submit(f"/do/plans/{plan['id']}/archive")
        await surfer.open(f"/projects/{project}?part=plans")
        assert (f"/plans/{plan['id']}" in surfer.page) is shown
        assert [row["id"] for row in await rest.get("plans", status=status)] == [plan["id"]]


async def test_a_plan_nobody_works_on_says_what_to_do(rest: Rest, surfer: Surfer) -> None:
    plan = (await rest.plan(project := await rest.project()))["id"]
    await surfer.open(f"/plans/{plan}")
    assert "No team works on it yet." in surfer.text()
    team = await PretendTeam.join(rest, project)
    await team.bootstrap()
    await surfer.open(f"/plans/{plan}")
    assert "No team works on it yet." not in surfer.text()
    assert team.name in surfer.text()
