from __future__ import annotations

import asyncio
import threading

import pytest

from maestro_ray.model import plan_file
from maestro_ray.model.plan_file import PlanDraft
from maestro_ray.studio.page import plan_editor
from maestro_ray.studio.page.plan_editor import Editor, draft, read
from studio.pretend import Rest

from .conftest import Enter
from .surfer import Surfer

TOML = 'title = "Logger"\nbase = "main"\n\n[[phases]]\ntitle = "First"\n\n[[phases.tasks]]\nid = "a"\ntitle = "Adapter"\npriority = 3\n'


async def opened(rest: Rest, surfer: Surfer, query: str = "") -> str:
    project = await rest.project()
    await surfer.open(f"/projects/{project}/plans/new{query}")
    return project


async def test_a_plan_from_fields(rest: Rest, surfer: Surfer) -> None:
    project = await opened(rest, surfer)
    action = f"/projects/{project}/plans/new"
    written = {
        "title": "Logger", "base": "main", "test": "make test",
        "task-0-title": "Adapter", "task-0-id": "a", "task-0-priority": "-3", "task-0-proficiency": "70%",
        "task-1-title": "Callers", "task-1-depends": "a, b", "task-1-description": "All\r\nof them.",
        "task-2-title": "Base", "task-2-id": "b", "task-2-skill": "python", "task-2-role": "dev",
    }  # fmt: skip
    await surfer.submit(action, **written, do="create")
    plan = await rest.get(surfer.at.removeprefix("/"))
    assert (plan["title"], plan["status"], plan["base_branch"], plan["test"]) == (
        "Logger",
        "draft",
        "main",
        "make test",
    )
    a, callers, b = plan["tasks"]
    assert (a["priority"], a["required_proficiency"], b["skill"]) == (-3, 4, "python")
    assert callers["depends_on_task_ids"] == [a["id"], b["id"]]
    assert callers["description"] == "All\nof them."


async def test_a_plan_from_toml_that_begins_at_once(rest: Rest, surfer: Surfer) -> None:
    project = await opened(rest, surfer, "?as=toml")
    assert 'title = ""' in surfer.text()
    await surfer.submit(f"/projects/{project}/plans/new", toml=TOML, do="activate")
    plan = await rest.get(surfer.at.removeprefix("/"))
    assert (plan["status"], [task["priority"] for task in plan["tasks"]]) == ("active", [3])
    said = [each["subject"] for each in await rest.get("audit", project_id=project)]
    assert sorted(said) == [f"/do/plans/{plan['id']}/activate", f"/projects/{project}/plans/new"]


@pytest.mark.parametrize(
    ("toml", "place", "message"),
    [
        (
            'title = "x"\n[[tasks]]\ntitle = "a"\ndepend = []',
            "Line 4, column 1:",
            "unknown key 'depend' (did you mean depends?)",
        ),
        ('title = "x"\ntitle = "y"', "Line 2", ""),
        ('title = "<b>"\n[[tasks]]\ntitle = ', "Line 3", ""),
        ("", "Line 1, column 1:", "a title is missing"),
    ],
)
async def test_a_mistake_is_shown_where_it_is_and_nothing_is_lost(
    rest: Rest, surfer: Surfer, toml: str, place: str, message: str
) -> None:
    project = await opened(rest, surfer, "?as=toml")
    await surfer.submit(f"/projects/{project}/plans/new", toml=toml, do="create", status=422)
    assert place in surfer.text()
    assert message in surfer.text()
    assert 'role="alert"' in surfer.page
    assert toml in surfer.text() or not toml.strip() or " ".join(toml.split()) in surfer.text()
    assert await rest.get("plans") == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "a title is missing"),
        ({"title": "x"}, "the plan has no tasks"),
        ({"title": "x", "task-0-description": "y"}, "a title is missing"),
        (
            {"title": "x", "task-0-title": "a", "task-0-priority": "high"},
            "'priority' must be a whole number, not a string",
        ),
        ({"title": "x", "task-0-title": "a", "task-0-depends": "b"}, "there is no task with the id 'b'"),
        ({"title": "x", "task-0-title": "a", "task-0-priority": "2000"}, "must be from -1000 to 1000"),
    ],
)
async def test_a_mistake_in_a_field_is_told_and_nothing_is_lost(
    rest: Rest, surfer: Surfer, fields: dict[str, str], message: str
) -> None:
    project = await opened(rest, surfer)
    await surfer.submit(f"/projects/{project}/plans/new", **fields, do="create", status=422)
    assert message in surfer.text()
    kept = {
        at["name"]: at.get("value", "") for tag, at in surfer.elements() if tag == "input" and "name" in at
    }
    assert {name: kept[name] for name in fields if name in kept} == {
        n: v for n, v in fields.items() if n in kept
    }


