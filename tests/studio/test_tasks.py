"""Tasks as people change them: edited, assigned, accepted, over REST."""

from __future__ import annotations

import pytest

from maestro_ray.studio import sessions
from maestro_ray.studio.studio import Studio
from maestro_ray.testing import FakeClock

from .pretend import REJECTED, WORKERS, Enter, Json, PretendTeam, Rest, sha

TWO = ({"id": "a", "title": "A"}, {"id": "b", "title": "B", "depends": ["a"]})


async def drafted(rest: Rest, project: str, tasks: object = TWO) -> dict[str, Json]:
    """The tasks of a plan that is a draft, by key."""
    draft = {"title": "Shop", "base": "main", "tasks": tasks}
    plan = await rest.post("plans", {"project_id": project, "draft": draft}, status=201)
    return {task["key"]: task for task in plan["tasks"]}


# ── writing anew ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_draft_is_changed_and_what_is_not_given_stays(rest: Rest) -> None:
    task = (await drafted(rest, await rest.project()))["a"]
    change = {
        "title": " Parse ", "description": "all of it", "priority": 5, "role": "docs", "skill": "sql",
        "required_proficiency": "expert", "test": "make check",
    }  # fmt: skip
    changed = await rest.patch(f"tasks/{task['id']}", change)
    assert {name: changed[name] for name in change} == {**change, "title": "Parse", "required_proficiency": 5}
    assert changed == await rest.get(f"tasks/{task['id']}")
    again = await rest.patch(f"tasks/{task['id']}", {"priority": 6})
    assert again == {**changed, "priority": 6}
    assert await rest.patch(f"tasks/{task['id']}", {}) == again


@pytest.mark.parametrize(
    "change",
    [
        {"title": ""},
        {"title": "two\nlines"},
        {"role": "Dev"},
        {"skill": "a b"},
        {"required_proficiency": 6},
        {"required_proficiency": "wizard"},
        {"priority": 1001},
        {"test": "x" * 8001},
    ],
)
async def test_a_task_is_checked_like_one_of_a_plan_file(rest: Rest, change: dict[str, object]) -> None:
    task = (await drafted(rest, await rest.project()))["a"]
    assert await rest.refused("PATCH", f"tasks/{task['id']}", change, status=422) == "plan_file_error"
    assert await rest.get(f"tasks/{task['id']}") == task


async def test_if_match_is_honoured(rest: Rest) -> None:
    task = (await drafted(rest, await rest.project()))["a"]
    path = f"/api/v1/tasks/{task['id']}"
    tag = (await rest.http.get(path)).headers["etag"]
    first = await rest.http.patch(path, json={"priority": 1}, headers={"if-match": tag})
    assert first.status_code == 200
    late = await rest.http.patch(path, json={"priority": 2}, headers={"if-match": tag})
    assert (late.status_code, late.json()["code"]) == (412, "outdated")
    again = await rest.http.patch(path, json={"priority": 2}, headers={"if-match": first.headers["etag"]})
    assert again.json()["priority"] == 2


async def test_what_a_task_depends_on_is_of_its_plan_and_makes_no_circle(rest: Rest) -> None:
    project = await rest.project()
    tasks, others = await drafted(rest, project), await drafted(rest, project)
    a, b = tasks["a"]["id"], tasks["b"]["id"]
    for wanted in ([others["a"]["id"]], ["ghost"], [b], [a]):
        assert await rest.refused("PATCH", f"tasks/{a}", {"depends_on": wanted}) == "conflict"
    assert (await rest.get(f"tasks/{a}"))["depends_on_task_ids"] == []
    free = await rest.patch(f"tasks/{b}", {"depends_on": []})
    assert (free["depends_on_task_ids"], free["level"]) == ([], 0)
    turned = await rest.patch(f"tasks/{a}", {"depends_on": [b, b]})
    assert (turned["depends_on_task_ids"], turned["level"]) == ([b], 1)


