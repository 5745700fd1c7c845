from __future__ import annotations

from typing import Any

from maestro_ray.studio.answers import PROPOSALS

from .conftest import Published
from .pretend import WORKERS, Json, PretendTeam, Rest

DRAFT = {"title": "Sell more", "tasks": [{"id": "a", "title": "A"}, {"id": "b", "title": "B"}]}


async def planning(rest: Rest, **joined: Any) -> tuple[PretendTeam, Json]:
    """A team that serves its own plans, and the run that drafts one for its goal."""
    project = await rest.project()
    team = await PretendTeam.join(rest, project, serves_all=False, **joined)
    await ask(rest, project, team)
    return team, await team.take("plan")


async def ask(rest: Rest, project: str, team: PretendTeam, status: int = 201, **changes: object) -> Json:
    body = {"purpose": "plan", "note": "sell more", "session_id": team.lead, "base_branch": "dev"}
    return await rest.post(f"projects/{project}/analysis", {**body, **changes}, status=status)


async def stands(rest: Rest, team: PretendTeam) -> Json:
    return await rest.get(f"teams/{team.id}/planning")


async def drafted(team: PretendTeam, run: Json, **more: object) -> None:
    await team.complete(run, draft=DRAFT, **more)


async def reject(rest: Rest, reason: str = "") -> None:
    (card,) = await rest.cards()
    await rest.post(f"decisions/{card['id']}/answer", {"answer": "reject", "reason": reason})


async def test_the_lead_of_the_team_gets_the_goal_and_what_is_known(rest: Rest) -> None:
    team, run = await planning(rest, skills={"dev-1": {"sql": 3}})
    assert run["session_id"] == team.lead
    assert (run["plan"]["description"], run["plan"]["base_branch"]) == ("sell more", "dev")
    assert {"role": "dev", "skills": {"sql": 3}} in run["team"]
    assert len(run["team"]) == len(WORKERS)
    assert (run["knowledge"], run["rejected"]) == ([], [])
    assert (await stands(rest, team))["state"] == "planning"


async def test_nobody_else_plans_for_it_also_when_the_lead_is_cut(rest: Rest) -> None:
    """Red when the hand-over forgets whom the run was made for: `runs.of_lead` in studio/dispatch.py."""
    team, run = await planning(rest)
    other = await PretendTeam.join(rest, run_project := (await rest.get("projects"))[0]["id"])
    await rest.post(f"cli-runs/{run['id']}/interrupt", {"epoch": run["epoch"]}, status=204)
    assert ("plan", "lead") in await team.offered()
    assert await other.held() == []
    same = await ask(rest, run_project, team)
    assert same["id"] == run["id"]


async def test_what_the_run_ends_with_is_proposed_and_on_approval_the_teams_plan(rest: Rest) -> None:
    team, run = await planning(rest)
    await drafted(team, run, attempts=7, revision_cap=0, reviewers=2, review_policy="majority")
    now = await stands(rest, team)
    assert (now["state"], now["decision"]["kind"], len(now["plan"]["tasks"])) == ("proposed", "proposal", 2)
    plan = now["plan"]
    assert (plan["base_branch"], plan["attempt_cap"], plan["revision_cap"]) == ("dev", 7, 0)
    assert (plan["reviewers"], plan["review_policy"]) == (2, "majority")
    assert plan["team_id"] == team.id
    await rest.answer("approve")
    now = await stands(rest, team)
    assert (now["state"], now["plan"]["id"]) == ("accepted", plan["id"])
    assert ("bootstrap_epic", "lead") in await team.offered()


async def test_a_run_that_ends_without_a_draft_proposes_nothing(rest: Rest) -> None:
    team, run = await planning(rest)
    await team.complete(run)
    assert await rest.get("plans") == []
    now = await stands(rest, team)
    assert (now["state"], now["reason"]) == ("over", "no plan was proposed")


async def test_a_draft_that_is_none_leaves_nothing_half_made(rest: Rest) -> None:
    team, run = await planning(rest)
    body = {"epoch": run["epoch"], "result": {"draft": {"title": "x"}}}
    assert await rest.refused("POST", f"cli-runs/{run['id']}/complete", body, status=422) == "plan_file_error"
    assert (await rest.get(f"cli-runs/{run['id']}"))["state"] == "running"
    assert await rest.get("plans") == []
    assert (await stands(rest, team))["state"] == "planning"


async def test_a_rejection_with_a_reason_asks_for_another_plan_and_says_why(rest: Rest) -> None:
    team, run = await planning(rest)
    await drafted(team, run)
    await reject(rest, "  too big ")
    again = await team.take("plan")
    assert again["id"] != run["id"]
    assert (again["plan"]["description"], again["plan"]["base_branch"]) == ("sell more", "dev")
    assert again["rejected"] == [{"title": "Sell more", "tasks": ["A", "B"], "reason": "too big"}]
    assert (await stands(rest, team))["state"] == "planning"


async def test_that_goes_on_for_a_few_plans_and_no_longer(rest: Rest) -> None:
    """Red without the count in `answers.propose_again`."""
    team, run = await planning(rest)
    for number in range(PROPOSALS):
        run = run if number == 0 else await team.take("plan")
        await drafted(team, run)
        await reject(rest, "no")
    now = await stands(rest, team)
    assert (now["state"], now["reason"]) == ("over", f"{PROPOSALS} plans were rejected")
    assert await team.held() == []


async def test_a_rejection_without_a_reason_is_the_end(rest: Rest, published: Published) -> None:
    team, run = await planning(rest)
    await drafted(team, run)
    await reject(rest)
    now = await stands(rest, team)
    assert (now["state"], now["reason"]) == ("over", "the plan was rejected")
    (answered,) = [params["decision"] for _, method, params in published if method == "decision.answered"]
    assert (answered["answer"], answered["reason"]) == ("reject", "")


async def test_a_run_that_fails_for_good_asks_and_may_be_tried_again_or_given_up(rest: Rest) -> None:
    team, run = await planning(rest)
    await team.fail(run, "no JSON", hold=True)
    now = await stands(rest, team)
    assert now["state"] == "asked"
    assert "no JSON" in now["reason"]
    await rest.answer("retry")
    await team.fail(await team.take("plan"), "no JSON", hold=True)
    await rest.answer("abort")
    now = await stands(rest, team)
    assert now["state"] == "over"
    assert now["reason"].startswith("no plan was made: plan failed")


async def test_with_the_team_its_planning_ends(rest: Rest) -> None:
    team, run = await planning(rest)
    await rest.delete(f"teams/{team.id}", status=204)
    assert (await rest.get(f"cli-runs/{run['id']}"))["state"] == "cancelled"
    project = (await rest.get("projects"))[0]["id"]
    body = {"purpose": "plan", "note": "x", "session_id": team.lead}
    assert await rest.refused("POST", f"projects/{project}/analysis", body) == "conflict"


async def test_only_a_lead_plans_for_its_team(rest: Rest) -> None:
    project = await rest.project()
    team = await PretendTeam.join(rest, project)
    body = {"purpose": "plan", "note": "x", "session_id": team.sessions["dev-1"]}
    assert await rest.refused("POST", f"projects/{project}/analysis", body) == "conflict"