async def test_one_more_task_keeps_what_was_written(rest: Rest, surfer: Surfer) -> None:
    project = await opened(rest, surfer)
    await surfer.submit(f"/projects/{project}/plans/new", **{"title": "x", "task-1-title": "b"}, do="add")
    assert "Task 3" in surfer.text()
    names = {at.get("name"): at.get("value") for tag, at in surfer.elements() if tag == "input"}
    assert (names["title"], names["task-1-title"]) == ("x", "b")


async def test_a_member_writes_no_plans(rest: Rest, enter: Enter) -> None:
    project = await rest.project()
    member = await enter("member", project)
    await member.open(f"/projects/{project}/plans/new", status=403)
    await member.open("/")
    fields = {**member.hidden("/sign-out"), "toml": TOML, "do": "create"}
    await member.post(f"/projects/{project}/plans/new", fields, status=403)
    assert await rest.get("plans") == []


async def test_a_form_of_another_site_writes_no_plans(rest: Rest, surfer: Surfer) -> None:
    project = await opened(rest, surfer)
    fields = {**surfer.hidden(f"/projects/{project}/plans/new"), "toml": TOML}
    await surfer.post(f"/projects/{project}/plans/new", fields, status=403, origin="http://evil.example")
    await surfer.post(f"/projects/{project}/plans/new", {"toml": TOML}, status=403)
    assert await rest.get("plans") == []


def test_the_number_of_tasks_has_an_end() -> None:
    assert (
        len(read({"task-99999-title": "x", "task-x-title": "", "task-٣-title": "", "task-4": ""}).tasks) == 5
    )
    assert len(read({"task-9999-title": "x"}).tasks) == plan_editor.MOST_TASKS


def test_the_skeleton_becomes_a_plan_when_it_has_titles() -> None:
    text = plan_editor.SKELETON.replace('title = ""', 'title = "x"')
    assert [task.key for task in draft(Editor(True, text)).tasks] == ["first", "x"]


async def test_a_text_that_takes_long_to_read_holds_up_nobody_else(
    rest: Rest, surfer: Surfer, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/projects/{await rest.project()}/plans/new"
    other, seen = await enter(), threading.Event()
    parse, waited = plan_file.parse_plan, []

    def slowly(text: str, name: str) -> PlanDraft:
        waited.append(seen.wait(60))
        return parse(text, name)

    monkeypatch.setattr(plan_file, "parse_plan", slowly)
    await surfer.open(f"{path}?as=toml")
    text = 'title = "x"\n[[tasks]]\ntitle = "a"\n'
    saving = asyncio.create_task(surfer.submit(path, toml=text, do="create"))
    await other.open("/")
    seen.set()
    await saving
    assert waited == [True]
    assert surfer.at.startswith("/plans/")


async def test_a_text_nested_too_deeply_is_told_and_nothing_is_lost(rest: Rest, surfer: Surfer) -> None:
    path = f"/projects/{await rest.project()}/plans/new"
    await surfer.open(f"{path}?as=toml")
    for deep in ("a." * 50_000 + "b = 1", "a = " + "[" * 50_000):
        await surfer.submit(path, toml=deep, do="create", status=422)
        assert "it is nested too deeply" in surfer.text()
        assert deep in surfer.page