async def test_dependencies_that_were_changed_decide_what_starts(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    tasks = await drafted(rest, project)
    await rest.post(f"plans/{tasks['a']['plan_id']}/activate")
    await team.bootstrap()
    assert [run["task_id"] for run in await team.held()] == [tasks["a"]["id"]]
    await rest.patch(f"tasks/{tasks['b']['id']}", {"depends_on": []})
    assert {run["task_id"] for run in await team.held()} == {tasks["a"]["id"], tasks["b"]["id"]}


async def test_what_has_begun_is_not_written_anew(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project, TWO)
    await team.bootstrap()
    task = (await rest.tasks(plan["id"]))["a"]["id"]
    assert await rest.refused("PATCH", f"tasks/{task}", {"title": "Late"}) == "illegal_event"
    await team.take("execute")
    me = (await rest.get("me"))["id"]
    assert await rest.refused("PATCH", f"tasks/{task}", {"assignee": me}) == "illegal_event"


# ── assigned and accepted ────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_assigned_task_waits_until_its_session_accepts_and_only_that_gets_it(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    tasks = await drafted(rest, project)
    task, wanted = tasks["a"]["id"], team.sessions["dev-2"]
    await rest.patch(f"tasks/{task}", {"assignee": wanted})
    await rest.post(f"plans/{tasks['a']['plan_id']}/activate")
    await team.bootstrap()
    assert await team.held() == []
    other = {"session_id": team.sessions["dev-1"]}
    assert await rest.refused("POST", f"tasks/{task}/accept", other) == "conflict"
    accepted = await rest.post(f"tasks/{task}/accept")
    assert (accepted["assignee"], accepted["accepted_by"]) == (wanted, wanted)
    assert await team.offered() == [("execute", "dev-2")]
    # said twice it is said once
    assert await rest.post(f"tasks/{task}/accept") == {**accepted, "status": "dispatched"} | {
        name: (await rest.get(f"tasks/{task}"))[name] for name in ("base_commit", "branch_name")
    }
    await team.work(task, sha("x"))
    await team.test(task)
    # the review is another's, the revision is not
    await team.review(task, REJECTED)
    assert await team.offered() == [("execute", "dev-2")]


async def test_a_run_that_was_offered_is_taken_back_when_its_task_is_assigned(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project)
    await team.bootstrap()
    (offered,) = await team.held()
    task, me = offered["task_id"], (await rest.get("me"))["id"]
    assert (await rest.patch(f"tasks/{task}", {"assignee": me}))["status"] == "draft"
    assert await team.held() == []
    assert (await rest.get(f"cli-runs/{offered['id']}"))["state"] == "cancelled"
    # taken back itself, it is open to all again
    await rest.patch(f"tasks/{task}", {"assignee": ""})
    assert await team.offered() == [("execute", "dev-1")]
    assert (await rest.get(f"plans/{plan['id']}"))["status"] == "active"


async def test_a_person_accepts_with_a_session_of_theirs_whatever_its_skill(rest: Rest, enter: Enter) -> None:
    project = await rest.project()
    team = await PretendTeam.join(rest, project)
    bob = await enter("member", project)
    task = (await drafted(rest, project, [{"id": "a", "title": "A", "skill": "sql"}]))["a"]
    bob_id = (await bob.get("me"))["id"]
    await rest.patch(f"tasks/{task['id']}", {"assignee": bob_id})
    body = {"project_id": project, "role": "worker", "worker_role": "dev", "name": "bob", "team_id": team.id}
    accept = f"tasks/{task['id']}/accept"
    assert await bob.refused("POST", accept, {}) == "conflict"
    mine = await bob.post("agent-sessions", body, status=201)
    # somebody else's session is not his to speak for, and is not whom it is for
    theirs = {"session_id": team.sessions["dev-1"]}
    assert await bob.refused("POST", accept, theirs, status=403) == "forbidden"
    assert await rest.refused("POST", accept, theirs) == "conflict"
    assert await bob.refused("POST", accept, {"session_id": "ghost"}, status=404) == "not_found"
    assert (await bob.post(accept))["accepted_by"] == mine["id"]
    await rest.post(f"plans/{task['plan_id']}/activate")
    await team.bootstrap()
    assert [run["session_id"] for run in await team.held()] == [mine["id"]]


async def test_of_several_sessions_one_is_to_be_named(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    task = (await drafted(rest, project))["a"]["id"]
    await rest.patch(f"tasks/{task}", {"assignee": (await rest.get("me"))["id"]})
    assert await rest.refused("POST", f"tasks/{task}/accept", {}) == "conflict"
    # a reviewer's session may not do a developer's work, whoever asks for it
    assert (
        await rest.refused("POST", f"tasks/{task}/accept", {"session_id": team.sessions["review-1"]})
        == "conflict"
    )
    done = await rest.post(f"tasks/{task}/accept", {"session_id": team.sessions["dev-2"]})
    assert done["accepted_by"] == team.sessions["dev-2"]


async def test_what_is_for_nobody_is_not_accepted(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    task = (await drafted(rest, project))["a"]["id"]
    body = {"session_id": team.sessions["dev-1"]}
    assert await rest.refused("POST", f"tasks/{task}/accept", body) == "conflict"


async def test_an_assignee_is_a_worker_or_a_user_of_the_project(rest: Rest, enter: Enter) -> None:
    project, elsewhere = await rest.project(), await rest.project("github:acme/other")
    team, other = await PretendTeam.join(rest, project), await PretendTeam.join(rest, elsewhere)
    stranger = (await (await enter("lead", elsewhere)).get("me"))["id"]
    task = (await drafted(rest, project))["a"]["id"]
    for nobody in ("ghost", stranger, other.sessions["dev-1"]):
        assert await rest.refused("PATCH", f"tasks/{task}", {"assignee": nobody}, status=404) == "not_found"
    assert await rest.refused("PATCH", f"tasks/{task}", {"assignee": team.lead}) == "conflict"
    await rest.delete(f"agent-sessions/{team.sessions['dev-1']}")
    gone = {"assignee": team.sessions["dev-1"]}
    assert await rest.refused("PATCH", f"tasks/{task}", gone) == "conflict"


async def test_when_the_session_ends_a_person_keeps_the_task_and_a_session_gives_it_up(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    tasks = await drafted(rest, project, [{"id": "a", "title": "A"}, {"id": "b", "title": "B"}])
    a, b, me = tasks["a"]["id"], tasks["b"]["id"], (await rest.get("me"))["id"]
    dev_1, dev_2 = team.sessions["dev-1"], team.sessions["dev-2"]
    await rest.patch(f"tasks/{a}", {"assignee": me})
    await rest.post(f"tasks/{a}/accept", {"session_id": dev_1})
    await rest.patch(f"tasks/{b}", {"assignee": dev_1})
    await rest.post(f"plans/{tasks['a']['plan_id']}/activate")
    await team.bootstrap()
    await team.take("execute", a)
    await rest.delete(f"agent-sessions/{dev_1}")
    # the one is open to all, the other waits for another session of the same person
    assert [(run["task_id"], run["session_id"]) for run in await team.held()] == [(b, dev_2)]
    assert (await rest.get(f"tasks/{b}/comments"))[0]["body"].endswith("it is open to all")
    assert (await rest.get(f"tasks/{a}"))["accepted_by"] == ""
    await team.work(b, sha("b"))
    await rest.post(f"tasks/{a}/accept", {"session_id": dev_2})
    assert (a, dev_2) in [(run["task_id"], run["session_id"]) for run in await team.held()]


async def test_what_was_for_somebody_who_was_expelled_is_open_to_all(rest: Rest, enter: Enter) -> None:
    project, other = await rest.project(), await rest.project("github:acme/other")
    team = await PretendTeam.join(rest, project)
    bob = await enter("member", project)
    user = (await bob.get("me"))["id"]
    more = (await rest.post("auth/invites", {"role": "member", "project_id": other}, status=201))["token"]
    await bob.sign_in(more, also=True)
    task, elsewhere = [(await drafted(rest, each))["a"] for each in (project, other)]
    for each in (task, elsewhere):
        await rest.patch(f"tasks/{each['id']}", {"assignee": user})
    await rest.post(f"plans/{task['plan_id']}/activate")
    await team.bootstrap()
    assert await team.held() == []
    await rest.delete(f"projects/{project}/members/{user}")
    assert await team.offered() == [("execute", "dev-1")]
    assert (await rest.get(f"tasks/{task['id']}"))["assignee"] == ""
    assert (await rest.get(f"tasks/{task['id']}/comments"))[0]["body"].endswith("it is open to all")
    # where they have a role still nothing changes
    assert (await rest.get(f"tasks/{elsewhere['id']}"))["assignee"] == user


async def test_a_session_that_is_only_away_keeps_its_task(
    rest: Rest, studio: Studio, clock: FakeClock
) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    tasks = await drafted(rest, project)
    task, mine = tasks["a"]["id"], team.sessions["dev-1"]
    await rest.patch(f"tasks/{task}", {"assignee": mine})
    await rest.post(f"tasks/{task}/accept")
    await rest.post(f"plans/{tasks['a']['plan_id']}/activate")
    await team.bootstrap()
    await team.take("execute")
    clock.advance(studio.config.session_lease)
    others = [session for session in team.sessions.values() if session != mine]
    await rest.post(f"agent-sessions/{team.lead}/heartbeat", {"sessions": others})
    assert await studio.change(sessions.expire, studio.config.session_lease) == 1
    assert await team.held() == []
    await rest.post(f"agent-sessions/{mine}/heartbeat")
    assert await team.offered() == [("execute", "dev-1")]


# ── mine ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_my_tasks_are_those_for_me_and_those_my_sessions_hold(rest: Rest, enter: Enter) -> None:
    project = await rest.project()
    lead = await enter("lead", project)
    team = await PretendTeam.join(lead, project, WORKERS[:1])
    tasks = await drafted(rest, project, [{"id": key, "title": key.upper()} for key in "abcd"])
    ids = {key: task["id"] for key, task in tasks.items()}
    me = (await lead.get("me"))["id"]
    await rest.patch(f"tasks/{ids['b']}", {"assignee": me})
    await rest.patch(f"tasks/{ids['c']}", {"assignee": team.sessions["dev-1"]})
    await rest.post(f"plans/{tasks['a']['plan_id']}/activate")
    await team.bootstrap()

    async def mine(**query: str) -> list[str]:
        return sorted(task["key"] for task in await lead.get("me/tasks", **query))

    assert await mine() == ["a", "b", "c"]
    assert await mine(status="dispatched") == ["a"]
    assert len(await mine(limit="2")) == 2
    await rest.post(f"tasks/{ids['b']}/abort", status=204)
    assert await mine() == ["a", "c"]
    assert await mine(status="cancelled") == ["b"]
    assert await rest.get("me/tasks") == []


async def test_my_skills_are_those_of_sessions_that_bring_none(rest: Rest) -> None:
    assert await rest.get("me/skills") == {"skills": {}}
    mine = {"skills": {"sql": 4}}
    assert await rest.call("PUT", "me/skills", mine, status=200) == mine == await rest.get("me/skills")
    team = await PretendTeam.join(rest, await rest.project(), WORKERS[:2], skills={"dev-2": {"rust": 1}})
    skills = {row["name"]: row["skills"] for row in (await rest.get(f"teams/{team.id}"))["sessions"]}
    assert skills == {"maestro": {"sql": 4}, "dev-1": {"sql": 4}, "dev-2": {"rust": 1}}
    bad = {"skills": {"sql": 9}}
    assert await rest.refused("PUT", "me/skills", bad, status=400) == "bad_frame"
