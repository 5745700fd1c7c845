"""Whole flows: a pretend team takes plans through Studio's REST calls."""

from __future__ import annotations

import pytest

from maestro_ray.studio import schema as t
from maestro_ray.studio import sessions
from maestro_ray.studio.studio import Studio

from .conftest import Published
from .pretend import APPROVED, REJECTED, WORKERS, PretendTeam, Rest, sha

FOUR = (
    {"id": "parse", "title": "Parse"},
    {"id": "print", "title": "Print"},
    {"id": "join", "title": "Join", "depends": ["parse", "print"]},
    {"id": "docs", "title": "Docs", "depends": ["join"]},
)


async def started(
    rest: Rest, tasks: object = ({"id": "one", "title": "One"},), **plan: object
) -> tuple[PretendTeam, str]:
    """A team whose plan has its epic."""
    team = await PretendTeam.join(rest, project := await rest.project())
    made = await rest.plan(project, tasks, **plan)  # type: ignore[arg-type]  # what the test gives
    await team.bootstrap()
    return team, made["id"]


async def state(rest: Rest, plan: str, task: str = "one") -> tuple[str, str]:
    """The task's status and id."""
    found = (await rest.tasks(plan))[task]
    return found["status"], found["id"]


# ── the whole way ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_plan_of_four_tasks_from_its_epic_to_its_release(rest: Rest, published: Published) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project, FOUR)
    assert plan["epic_branch"].startswith("epic/shop-")
    # nothing is begun before the epic is there
    assert await team.offered() == [("bootstrap_epic", "lead")]
    await team.bootstrap()
    ids = {key: task["id"] for key, task in (await rest.tasks(plan["id"])).items()}
    # what depends on others waits, the others are worked on in parallel
    assert await team.offered() == [("execute", "dev-1"), ("execute", "dev-2")]

    work = await team.take("execute", ids["parse"])
    assert (work["base"], work["commit"], work["onto"]) == (sha("epic"), sha("epic"), "")
    branch = work["task"]["branch_name"]
    assert branch.startswith("task/parse-")
    await team.complete(work, commit=sha("parse 1"))
    test = await team.test(ids["parse"], exit_code=1)
    assert (test["base"], test["commit"], test["task"]["branch_name"]) == (
        sha("epic"),
        sha("parse 1"),
        branch,
    )

    review = await team.take("review", ids["parse"])
    assert review["evidence"]["exit_code"] == 1
    await team.complete(review, output=REJECTED)
    assert await state(rest, plan["id"], "parse") == ("awaiting_review", ids["parse"])

    # the same branch, from where it stands, with the reason
    again = await team.take("execute", ids["parse"])
    assert (again["commit"], again["task"]["branch_name"], again["note"]) == (
        sha("parse 1"),
        branch,
        "the test is red",
    )
    assert [comment["body"] for comment in again["comments"]] == ["the test is red"]
    assert again["task"]["revision_count"] == 1
    await team.complete(again, commit=sha("parse 2"))
    await team.test(ids["parse"])
    assert (await team.review(ids["parse"]))["commit"] == sha("parse 2")
    merge = await team.merge(ids["parse"])
    assert (merge["commit"], merge["base"], merge["task"]["approved"]) == (
        sha("parse 2"),
        sha("epic"),
        sha("parse 2"),
    )
    assert await state(rest, plan["id"], "parse") == ("merged", ids["parse"])
    assert await state(rest, plan["id"], "join") == ("draft", ids["join"])

    await team.finish(ids["print"])
    # a task that depends on others begins with their work
    joined = await team.take("execute", ids["join"])
    assert joined["base"] == sha(f"merge of {sha(ids['print'])}")
    await team.complete(joined, commit=sha("join"))
    await team.test(ids["join"])
    await team.review(ids["join"])
    await team.merge(ids["join"])
    await team.finish(ids["docs"])

    release = await team.take("release")
    assert (release["merged"], release["task"], len(release["branches"])) == (4, None, 4)
    await team.complete(release, commit=sha("release"))
    await team.complete(await team.take("release_cleanup"))
    over = await rest.get(f"plans/{plan['id']}")
    assert (over["status"], over["released"]) == ("completed", sha("release"))
    assert {task["status"] for task in over["tasks"]} == {"completed"}
    assert all(task["finished_at"] for task in over["tasks"])
    assert await team.held() == []
    assert [(each["commit"], each["verdict"]) for each in over["verdicts"]][:2] == [
        (sha("parse 1"), "REJECTED"),
        (sha("parse 2"), "APPROVED"),
    ]
    methods = {method for _, method, _ in published}
    assert methods >= {"plan.updated", "task.updated", "run.updated", "run.dispatched", "verdict.given"}


