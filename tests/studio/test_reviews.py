"""Several reviewers by policy: queued, told apart, counted for one commit, and merged only when enough agree."""

from __future__ import annotations

import pytest

from .pretend import APPROVED, REJECTED, Json, PretendTeam, Rest, sha

pytestmark = pytest.mark.sqlite_only("nothing here depends on the database")

THREE = (("dev-1", "dev"), ("review-1", "review"), ("review-2", "review"), ("review-3", "review"))


async def under_review(
    rest: Rest, *, reviewers: int = 2, policy: str = "all", workers: object = THREE
) -> tuple[PretendTeam, str]:
    """A team, and the task whose work is done."""
    team = await PretendTeam.join(rest, project := await rest.project(), workers)  # type: ignore[arg-type]
    plan = await rest.plan(project, reviewers=reviewers, review_policy=policy)
    await team.bootstrap()
    await team.complete(await team.take("execute"), commit=sha("a"))
    return team, plan["tasks"][0]["id"]


async def judge(team: PretendTeam, output: str, worker: str) -> Json:
    (run,) = [
        each
        for each in await team.held()
        if each["purpose"] == "review" and each["session_id"] == team.sessions[worker]
    ]
    claimed = await team.claim(run) if run["state"] == "dispatched" else run
    await team.complete(claimed, output=output)
    return claimed


async def test_as_many_reviews_of_one_commit_as_the_plan_wants_by_different_sessions(rest: Rest) -> None:
    team, _ = await under_review(rest)
    assert await team.offered() == [("review", "review-1"), ("review", "review-2")]
    assert {run["commit"] for run in await team.held()} == {sha("a")}


async def test_all_must_approve_and_then_it_is_merged(rest: Rest) -> None:
    team, task = await under_review(rest)
    await judge(team, APPROVED, "review-1")
    # nothing is merged, and nobody judges twice
    assert await team.offered() == [("review", "review-2")]
    assert (await rest.get(f"tasks/{task}"))["approved"] == ""
    await judge(team, APPROVED, "review-2")
    assert await team.offered() == [("merge", "lead")]
    assert (await rest.get(f"tasks/{task}"))["approved"] == sha("a")


async def test_one_rejection_of_all_sends_it_back_and_takes_the_others_back(rest: Rest) -> None:
    team, task = await under_review(rest, reviewers=3)
    await judge(team, REJECTED, "review-2")
    assert await team.offered() == [("execute", "dev-1")]
    await team.complete(await team.take("execute"), commit=sha("b"))
    assert len(await team.offered()) == 3
    assert {run["commit"] for run in await team.held()} == {sha("b")}
    assert (await rest.get(f"tasks/{task}"))["votes"] == []


async def test_any_approval_is_enough_and_any_other_is_waited_for(rest: Rest) -> None:
    team, _ = await under_review(rest, policy="any")
    await judge(team, REJECTED, "review-1")
    assert await team.offered() == [("review", "review-2")]
    await judge(team, APPROVED, "review-2")
    assert await team.offered() == [("merge", "lead")]


async def test_the_majority_decides_and_every_reason_is_told(rest: Rest) -> None:
    team, task = await under_review(rest, reviewers=3, policy="majority")
    await judge(team, "VERDICT: REJECTED — red", "review-1")
    await judge(team, "VERDICT: REJECTED — slow", "review-3")
    assert await team.offered() == [("execute", "dev-1")]
    assert (await rest.get(f"tasks/{task}/comments"))[-1]["body"] == "1. red\n2. slow"


async def test_who_is_missing_is_said_and_waited_for(rest: Rest) -> None:
    """Protection: `judged_by` in `dispatch.misfit`."""
    team, task = await under_review(rest, workers=(("dev-1", "dev"), ("review-1", "review")))
    await judge(team, APPROVED, "review-1")
    assert await team.offered() == []
    (blocker,) = await rest.get(f"tasks/{task}/blockers")
    assert blocker["kind"] == "reviewers"
    await rest.post(f"teams/{team.id}/workers", {"name": "review-2", "role": "review"}, status=201)
    assert [run["purpose"] for run in await team.held()] == ["review"]


async def test_a_verdict_of_an_old_commit_counts_for_nothing(rest: Rest) -> None:
    team, task = await under_review(rest)
    (late,) = [each for each in await team.held() if each["session_id"] == team.sessions["review-2"]]
    late = await team.claim(late)
    await judge(team, REJECTED, "review-1")
    body = {"epoch": late["epoch"], "result": {"output": APPROVED}}
    await rest.call("POST", f"cli-runs/{late['id']}/complete", body, status=409)
    await team.complete(await team.take("execute"), commit=sha("b"))
    assert (await rest.get(f"tasks/{task}"))["votes"] == []
    assert len(await rest.get(f"tasks/{task}/verdicts")) == 1


async def test_what_was_said_before_a_pause_still_counts(rest: Rest) -> None:
    team, task = await under_review(rest)
    await judge(team, APPROVED, "review-1")
    await rest.post(f"tasks/{task}/pause", status=204)
    await rest.post(f"tasks/{task}/resume", status=204)
    assert await team.offered() in ([("review", "review-2")], [("review", "review-3")])


async def test_the_card_at_the_cap_has_the_verdicts_and_the_evidence(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project, revision_cap=0)
    await team.bootstrap()
    await team.complete(await team.take("execute"), commit=sha("a"))
    await team.test(plan["tasks"][0]["id"])
    await team.complete(await team.take("review"), output=REJECTED)
    (card,) = await rest.cards()
    assert card["kind"] == "revision_cap"
    assert card["about"]["verdicts"] == [
        {"verdict": "REJECTED", "reason": "the test is red", "commit": sha("a"), "worker": "review-1"}
    ]
    assert "command" in card["about"]["evidence"]
