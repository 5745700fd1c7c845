from __future__ import annotations

from studio.pretend import REJECTED, PretendTeam, Rest, sha

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
    assert f"REJECTED {sha('a')[:10]}" in text
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
