from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from maestro_ray.model.run import Purpose
from maestro_ray.model.task import StartRun
from maestro_ray.studio import dispatch, loop, reports, runs
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Transaction
from maestro_ray.studio.studio import Studio
from maestro_ray.testing import FakeClock

from .conftest import Published
from .counting import counting
from .pretend import WORKERS, Enter, PretendTeam, Rest, sha

TWO = ({"id": "a", "title": "A"}, {"id": "b", "title": "B"})


def dump(tx: Transaction) -> list[list[Any]]:
    """Everything that dispatch may change."""
    return [tx.all(sa.select(table)) for table in (t.plans, t.tasks, t.runs, t.decisions)]


async def test_settling_twice_changes_nothing_more(rest: Rest, studio: Studio, published: Published) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await rest.plan(project, TWO)
    await team.bootstrap()
    await team.complete(await team.take("execute", (await team.held())[0]["task_id"]), commit=sha("x"))
    before = await studio.store.read(dump)
    published.clear()
    for _ in range(3):
        await studio.store.write(dispatch.settle)
    assert await studio.store.read(dump) == before
    assert published == []


async def test_a_session_holds_one_run_at_a_time(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project(), [("dev-1", "dev")])
    for _ in range(2):
        await rest.plan(project, TWO)
    await team.bootstrap()
    await team.bootstrap()
    assert await team.offered() == [("execute", "dev-1")]
    await team.take("execute")
    assert await team.offered() == [("execute", "dev-1")]


async def test_nobody_reviews_their_own_work_in_somebody_elses_team(rest: Rest, enter: Enter) -> None:
    project = await rest.project()
    team = await PretendTeam.join(rest, project, [])
    bob = await enter("lead", project)
    for role in ("dev", "review"):
        body = {"project_id": project, "role": "worker", "worker_role": role, "name": role}
        team.sessions[role] = (await bob.post("agent-sessions", {**body, "team_id": team.id}, status=201))[
            "id"
        ]
    task = (await rest.plan(project))["tasks"][0]["id"]
    await team.bootstrap()
    await team.work(task, sha("bob's"))
    assert await team.offered() == []
    (blocker,) = await rest.get(f"tasks/{task}/blockers")
    assert (blocker["kind"], blocker["subject"]) == ("session", "review")
    assert "those who did the work" in blocker["text"]
    other = await rest.post(f"teams/{team.id}/workers", {"name": "judge", "role": "review"}, status=201)
    team.sessions["judge"] = other["id"]
    assert await team.offered() == [("review", "judge")]


async def test_two_projects_share_nothing(rest: Rest) -> None:
    one, two = await rest.project("github:acme/one"), await rest.project("github:acme/two")
    other = await PretendTeam.join(rest, two)
    plan = await rest.plan(one, TWO)
    assert await other.held() == []
    team = await PretendTeam.join(rest, one)
    assert await other.held() == []
    await team.bootstrap()
    # the second project's workers are idle and as able, and get none of it
    assert await other.held() == []
    assert len(await team.held()) == 2
    run = (await team.held())[0]
    session = other.sessions["dev-1"]
    assert (
        await rest.refused("POST", f"agent-sessions/{session}/run", {"run_id": run["id"]}) == "illegal_event"
    )
    assert {row["id"] for row in await rest.get("plans", project_id=two)} == set()
    assert {row["id"] for row in await rest.get("plans", project_id=one)} == {plan["id"]}


async def test_a_plan_for_one_team_is_not_given_to_another(rest: Rest) -> None:
    project = await rest.project()
    other = await PretendTeam.join(rest, project)
    team = await PretendTeam.join(rest, project, serves_all=False)
    await rest.plan(project, team_id=team.id)
    assert await other.held() == []
    await team.bootstrap()
    assert await team.offered() == [("execute", "dev-1")]


async def test_a_team_for_its_own_plans_takes_no_others(rest: Rest) -> None:
    project = await rest.project()
    team = await PretendTeam.join(rest, project, serves_all=False)
    await rest.plan(project)
    assert await team.held() == []


async def test_a_plan_whose_team_is_over_goes_to_one_that_serves_all_in_the_same_repository(
    rest: Rest,
) -> None:
    project = await rest.project()
    first = await PretendTeam.join(rest, project)
    await rest.plan(project)
    await first.bootstrap()
    # the branches of the plan are in /repo and nowhere else
    elsewhere = await PretendTeam.join(rest, project, workspace="/clone")
    here = await PretendTeam.join(rest, project, workspace="/repo")
    await rest.delete(f"teams/{first.id}")
    assert await elsewhere.held() == []
    assert await here.offered() == [("execute", "dev-1")]


async def test_a_paused_plan_starts_nothing_and_what_runs_may_end(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project, TWO[:1])
    await team.bootstrap()
    run = await team.take("execute")
    await rest.post(f"plans/{plan['id']}/pause")
    await team.complete(run, commit=sha("x"))
    # no test, no review, no merge
    assert await team.held() == []
    assert (await rest.tasks(plan["id"]))["a"]["status"] == "awaiting_review"
    await rest.post(f"plans/{plan['id']}/resume")
    assert await team.offered() == [("test", "test-1")]


