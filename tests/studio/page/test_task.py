from __future__ import annotations

from studio.page.test_decisions import a_card
from studio.pretend import REJECTED, PretendTeam, Rest, sha
from studio.test_subtasks import at_work

from .surfer import Surfer


async def test_a_task_with_its_verdicts_runs_and_comments(rest: Rest, surfer: Surfer) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    tasks = [
        {"title": "One", "description": "All of it."},
        {"title": "Two", "depends": ["one"], "test": "make two"},
    ]
    plan = (await rest.plan(project, tasks))["id"]
    await team.bootstrap()
    one, two = [each["id"] for each in (await rest.tasks(plan)).values()]
    await team.work(one, sha("a"))
    await team.test(one)
    await team.review(one, "I looked.\n" + REJECTED)
    await surfer.open(f"/tasks/{one}")
    text = surfer.text()
    assert "One awaiting review" in text
    assert "All of it." in text
    assert f"REJECTED review-1 · {sha('a')[:10]} ·" in text
    assert "the test is red" in text
    assert "make test · exit code 0 · 1 passed" in text
    assert "review succeeded" in text
    assert "I looked. VERDICT: REJECTED" in text
    assert f'title="{sha("a")}"' in surfer.page
    await surfer.open(f"/tasks/{two}")
    assert "after One awaiting review" in surfer.text()
    assert "test make two" in surfer.text()
    assert (await rest.get(f"tasks/{two}/blockers"))[0]["text"] in surfer.text()


async def test_a_comment_is_written_on_the_page(rest: Rest, surfer: Surfer) -> None:
    plan = (await rest.plan(await rest.project()))["id"]
    (task,) = (await rest.tasks(plan)).values()
    await surfer.open(f"/tasks/{task['id']}")
    await surfer.submit(f"/do/tasks/{task['id']}/comments", body="Mind the gap.")
    assert surfer.at == f"/tasks/{task['id']}"
    assert "Mind the gap." in surfer.text()
    (comment,) = await rest.get(f"tasks/{task['id']}/comments")
    assert comment["body"] == "Mind the gap."


async def test_what_waits_for_a_person_is_answered_there_and_said_once(rest: Rest, surfer: Surfer) -> None:
    _, plan, _ = await a_card(rest)
    (task,) = (await rest.tasks(plan)).values()
    (card,) = await rest.cards()
    await surfer.open(f"/tasks/{task['id']}")
    assert surfer.text().count("failed (attempt 1): the disk is full") == 1
    await surfer.submit(f"/do/decisions/{card['id']}/answer")
    assert surfer.at == f"/tasks/{task['id']}"
    assert "Waiting for you" not in surfer.text()


async def test_a_blocker_that_an_agent_raised_is_said_to_be_one(rest: Rest, surfer: Surfer) -> None:
    _, _, run = await at_work(rest)
    body = {"epoch": run["epoch"], "text": "the service is away"}
    await rest.post(f"cli-runs/{run['id']}/blocker", body, status=201)
    await surfer.open(f"/tasks/{run['task']['id']}")
    assert "blocked: the service is away" in surfer.text()
