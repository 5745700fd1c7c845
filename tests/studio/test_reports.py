from __future__ import annotations

import pytest

from maestro_ray.model.run import Purpose
from maestro_ray.studio import reports
from maestro_ray.studio import schema as t
from maestro_ray.studio.studio import Studio

from .conftest import Published
from .pretend import PretendTeam, Rest, sha


async def working(rest: Rest, tasks: object = ({"id": "one", "title": "One"},)) -> tuple[PretendTeam, str]:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project, tasks)  # type: ignore[arg-type]  # what the test gives
    await team.bootstrap()
    return team, plan["id"]


def test_every_purpose_has_an_outcome() -> None:
    assert set(reports._OUTCOMES) == set(Purpose)


# ── claim ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_claim_tells_all_a_worker_needs(rest: Rest) -> None:
    task = {"id": "one", "title": "One", "description": "do it", "skill": "", "test": "make one"}
    team, plan = await working(rest, (task,))
    run = await team.take("execute")
    assert (run["purpose"], run["state"], run["epoch"], run["attempt"]) == ("execute", "running", 1, 1)
    assert run["session_id"] == team.sessions["dev-1"]
    assert run["task"]["title"] == "One"
    assert run["task"]["description"] == "do it"
    assert run["task"]["test"] == "make one"
    assert run["plan"]["id"] == plan
    assert run["plan"]["base_branch"] == "main"
    assert run["plan"]["epic_head"] == sha("epic")
    assert (run["comments"], run["evidence"]) == ([], None)


async def test_claiming_twice_gives_the_same_answer(rest: Rest) -> None:
    team, _ = await working(rest)
    (run,) = await team.held()
    assert await team.claim(run) == await team.claim(run)
    again = await team.claim(run)
    await rest.post(f"cli-runs/{run['id']}/pause", {"epoch": again["epoch"]}, status=204)
    # a lead that is back asks again, also about a run that pauses
    assert await team.claim(run) == {**again, "state": "paused"}


async def test_only_the_session_it_was_offered_to_can_claim(rest: Rest) -> None:
    team, _ = await working(rest)
    (run,) = await team.held()
    other = team.sessions["dev-2"]
    assert await rest.refused("POST", f"agent-sessions/{other}/run", {"run_id": run["id"]}) == "illegal_event"
    assert (await team.held())[0]["state"] == "dispatched"


# ── reports ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("complete", {"result": {"commit": sha("late")}}),
        ("fail", {"reason": "late"}),
        ("pause", {"resume_at": 1.0}),
        ("resume", {}),
    ],
)
async def test_a_report_of_an_earlier_holder_is_refused_and_changes_nothing(
    rest: Rest, action: str, body: dict[str, object]
) -> None:
    team, plan = await working(rest)
    old = await team.take("execute")
    await rest.post(f"cli-runs/{old['id']}/interrupt", {"epoch": old["epoch"]}, status=204)
    new = await team.take("execute")
    assert new["id"] == old["id"]
    assert new["epoch"] > old["epoch"]
    before = await rest.get(f"plans/{plan}")
    assert (
        await rest.refused("POST", f"cli-runs/{old['id']}/{action}", {"epoch": old["epoch"], **body})
        == "stale_epoch"
    )
    assert await rest.get(f"plans/{plan}") == before
    # an interruption that comes late is no news
    await rest.post(f"cli-runs/{old['id']}/interrupt", {"epoch": old["epoch"]}, status=204)
    assert await rest.get(f"plans/{plan}") == before
    await team.complete(new, commit=sha("x"))


@pytest.mark.parametrize(
    "commit", [None, "", "HEAD", "abc123", sha("x").upper(), sha("x") + "\n", "--all", 7]
)
async def test_work_that_names_no_commit_is_refused(rest: Rest, studio: Studio, commit: object) -> None:
    with pytest.raises(Exception, match="a full commit hash"):
        reports._commit({} if commit is None else {"commit": commit}, "commit")


async def test_a_refused_report_leaves_the_run_as_it_was(rest: Rest) -> None:
    team, _ = await working(rest)
    run = await team.take("execute")
    body = {"epoch": run["epoch"], "result": {"commit": "HEAD"}}
    assert await rest.refused("POST", f"cli-runs/{run['id']}/complete", body) == "conflict"
    await team.complete(run, commit=sha("x"))


async def test_a_pause_is_no_failure(rest: Rest, published: Published) -> None:
    team, plan = await working(rest)
    run = await team.take("execute")
    body = {"epoch": run["epoch"], "resume_at": 1_800_000_600.5}
    await rest.post(f"cli-runs/{run['id']}/pause", body, status=204)
    (held,) = await team.held()
    assert (held["state"], held["resume_at"]) == ("paused", 1_800_000_600.5)
    await rest.post(f"cli-runs/{run['id']}/resume", {"epoch": run["epoch"]}, status=204)
    assert (await team.held())[0]["resume_at"] is None
    assert (await rest.tasks(plan))["one"]["attempts"] == 0
    states = [params["run"]["state"] for _, method, params in published if method == "run.updated"]
    assert states[-2:] == ["paused", "running"]


async def test_a_worker_that_came_back_while_it_paused_may_end_the_run(rest: Rest) -> None:
    team, _ = await working(rest)
    run = await team.take("execute")
    await rest.post(f"cli-runs/{run['id']}/pause", {"epoch": run["epoch"]}, status=204)
    await team.complete(run, commit=sha("x"))
    assert await team.offered() == [("test", "test-1")]


async def test_long_results_and_reasons_are_cut_not_refused(rest: Rest, studio: Studio) -> None:
    team, plan = await working(rest)
    task = (await rest.tasks(plan))["one"]["id"]
    run = await team.take("execute")
    await team.fail(run, "x" * 1_000_000)
    row = await studio.store.read(lambda tx: tx.get(t.runs, run["id"]))
    assert len(row["reason"]) == reports.LONGEST_REASON
    await team.work(task, sha("x"))
    test = await team.take("test")
    await team.complete(test, exit_code=1, output="y" * 1_000_000 + "end")
    evidence = (await team.take("review"))["evidence"]
    assert (evidence["exit_code"], len(evidence["output"])) == (1, reports.LONGEST_TEXT)
    assert evidence["output"].endswith("end")


async def test_evidence_is_about_the_very_commit(rest: Rest, studio: Studio) -> None:
    team, plan = await working(rest)
    task = (await rest.tasks(plan))["one"]["id"]
    await team.work(task, sha("x"))
    await team.test(task, exit_code=1)
    assert (await studio.store.read(reports.evidence, task, sha("x")) or {})["exit_code"] == 1
    assert await studio.store.read(reports.evidence, task, sha("y")) is None


async def test_a_lead_that_dies_of_its_run_is_not_given_it_for_ever(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await rest.plan(project)
    for _ in range(3):
        run = await team.take("bootstrap_epic")
        await rest.post(f"cli-runs/{run['id']}/interrupt", {"epoch": run["epoch"]}, status=204)
    assert await team.held() == []
    (card,) = await rest.cards()
    assert (card["kind"], card["question"]) == (
        "bootstrap_epic",
        "bootstrap_epic was interrupted again and again",
    )
    await rest.answer("retry")
    await team.bootstrap()