async def test_without_a_tester_work_is_reviewed_at_once(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project(), WORKERS[:3])
    await rest.plan(project)
    await team.bootstrap()
    await team.complete(await team.take("execute"), commit=sha("x"))
    review = await team.take("review")
    assert (review["commit"], review["evidence"]) == (sha("x"), None)


# ── verdicts ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("output", ["> VERDICT: APPROVED", f"{APPROVED}\n{REJECTED}", None])
async def test_whatever_is_no_plain_approval_is_a_rejection(rest: Rest, output: object) -> None:
    team, plan = await started(rest)
    _, task = await state(rest, plan)
    await team.work(task, sha("x"))
    await team.test(task)
    run = await team.take("review", task)
    await team.complete(run, **({} if output is None else {"output": output}))
    (verdict,) = await rest.get(f"tasks/{task}/verdicts")
    assert verdict["verdict"] == "REJECTED"
    assert verdict["reason"]
    assert await team.offered() == [("execute", "dev-1")]


async def test_a_verdict_is_about_the_commit_studio_pinned_whatever_is_reported(rest: Rest) -> None:
    team, plan = await started(rest)
    _, task = await state(rest, plan)
    await team.work(task, sha("x"))
    await team.test(task)
    run = await team.take("review", task)
    other = sha("another commit")
    await team.complete(run, output=f"I read {other}\n{APPROVED}", commit=other)
    (verdict,) = await rest.get(f"tasks/{task}/verdicts")
    assert (verdict["commit"], verdict["verdict"]) == (sha("x"), "APPROVED")
    merge = await team.take("merge")
    assert merge["commit"] == merge["task"]["approved"] == sha("x")
    assert verdict["evidence"]["counts"] == {"passed": 1}


async def test_a_worker_cannot_approve_or_merge_by_what_it_reports(rest: Rest) -> None:
    team, plan = await started(rest)
    _, task = await state(rest, plan)
    await team.complete(
        await team.take("execute"), commit=sha("x"), output=APPROVED, verdict="APPROVED", merge=sha("m")
    )
    assert (await state(rest, plan))[0] == "awaiting_review"
    await team.complete(await team.take("test"), output=APPROVED, approved=True)
    assert await team.offered() == [("review", "review-1")]
    assert await rest.get(f"tasks/{task}/verdicts") == []


# ── conflicts ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("word", ["abort", "pause", "complete"])
async def test_a_task_is_not_taken_back_while_it_is_merged(rest: Rest, word: str) -> None:
    """Git may have merged it already, and no other merge could follow one that Studio knows nothing of."""
    team, plan = await started(rest)
    _, task = await state(rest, plan)
    await team.work(task, sha("x"))
    await team.test(task)
    await team.review(task)
    merge = await team.take("merge")
    document = await rest.call("POST", f"tasks/{task}/{word}", {}, status=409)
    assert document["code"] == "conflict"
    assert "One is being merged" in document["detail"]
    # nor when the lead was killed before it could say what came of it
    await rest.post(f"cli-runs/{merge['id']}/interrupt", {"epoch": merge["epoch"]}, status=204)
    assert await rest.refused("POST", f"tasks/{task}/{word}") == "conflict"
    await team.merge(task)
    assert (await state(rest, plan))[0] == "merged"


async def test_a_merge_that_nobody_has_claimed_is_taken_back(rest: Rest) -> None:
    team, plan = await started(rest)
    _, task = await state(rest, plan)
    await team.work(task, sha("x"))
    await team.test(task)
    await team.review(task)
    await rest.post(f"tasks/{task}/abort", status=204)
    assert (await state(rest, plan))[0] == "cancelled"


async def test_a_plan_is_cancelled_also_while_a_task_is_merged(rest: Rest) -> None:
    team, plan = await started(rest)
    _, task = await state(rest, plan)
    await team.work(task, sha("x"))
    await team.test(task)
    await team.review(task)
    await team.take("merge")
    await rest.post(f"plans/{plan}/cancel")
    assert (await state(rest, plan))[0] == "cancelled"
    assert await team.offered() == [("release_cleanup", "lead")]


CONFLICT = "MERGE CONFLICT in shop.py"


