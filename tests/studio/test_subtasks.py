from __future__ import annotations

import pytest

from maestro_ray.model.subtask import DEPTH, PER_TASK

from .conftest import Published
from .pretend import WORKERS, Json, PretendTeam, Rest, sha


async def at_work(
    rest: Rest, tasks: object = ({"id": "one", "title": "One"},)
) -> tuple[PretendTeam, str, Json]:
    """A team, its plan, and the run of the first task, which is claimed."""
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project, tasks)  # type: ignore[arg-type]  # what the test gives
    await team.bootstrap()
    return team, plan["id"], await team.take("execute")


async def split(rest: Rest, run: Json, title: str, **more: object) -> Json:
    body = {"epoch": run["epoch"], "title": title, **more}
    return await rest.post(f"cli-runs/{run['id']}/subtask", body, status=201)


async def test_a_part_is_a_task_of_the_same_plan_and_like_the_one_it_is_of(
    rest: Rest, published: Published
) -> None:
    one = {"id": "one", "title": "One", "role": "dev", "priority": 4, "test": "make one", "proficiency": 2}
    _, plan, run = await at_work(rest, [one])
    part = await split(rest, run, "Docs", description="of it all", required_proficiency="expert")
    parent = (await rest.tasks(plan))["one"]
    assert (part["parent_task_id"], part["plan_id"], part["phase_id"]) == (
        parent["id"], plan, parent["phase_id"],
    )  # fmt: skip
    assert (part["key"], part["title"], part["description"]) == ("one.1", "Docs", "of it all")
    assert (part["role"], part["priority"], part["test"]) == ("dev", 4, "make one")
    assert (part["required_proficiency"], part["depends_on_task_ids"]) == (5, [])
    # it starts at once
    assert (await rest.get(f"tasks/{part['id']}"))["status"] == "dispatched"
    told = [params["task"] for _, method, params in published if method == "task.updated"]
    assert (part["id"], "draft") in [(task["id"], task["status"]) for task in told]


async def test_an_agent_that_says_it_again_has_said_it_once(rest: Rest) -> None:
    """A run that was interrupted begins anew, and prints the same line."""
    _, plan, run = await at_work(rest)
    first = await split(rest, run, "Docs")
    again = await split(rest, run, "Docs", description="other words")
    assert again["id"] == first["id"]
    assert len(await rest.tasks(plan)) == 2


async def test_a_part_does_not_hold_its_task_back_but_those_that_need_it_and_the_release(rest: Rest) -> None:
    tasks = ({"id": "one", "title": "One"}, {"id": "next", "title": "Next", "depends": ["one"]})
    team, plan, run = await at_work(rest, tasks)
    part = await split(rest, run, "Docs")
    one, following = [(await rest.tasks(plan))[key] for key in ("one", "next")]
    await team.complete(run, commit=sha("one"))
    await team.test(one["id"])
    await team.review(one["id"])
    await team.merge(one["id"])
    assert (await rest.tasks(plan))["one"]["status"] == "merged"
    waits = await rest.get(f"tasks/{following['id']}/blockers")
    assert [(each["kind"], each["subject"]) for each in waits] == [("dependency", part["id"])]
    await team.finish(part["id"])
    await team.finish(following["id"])
    assert await team.offered() == [("release", "lead")]


async def test_a_part_that_builds_on_its_task_waits_for_it(rest: Rest) -> None:
    team, plan, run = await at_work(rest)
    part = await split(rest, run, "Docs", after_parent=True)
    assert (part["level"], (await rest.tasks(plan))["one.1"]["status"]) == (1, "draft")
    await team.complete(run, commit=sha("one"))
    one = (await rest.tasks(plan))["one"]["id"]
    await team.test(one)
    await team.review(one)
    await team.merge(one)
    assert await team.offered() == [("execute", "dev-1")]


async def test_nobody_splits_for_ever(rest: Rest) -> None:
    team, plan, run = await at_work(rest)
    for number in range(PER_TASK):
        await split(rest, run, f"Part {number}")
    body = {"epoch": run["epoch"], "title": "One more"}
    assert await rest.refused("POST", f"cli-runs/{run['id']}/subtask", body) == "conflict"
    for level in range(DEPTH):
        below = (await rest.tasks(plan))["one" + ".1" * (level + 1)]["id"]
        await team.complete(run, commit=sha(f"level {level}"))
        run = await team.take("execute", below)
        # the most urgent, so that who has just become free takes it up
        body = {"epoch": run["epoch"], "title": "Deeper", "priority": 9}
        if level + 1 < DEPTH:
            await rest.post(f"cli-runs/{run['id']}/subtask", body, status=201)
        else:
            assert await rest.refused("POST", f"cli-runs/{run['id']}/subtask", body) == "conflict"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"epoch": 99, "title": "x"}, 409, "stale_epoch"),
        ({"title": ""}, 422, "plan_file_error"),
        ({"title": "x", "role": "NO"}, 422, "plan_file_error"),
        ({"title": "x", "required_proficiency": 9}, 422, "plan_file_error"),
        ({"title": "x", "colour": "red"}, 400, "bad_frame"),
    ],
)
async def test_what_is_no_part_is_refused(rest: Rest, body: Json, status: int, code: str) -> None:
    _, plan, run = await at_work(rest)
    found = await rest.refused(
        "POST", f"cli-runs/{run['id']}/subtask", {"epoch": run["epoch"], **body}, status=status
    )
    assert (found, len(await rest.tasks(plan))) == (code, 1)


async def test_only_who_works_on_a_task_splits_it(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project(), WORKERS)
    await rest.plan(project)
    lead = await team.take("bootstrap_epic")
    body = {"epoch": lead["epoch"], "title": "x"}
    assert await rest.refused("POST", f"cli-runs/{lead['id']}/subtask", body) == "conflict"
    await team.complete(lead, commit=sha("epic"))
    run = await team.take("execute")
    await team.complete(run, commit=sha("x"))
    body = {"epoch": run["epoch"], "title": "x"}
    assert await rest.refused("POST", f"cli-runs/{run['id']}/subtask", body) == "conflict"