async def test_a_cancelled_plan_takes_its_runs_back(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project, TWO)
    await team.bootstrap()
    held = await team.take("execute", (await team.held())[0]["task_id"])
    await rest.post(f"plans/{plan['id']}/cancel")
    assert await team.offered() == [("release_cleanup", "lead")]
    body = {"epoch": held["epoch"], "result": {"commit": sha("x")}}
    assert await rest.refused("POST", f"cli-runs/{held['id']}/complete", body) == "stale_epoch"
    over = await rest.get(f"plans/{plan['id']}")
    assert {task["status"] for task in over["tasks"]} == {"cancelled"}
    assert {run["state"] for run in over["runs"] if run["purpose"] == "execute"} == {"cancelled"}


async def test_a_cancelled_draft_leaves_nothing_to_do(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    draft = {"title": "Shop", "tasks": [{"title": "One"}]}
    plan = await rest.post("plans", {"project_id": project, "draft": draft}, status=201)
    assert await team.held() == []
    await rest.post(f"plans/{plan['id']}/cancel")
    assert await team.held() == []


async def test_skill_proficiency_and_priority_decide_who_does_what_first(rest: Rest) -> None:
    project = await rest.project()
    skills = {"dev-1": {"sql": 2}, "dev-2": {"sql": 5}}
    team = await PretendTeam.join(rest, project, WORKERS[:2], skills=skills)
    tasks = [
        {"id": "hard", "title": "Hard", "skill": "sql", "proficiency": 5},
        {"id": "easy", "title": "Easy", "skill": "sql", "proficiency": 1},
        {"id": "soon", "title": "Soon", "skill": "sql", "proficiency": 1, "priority": 7},
    ]
    plan = await rest.plan(project, tasks)
    await team.bootstrap()
    ids = {key: task["id"] for key, task in (await rest.tasks(plan["id"])).items()}
    given = {run["task_id"]: run["session_id"] for run in await team.held()}
    assert given == {ids["soon"]: team.sessions["dev-1"], ids["hard"]: team.sessions["dev-2"]}


async def test_tasks_nobody_needs_wait_for_those_others_need(rest: Rest) -> None:
    """Level 0 first, also when it was written down later."""
    team = await PretendTeam.join(rest, project := await rest.project(), [("dev-1", "dev")])
    first = await rest.plan(project, [{"id": "x", "title": "X"}, {"id": "y", "title": "Y", "depends": ["x"]}])
    await team.bootstrap()
    tasks = await rest.tasks(first["id"])
    x, y = tasks["x"]["id"], tasks["y"]["id"]
    await team.work(x, sha("x"))
    await rest.post(f"tasks/{x}/abort", status=204)
    second = await rest.plan(project, [{"id": "z", "title": "Z"}])
    await team.bootstrap()
    await rest.answer("retry")
    assert [run["task_id"] for run in await team.held()] == [(await rest.tasks(second["id"]))["z"]["id"]]
    assert (await rest.get(f"tasks/{y}"))["status"] == "dispatched"


async def test_a_long_chain_of_tasks_is_no_trouble(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project(), [("dev-1", "dev")])
    chain = [{"id": f"t{n}", "title": f"T{n}", "depends": [f"t{n - 1}"] if n else []} for n in range(600)]
    plan = await rest.plan(project, reversed(chain))
    await team.bootstrap()
    (run,) = await team.held()
    assert run["task_id"] == (await rest.tasks(plan["id"]))["t0"]["id"]


async def test_a_session_whose_lease_is_over_is_given_nothing(
    rest: Rest, studio: Studio, clock: FakeClock
) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    clock.advance(studio.config.session_lease)
    await rest.plan(project)
    assert await team.held() == []
    await rest.post(f"agent-sessions/{team.lead}/heartbeat")
    assert await team.offered() == [("bootstrap_epic", "lead")]


@pytest.mark.sqlite_only("it counts statements, which are the same on both")
@pytest.mark.parametrize("waiting", [False, True])
async def test_what_is_over_costs_nothing_and_what_waits_costs_no_statement_each(
    rest: Rest, studio: Studio, waiting: bool
) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project, TWO)
    await team.bootstrap()
    task = (await rest.tasks(plan["id"]))["a"]["id"]

    async def cost() -> int:
        with counting(studio) as statements:
            await studio.store.write(dispatch.settle)
        return len(statements)

    def one_run(tx: Transaction) -> None:
        # one that waits can be given to nobody: nobody has the role of its task
        tx.update(t.tasks, task, role="archaeologist")
        state = "queued" if waiting else "succeeded"
        tx.insert(
            t.runs,
            project_id=project,
            plan_id=plan["id"],
            task_id=task,
            purpose="execute",
            state=state,
            note="many",
        )

    def twice_as_many(tx: Transaction) -> None:
        columns = [sa.func.hex(sa.func.randomblob(16)), *list(t.runs.c)[1:]]
        copies = sa.select(*columns).where(t.runs.c.note == "many")
        tx.execute(t.runs.insert().from_select(list(t.runs.c), copies))

    await studio.store.write(one_run)
    before = await cost()
    for _ in range(11):
        await studio.store.write(twice_as_many)
    many = sa.select(sa.func.count()).where(t.runs.c.note == "many")
    assert await studio.store.read(lambda tx: tx.execute(many).scalar_one()) == 2048
    assert await cost() == before <= 8