async def in_conflict(rest: Rest) -> tuple[PretendTeam, str, str]:
    """Two tasks; the second cannot be merged after the first."""
    team, plan = await started(rest, FOUR[:2])
    ids = {key: task["id"] for key, task in (await rest.tasks(plan)).items()}
    for task in ids.values():
        await team.work(task, sha(task))
        await team.test(task)
        await team.review(task)
    await team.merge(ids["parse"])
    await team.fail(await team.take("merge", ids["print"]), CONFLICT)
    return team, plan, ids["print"]


async def test_a_conflict_goes_back_to_the_developer_onto_the_epic_and_is_reviewed_anew(
    rest: Rest, published: Published
) -> None:
    team, plan, task = await in_conflict(rest)
    tip = (await rest.get(f"plans/{plan}"))["epic_head"]
    row = await rest.get(f"tasks/{task}")
    assert (row["status"], row["review_sent_at"], row["approved"]) == ("awaiting_review", None, sha(task))
    assert [params["reason"] for _, method, params in published if method == "merge.conflict"] == [CONFLICT]
    run = await team.take("execute", task)
    assert (run["commit"], run["onto"], run["note"]) == (sha(task), tip, CONFLICT)
    await team.complete(run, commit=sha("resolved"))
    # a resolution is a new commit, judged against what it was resolved onto
    test = await team.test(task)
    assert (test["commit"], test["base"]) == (sha("resolved"), tip)
    await team.review(task)
    assert (await team.merge(task))["commit"] == sha("resolved")


async def test_the_resolution_of_a_conflict_is_tried_again_onto_the_epic(rest: Rest) -> None:
    team, plan, task = await in_conflict(rest)
    await team.fail(await team.take("execute", task), "the agent crashed")
    again = await team.take("execute", task)
    assert again["onto"] == (await rest.get(f"plans/{plan}"))["epic_head"]


async def test_an_approved_commit_that_waits_goes_straight_to_merge_when_it_is_resumed(rest: Rest) -> None:
    team, _, task = await in_conflict(rest)
    for _ in range(3):
        await team.fail(await team.take("execute", task), "the agent crashed")
    await rest.answer("retry")
    assert (await team.take("merge", task))["commit"] == sha(task)


async def test_a_resolution_that_changes_nothing_is_said_honestly(rest: Rest) -> None:
    team, _, task = await in_conflict(rest)
    await team.work(task, sha(task))
    (card,) = await rest.cards()
    assert (card["kind"], card["task_id"]) == ("no_progress", task)


# ── caps and cards ───────────────────────────────────────────────────────────────────────────────────────────────


async def capped(rest: Rest) -> tuple[PretendTeam, str, str]:
    """A task rejected once more than its plan allows."""
    team, plan = await started(rest, revision_cap=1)
    _, task = await state(rest, plan)
    for commit in ("x", "y"):
        await team.work(task, sha(commit))
        await team.test(task)
        await team.review(task, REJECTED)
    return team, plan, task


async def test_at_the_cap_the_operator_decides_and_retry_counts_anew(rest: Rest) -> None:
    team, plan, task = await capped(rest)
    assert await state(rest, plan) == ("waiting_for_resume", task)
    assert await team.held() == []
    (card,) = await rest.cards()
    assert (card["kind"], card["options"], card["plan_id"]) == ("revision_cap", ["retry", "abort"], plan)
    assert card["question"] == "One: rejected after 1 revisions: the test is red"
    await rest.answer("retry")
    assert await rest.cards() == []
    run = await team.take("execute", task)
    assert run["commit"] == sha("y")
    await team.complete(run, commit=sha("z"))
    await team.test(task)
    await team.review(task)
    await team.merge(task)
    await team.release()
    assert (await rest.get(f"plans/{plan}"))["status"] == "completed"


async def test_abort_cancels_the_task_and_the_plan_is_released_without_it(rest: Rest) -> None:
    team, plan, _ = await capped(rest)
    await rest.answer("abort")
    assert (await state(rest, plan))[0] == "cancelled"
    release = await team.take("release")
    assert release["merged"] == 0
    await team.complete(release, commit="")
    await team.complete(await team.take("release_cleanup"))
    assert (await rest.get(f"plans/{plan}"))["status"] == "completed"


async def test_a_card_is_answered_once_and_with_one_of_its_words(rest: Rest) -> None:
    await capped(rest)
    (card,) = await rest.cards()
    path = f"decisions/{card['id']}/answer"
    assert await rest.refused("POST", path, {"answer": "maybe"}) == "conflict"
    await rest.post(path, {"answer": "retry"})
    assert await rest.refused("POST", path, {"answer": "abort"}) == "conflict"


