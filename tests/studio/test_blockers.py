from __future__ import annotations

from .pretend import WORKERS, Json, PretendTeam, Rest

SQL = {"id": "a", "title": "A", "skill": "sql", "proficiency": 4}


async def kinds(rest: Rest, task: Json) -> list[str]:
    return [each["kind"] for each in await rest.get(f"tasks/{task['id']}/blockers")]


async def test_what_keeps_a_task_from_starting_is_told_one_after_the_other(rest: Rest) -> None:
    project = await rest.project()
    draft = {"title": "Shop", "base": "main", "tasks": [SQL, {"id": "b", "title": "B", "depends": ["a"]}]}
    plan = await rest.post("plans", {"project_id": project, "draft": draft}, status=201)
    a, b = plan["tasks"]
    assert await kinds(rest, a) == ["plan", "session"]
    await rest.post(f"plans/{plan['id']}/activate")
    assert await kinds(rest, a) == ["epic", "session"]
    team = await PretendTeam.join(rest, project, WORKERS[:1], skills={"dev-1": {"sql": 3}})
    assert await kinds(rest, a) == ["epic", "skill"]
    await team.bootstrap()
    (blocker,) = await rest.get(f"tasks/{a['id']}/blockers")
    assert blocker == {
        "kind": "skill",
        "text": "no dev session has the skill sql at 4 or more",
        "subject": "sql",
    }
    assert await kinds(rest, b) == ["dependency"]
    await rest.post(f"plans/{plan['id']}/pause")
    assert await kinds(rest, a) == ["plan", "skill"]
    await rest.post(f"plans/{plan['id']}/resume")
    await rest.post(
        f"teams/{team.id}/workers", {"name": "w", "role": "dev", "skills": {"sql": 4}}, status=201
    )
    # offered and worked on: nothing is in the way
    assert await kinds(rest, a) == []
    run = await team.claim((await team.held())[0])
    assert await kinds(rest, a) == []
    await team.fail(run, "no such table", hold=True)
    assert await kinds(rest, a) == ["decision"]
    await rest.post(f"tasks/{a['id']}/abort", status=204)
    assert await kinds(rest, a) == []
    assert await kinds(rest, b) == ["decision"]


async def test_who_waits_for_a_session_that_is_busy_or_for_a_yes(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project(), WORKERS[:1])
    plan = await rest.plan(project, [{"id": key, "title": key} for key in "abc"])
    await team.bootstrap()
    tasks = await rest.tasks(plan["id"])
    assert await kinds(rest, tasks["b"]) == ["busy"]
    await rest.patch(f"tasks/{tasks['c']['id']}", {"assignee": team.sessions["dev-1"]})
    (waits,) = await rest.get(f"tasks/{tasks['c']['id']}/blockers")
    assert (waits["kind"], waits["subject"]) == ("accept", team.sessions["dev-1"])
    await rest.post(f"tasks/{tasks['c']['id']}/accept")
    assert await kinds(rest, tasks["c"]) == ["busy"]


async def test_a_plan_that_waits_for_the_operator_holds_its_tasks_back(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project)
    await team.fail(await team.take("bootstrap_epic"), "no such branch: main", hold=True)
    (task,) = (await rest.tasks(plan["id"])).values()
    (blocker,) = await rest.get(f"tasks/{task['id']}/blockers")
    assert (blocker["kind"], blocker["text"]) == ("decision", "no such branch: main")
    assert blocker["subject"] == (await rest.cards())[0]["id"]
