from __future__ import annotations

from .pretend import WORKERS, PretendTeam, Rest, sha

TWO = ({"id": "a", "title": "A"}, {"id": "b", "title": "B"})


async def test_a_lead_hands_an_offered_run_to_another_of_its_team(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project, TWO[:1])
    await team.bootstrap()
    (run,) = await team.held()
    assert run["session_id"] == team.sessions["dev-1"]
    path = f"agent-sessions/{team.lead}/delegate"
    told = await rest.post(path, {"run_id": run["id"], "to": "dev-2"})
    assert told == {"run_id": run["id"], "session_id": team.sessions["dev-2"], "name": "dev-2"}
    assert await team.offered() == [("execute", "dev-2")]
    # said again it changes nothing
    (offered,) = await team.held()
    await rest.post(path, {"task_id": run["task_id"], "to": team.sessions["dev-2"]})
    assert await team.held() == [offered]
    # that it changed hands was nobody's failure
    assert (await rest.tasks(plan["id"]))["a"]["attempts"] == 0
    taken = await team.take("execute")
    refused = await rest.refused("POST", path, {"run_id": run["id"], "to": "dev-1"})
    assert (taken["session_id"], refused) == (team.sessions["dev-2"], "conflict")


async def test_a_run_waits_for_the_session_it_was_delegated_to(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project(), WORKERS[:2])
    plan = await rest.plan(project, TWO)
    await team.bootstrap()
    ids = {key: task["id"] for key, task in (await rest.tasks(plan["id"])).items()}
    first = await team.take("execute", ids["a"])
    path = f"agent-sessions/{team.lead}/delegate"
    # dev-1 works: b is taken back from dev-2 and waits
    await rest.post(path, {"task_id": ids["b"], "to": "dev-1"})
    assert [run["task_id"] for run in await team.held()] == [ids["a"]]
    await team.complete(first, commit=sha("a"))
    assert [(run["task_id"], run["session_id"]) for run in await team.held()] == [
        (ids["b"], team.sessions["dev-1"])
    ]


async def test_a_run_does_not_wait_for_one_who_has_gone(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project(), WORKERS[:2])
    plan = await rest.plan(project, TWO)
    await team.bootstrap()
    ids = {key: task["id"] for key, task in (await rest.tasks(plan["id"])).items()}
    await team.take("execute", ids["a"])
    await rest.post(f"agent-sessions/{team.lead}/delegate", {"task_id": ids["b"], "to": "dev-1"})
    await rest.delete(f"agent-sessions/{team.sessions['dev-1']}")
    assert await team.offered() == [("execute", "dev-2")]


async def test_what_a_lead_may_not_delegate(rest: Rest) -> None:
    project, elsewhere = await rest.project(), await rest.project("github:acme/other")
    team = await PretendTeam.join(rest, project, skills={"dev-1": {"sql": 5}})
    other, foreign = await PretendTeam.join(rest, project), await PretendTeam.join(rest, elsewhere)
    plan = await rest.plan(project, [{"id": "a", "title": "A", "skill": "sql", "proficiency": 5}])
    await team.bootstrap()
    (run,) = await team.held()
    path = f"agent-sessions/{team.lead}/delegate"

    async def refused(body: dict[str, str], status: int = 409, by: str = path) -> str:
        return await rest.refused("POST", by, body, status=status)

    it = {"run_id": run["id"]}
    # within the team, among those who may do it
    assert await refused({**it, "to": other.sessions["dev-2"]}, 404) == "not_found"
    assert await refused({**it, "to": "nobody"}, 404) == "not_found"
    assert await refused({**it, "to": "dev-2"}) == "conflict"
    assert await refused({**it, "to": "review-1"}) == "conflict"
    # by its lead alone, and not from another team
    for by, status, code in (
        (team.sessions["dev-1"], 409, "conflict"),
        (other.lead, 409, "conflict"),
        (foreign.lead, 404, "not_found"),
    ):
        found = await refused({**it, "to": "dev-1"}, status, f"agent-sessions/{by}/delegate")
        assert found == code
    assert await refused({"to": "dev-1"}) == "conflict"
    assert await refused({**it, "task_id": run["task_id"], "to": "dev-1"}) == "conflict"
    assert await refused({"task_id": "ghost", "to": "dev-1"}, 404) == "not_found"
    # what was assigned by a person is that person's
    await rest.patch(f"tasks/{run['task_id']}", {"assignee": team.sessions["dev-1"]})
    await rest.post(f"tasks/{run['task_id']}/accept")
    assert await refused({"task_id": run["task_id"], "to": "dev-1"}) == "conflict"
    assert (await rest.tasks(plan["id"]))["a"]["status"] == "dispatched"


async def test_two_of_one_name_are_told_apart_by_id(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project(), [("dev", "dev"), ("dev", "dev")])
    await rest.plan(project)
    await team.bootstrap()
    (run,) = await team.held()
    path = f"agent-sessions/{team.lead}/delegate"
    assert await rest.refused("POST", path, {"run_id": run["id"], "to": "dev"}) == "conflict"
    await rest.post(path, {"run_id": run["id"], "to": team.sessions["dev"]})
    assert [each["session_id"] for each in await team.held()] == [team.sessions["dev"]]