@pytest.mark.parametrize("by", ["task", "plan"])
async def test_a_card_nobody_needs_to_answer_any_more_is_taken_away(
    rest: Rest, published: Published, by: str
) -> None:
    _, plan, task = await capped(rest)
    (card,) = await rest.cards()
    if by == "task":
        await rest.post(f"tasks/{task}/abort", status=204)
    else:
        await rest.post(f"plans/{plan}/cancel")
    assert await rest.cards() == []
    answered = [params["decision"] for _, method, params in published if method == "decision.answered"]
    assert [(each["id"], each["status"]) for each in answered] == [(card["id"], "withdrawn")]


async def test_when_the_attempts_are_used_up_the_operator_decides(rest: Rest) -> None:
    team, plan = await started(rest)
    _, task = await state(rest, plan)
    for number in range(1, 4):
        run = await team.take("execute", task)
        assert run["attempt"] == number
        await team.fail(run, "no network")
    assert (await state(rest, plan))[0] == "waiting_for_resume"
    (card,) = await rest.cards()
    assert (card["kind"], card["question"]) == ("attempts", "One: execute failed (attempt 3): no network")
    await rest.answer("retry")
    await team.fail(await team.take("execute", task), "no program", retryable=False)
    assert len(await rest.cards()) == 1
    assert await team.held() == []


# ── dependencies that cannot be met ──────────────────────────────────────────────────────────────────────────────


async def test_only_the_cancelled_dependency_is_waived(rest: Rest) -> None:
    team, plan = await started(rest, FOUR[:3])
    ids = {key: task["id"] for key, task in (await rest.tasks(plan)).items()}
    await rest.post(f"tasks/{ids['parse']}/abort", status=204)
    assert (await state(rest, plan, "join"))[0] == "waiting_for_resume"
    (card,) = await rest.cards()
    assert card["question"] == "Join: it depends on Parse, which was cancelled: go on without it?"
    await rest.answer("retry")
    # the other dependency is still being worked on
    assert (await state(rest, plan, "join"))[0] == "draft"
    assert (await rest.tasks(plan))["join"]["depends_on_task_ids"] == [ids["print"]]
    await team.finish(ids["print"])
    assert (await state(rest, plan, "join"))[0] == "dispatched"


# ── release ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def ready_to_release(rest: Rest) -> tuple[PretendTeam, str]:
    team, plan = await started(rest)
    await team.finish((await state(rest, plan))[1])
    return team, plan


async def test_a_release_that_is_held_waits_with_its_reason_until_the_operator_retries(rest: Rest) -> None:
    team, plan = await ready_to_release(rest)
    await team.fail(await team.take("release"), "main is dirty: git merge --ff-only abc", hold=True)
    assert await team.held() == []
    waiting = await rest.get(f"plans/{plan}")
    assert (waiting["status"], waiting["waiting"]) == ("active", "main is dirty: git merge --ff-only abc")
    (card,) = waiting["decisions"]
    assert (card["kind"], card["task_id"]) == ("release", None)
    await rest.answer("retry")
    await team.release()
    over = await rest.get(f"plans/{plan}")
    assert (over["status"], over["waiting"], over["decisions"]) == ("completed", "", [])


async def test_a_release_that_is_given_up_cancels_the_plan_and_cleans_up(rest: Rest) -> None:
    team, plan = await ready_to_release(rest)
    await team.fail(await team.take("release"), "red", hold=True)
    await rest.answer("abort")
    assert await team.offered() == [("release_cleanup", "lead")]
    over = await rest.get(f"plans/{plan}")
    assert (over["status"], over["waiting"], over["tasks"][0]["status"]) == ("cancelled", "", "merged")


async def test_a_release_is_tried_again_until_the_attempts_are_used_up(rest: Rest) -> None:
    team, _ = await ready_to_release(rest)
    for _ in range(3):
        assert await rest.cards() == []
        await team.fail(await team.take("release"), "the ref moved")
    assert [card["kind"] for card in await rest.cards()] == ["release"]
    assert await team.held() == []


async def test_a_release_of_merged_work_names_its_commit(rest: Rest) -> None:
    team, plan = await ready_to_release(rest)
    run = await team.take("release")
    body = {"epoch": run["epoch"], "result": {"commit": ""}}
    assert await rest.refused("POST", f"cli-runs/{run['id']}/complete", body) == "conflict"
    assert (await rest.get(f"plans/{plan}"))["status"] == "active"


