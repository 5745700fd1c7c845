from __future__ import annotations

import pytest

from .pretend import Enter, PretendTeam, Rest, sha

USED = {"input_tokens": 1000, "output_tokens": 10, "cost_usd": 0.25}


async def test_what_reports_say_is_summed_by_run_plan_and_project(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = (await rest.plan(project, attempts=9))["id"]
    await team.bootstrap()
    run = await team.take("execute")
    await team.pause(run, None, usage=USED)
    await team.fail(run, "the network", usage={"cost_usd": 0.5})
    again = await team.take("execute")
    body = {"epoch": again["epoch"], "result": {"commit": sha("x")}, "usage": USED}
    for _ in range(3):
        # a report that is sent again is counted once
        await rest.post(f"cli-runs/{again['id']}/complete", body, status=204, key="once")
    first = {"input_tokens": 1000, "output_tokens": 10, "cost_usd": 0.75, "runs": 1, "project_id": project}
    assert {row["id"]: row for row in await rest.get("usage", by="run")} == {
        run["id"]: {"id": run["id"], **first},
        again["id"]: {"id": again["id"], **first, "cost_usd": 0.25},
    }
    whole = {"input_tokens": 2000, "output_tokens": 20, "cost_usd": 1.0, "runs": 2, "project_id": project}
    assert await rest.get("usage") == [{"id": project, **whole}]
    assert await rest.get("usage", by="plan") == [{"id": plan, **whole}]
    assert await rest.get("usage", by="plan", plan_id=plan, project_id=project) == [{"id": plan, **whole}]
    assert await rest.get("usage", by="plan", plan_id="other") == []
    shown = await rest.get(f"cli-runs/{run['id']}")
    assert (shown["input_tokens"], shown["cost_usd"]) == (1000, 0.75)


async def test_a_run_that_changes_hands_keeps_what_it_has_used(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await rest.plan(project)
    await team.bootstrap()
    run = await team.take("execute")
    await team.pause(run, None, usage=USED)
    await rest.post(f"cli-runs/{run['id']}/interrupt", {"epoch": run["epoch"]}, status=204)
    again = await team.take("execute")
    late = {"epoch": run["epoch"], "result": {}, "usage": USED}
    assert await rest.refused("POST", f"cli-runs/{run['id']}/complete", late) == "stale_epoch"
    await team.fail(again, "x", usage=USED)
    (found,) = await rest.get("usage", by="run")
    assert (found["id"], found["input_tokens"], found["cost_usd"]) == (run["id"], 2000, 0.5)


async def test_usage_is_shown_to_those_of_the_project_in_pages(rest: Rest, enter: Enter) -> None:
    here, elsewhere = await rest.project(), await rest.project("github:acme/other")
    for project in (here, elsewhere):
        team = await PretendTeam.join(rest, project)
        await rest.plan(project)
        await team.complete(await team.take("bootstrap_epic"), commit=sha("e"))
        await team.fail(await team.take("execute"), "x", usage=USED)
    guest = await enter("member", here)
    assert [row["id"] for row in await guest.get("usage")] == [here]
    assert await guest.get("usage", project_id=elsewhere) == []
    first = await rest.http.get("/api/v1/usage", params={"limit": 1})
    assert [row["id"] for row in first.json()] == [min(here, elsewhere)]
    assert "link" in first.headers


@pytest.mark.parametrize(
    "usage", [{"input_tokens": -1}, {"cost_usd": -0.1}, {"tokens": 1}, {"input_tokens": 10**13}, 5]
)
async def test_what_cannot_have_been_used_is_refused(rest: Rest, usage: object) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await rest.plan(project)
    run = await team.take("bootstrap_epic")
    body = {"epoch": run["epoch"], "reason": "x", "usage": usage}
    assert await rest.refused("POST", f"cli-runs/{run['id']}/fail", body, status=400) == "bad_frame"
    bad = await rest.call("GET", "usage", status=400, params={"by": "moon"})
    assert bad["detail"] == "bad frame: by must be one of project, plan, run, team, day, role, model"
    assert await rest.get("usage") == []