async def test_the_plans_of_a_project_take_turns(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project(), [("dev-1", "dev")])
    tasks = [{"title": f"T{n}"} for n in range(4)]
    first, second = await rest.plan(project, tasks), await rest.plan(project, tasks[:2])
    await team.bootstrap()
    await team.bootstrap()
    served = []
    for number in range(6):
        run = await team.take("execute")
        served.append(run["plan"]["id"])
        await team.complete(run, commit=sha(str(number)))
    assert sorted(served[:4]) == sorted([first["id"], second["id"]] * 2)
    assert {*served[:2]} == {*served[2:4]} == {first["id"], second["id"]}
    assert served[4:] == [first["id"]] * 2


async def test_what_concerns_no_run_is_not_dispatched_for(rest: Rest, studio: Studio) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project, TWO)
    await team.bootstrap()
    task = (await rest.tasks(plan["id"]))["a"]["id"]

    def comment(tx: Transaction) -> int:
        loop.comment(tx, task, "operator", "x")
        with counting(studio) as statements:
            dispatch.follow(tx)
        return len(statements)

    assert await studio.store.write(comment) == 0


async def test_each_merge_of_a_long_queue_costs_as_much_as_the_first(rest: Rest, studio: Studio) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project, [{"title": f"T{n}"} for n in range(30)])
    await team.bootstrap()

    def approve(tx: Transaction) -> None:
        """Every branch at once, as if many reviewers had come to an end."""
        runs.cancel(tx, t.runs.c.plan_id == plan["id"])
        for row in tx.all(sa.select(t.tasks).where(t.tasks.c.plan_id == plan["id"])):
            done = {"status": "awaiting_review", "head": sha("x"), "judged": sha("x"), "approved": sha("x")}
            tx.update(t.tasks, row["id"], **done)
            loop.start_task_run(tx, tx.get(t.tasks, row["id"]), StartRun(Purpose.MERGE, sha("x")))

    await studio.change(approve)
    costs, positions = [], []
    for _ in range(30):
        # one after the other: each starts from what the last one made
        (run,) = await team.held()
        with counting(studio) as statements:
            merge = await studio.store.write(settled, reports.claim, run["session_id"], run["id"])
            await studio.store.write(
                settled, reports.complete, run["id"], merge["epoch"], {"merge": sha(run["id"])}
            )
        costs.append(len(statements))
        positions.append((await rest.get(f"tasks/{run['task_id']}"))["position"])
    assert positions == list(range(30))
    assert {*costs[:-1]} == {costs[0]}
    # the last one queues the release as well
    assert costs[0] < costs[-1] <= costs[0] + 8 <= 60
    assert await team.offered() == [("release", "lead")]


@pytest.mark.parametrize("answered", [False, True], ids=["card open", "aborted"])
async def test_the_next_merge_is_told_of_one_that_was_given_up_without_a_report(
    rest: Rest, answered: bool
) -> None:
    """Git may have merged it: its lead puts the epic back where Studio knows it."""
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project, TWO)
    await team.bootstrap()
    ids = {key: task["id"] for key, task in (await rest.tasks(plan["id"])).items()}
    for key in "ab":
        await team.work(ids[key], sha(key))
        await team.test(ids[key])
    await team.review(ids["a"])
    for _ in range(3):
        cut = await team.take("merge", ids["a"])
        assert cut["cut"] == []
        await rest.post(f"cli-runs/{cut['id']}/interrupt", {"epoch": cut["epoch"]}, status=204)
        await rest.post(f"agent-sessions/{team.lead}/heartbeat")
    assert [card["kind"] for card in await rest.cards()] == ["attempts"]
    if answered:
        await rest.answer("abort")
    await team.review(ids["b"])
    merge = await team.take("merge", ids["b"])
    assert (merge["cut"], merge["plan"]["epic_head"]) == ([sha("a")], cut["plan"]["epic_head"])
    await team.complete(merge, merge=sha("m"))
    assert (await rest.tasks(plan["id"]))["b"]["status"] == "merged"


def settled(tx: Transaction, work: Callable[..., Any], *args: Any) -> Any:
    """As `Studio.change` does it."""
    answer = work(tx, *args)
    dispatch.follow(tx)
    return answer