async def test_a_clean_up_that_does_not_work_is_not_tried_for_ever(rest: Rest) -> None:
    team, plan = await ready_to_release(rest)
    await team.complete(await team.take("release"), commit=sha("release"))
    for _ in range(3):
        await team.fail(await team.take("release_cleanup"), "busy")
    assert await team.held() == []
    assert (await rest.get(f"plans/{plan}"))["status"] == "completed"


# ── testers come and go ──────────────────────────────────────────────────────────────────────────────────────────


async def test_work_is_not_kept_waiting_for_a_tester_who_has_left(rest: Rest) -> None:
    team, plan = await started(rest)
    _, task = await state(rest, plan)
    await team.work(task, sha("x"))
    assert await team.offered() == [("test", "test-1")]
    await rest.delete(f"agent-sessions/{team.sessions['test-1']}")
    assert await team.offered() == [("review", "review-1")]
    assert (await team.take("review"))["commit"] == sha("x")


async def test_a_tester_that_is_away_for_a_moment_is_waited_for(rest: Rest, studio: Studio) -> None:
    team, plan = await started(rest)
    _, task = await state(rest, plan)
    await team.work(task, sha("x"))
    away = t.sessions.update().where(t.sessions.c.worker_role == "test").values(lease_until=0.0)
    await studio.store.write(lambda tx: tx.execute(away).rowcount)
    await studio.change(sessions.expire, studio.config.session_lease)
    assert await team.held() == []
    await rest.post(f"agent-sessions/{team.lead}/heartbeat", {"sessions": list(team.sessions.values())})
    assert await team.offered() == [("test", "test-1")]


async def test_another_teams_tester_is_none_for_this_plan(rest: Rest) -> None:
    project = await rest.project()
    await PretendTeam.join(rest, project, [("test-9", "test")], serves_all=False)
    team = await PretendTeam.join(rest, project, WORKERS[:3])
    await rest.plan(project, team_id=team.id)
    await team.bootstrap()
    await team.complete(await team.take("execute"), commit=sha("x"))
    assert await team.offered() == [("review", "review-1")]


async def test_a_test_that_cannot_be_run_is_gone_on_without_when_the_operator_says_so(rest: Rest) -> None:
    """A plan without a test command, in a team whose tester runs that and nothing else."""
    team, plan = await started(rest)
    _, task = await state(rest, plan)
    await team.work(task, sha("x"))
    for _ in range(2):
        await team.fail(await team.take("test"), "there is no test command", retryable=False)
        (card,) = await rest.cards()
        assert (card["kind"], card["options"]) == ("attempts", ["retry", "untested", "abort"])
        assert card["question"].endswith("there is no test command")
        await rest.answer("retry")
    await team.fail(await team.take("test"), "there is no test command", retryable=False)
    await rest.answer("untested")
    run = await team.review(task, REJECTED)
    assert (run["commit"], run["evidence"]) == (sha("x"), None)
    # the next commit is not asked about once more
    await team.work(task, sha("y"))
    assert (await team.review(task))["commit"] == sha("y")
    await team.merge(task)
    assert await rest.cards() == []
    await team.release()
    assert (await rest.get(f"plans/{plan}"))["status"] == "completed"


async def test_other_work_of_the_plan_that_waits_for_its_test_is_gone_on_with_too(rest: Rest) -> None:
    team, plan = await started(rest, FOUR[:2])
    tasks = [task["id"] for task in (await rest.tasks(plan)).values()]
    for task in tasks:
        await team.work(task, sha(task))
    await team.fail(await team.take("test"), "there is no test command", retryable=False)
    await rest.answer("untested")
    # the tester was given the other one meanwhile, and can do nothing about it either
    await team.fail(await team.take("test"), "there is no test command", retryable=False)
    assert await rest.cards() == []
    for task in tasks:
        await team.review(task)
        await team.merge(task)
    assert await rest.cards() == []
    await team.release()
    # another plan is tested as ever
    other = await rest.plan((await rest.get(f"plans/{plan}"))["project_id"])
    await team.bootstrap()
    (task,) = [task["id"] for task in (await rest.tasks(other["id"])).values()]
    await team.work(task, sha("z"))
    await team.test(task)


async def test_a_card_about_anything_but_a_test_has_no_such_answer(rest: Rest) -> None:
    team, plan = await started(rest)
    _, task = await state(rest, plan)
    await team.work(task, sha("x"))
    await team.test(task)
    await team.fail(await team.take("review"), "no such program", retryable=False)
    (card,) = await rest.cards()
    assert card["options"] == ["retry", "abort"]
    body = {"answer": "untested"}
    assert await rest.refused("POST", f"decisions/{card['id']}/answer", body) == "conflict"
