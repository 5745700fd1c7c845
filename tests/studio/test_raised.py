from __future__ import annotations

from maestro_ray.model.raised import PER_RUN

from .conftest import Published
from .pretend import Json, PretendTeam, Rest, sha
from .test_subtasks import at_work


async def raised(rest: Rest, run: Json, action: str, status: int = 201, **body: object) -> Json:
    return await rest.post(f"cli-runs/{run['id']}/{action}", {"epoch": run["epoch"], **body}, status=status)


async def blockers(rest: Rest, run: Json) -> list[tuple[str, str]]:
    found = await rest.get(f"tasks/{run['task']['id']}/blockers")
    return [(each["kind"], each["text"]) for each in found]


async def again(team: PretendTeam, run: Json) -> Json:
    """The run fails and the next of its task is taken up."""
    await team.fail(run, "no such table")
    return await team.take("execute")


async def test_a_blocker_stands_until_the_next_run_of_its_task_has_ended(rest: Rest) -> None:
    """Red without `run_id >= last` in studio/raised.py."""
    team, _, run = await at_work(rest)
    one = await raised(rest, run, "blocker", text="no\ntable")
    assert (await raised(rest, run, "blocker", text="no table"))["id"] == one["id"]
    assert await blockers(rest, run) == [("reported", "no table")]
    run = await again(team, run)
    assert await blockers(rest, run) == [("reported", "no table")]
    await team.complete(run, commit=sha("one"))
    assert await blockers(rest, run) == []


async def test_a_run_raises_a_few_and_nothing_that_is_no_text(rest: Rest) -> None:
    _, _, run = await at_work(rest)
    path = f"cli-runs/{run['id']}"
    for number in range(PER_RUN):
        await raised(rest, run, "blocker", text=str(number))
        await raised(rest, run, "decision", question=str(number), options=["a", "b"])
    for action, body in (
        ("blocker", {"text": "more"}),
        ("decision", {"question": "more", "options": ["a", "b"]}),
        ("blocker", {"text": " "}),
        ("decision", {"question": "x", "options": ["a"]}),
    ):
        answer = await rest.refused("POST", f"{path}/{action}", {"epoch": run["epoch"], **body}, status=409)
        assert answer == "conflict"
    stale = {"epoch": run["epoch"] - 1, "text": "late"}
    assert await rest.refused("POST", f"{path}/blocker", stale, status=409) == "stale_epoch"


async def test_the_answer_to_a_question_is_a_comment_and_a_word_to_the_team(
    rest: Rest, published: Published
) -> None:
    team, _, run = await at_work(rest)
    card = await raised(rest, run, "decision", question="Which name?", options=["w", "c d"])
    assert (card["kind"], card["question"], card["options"]) == ("question", "One: Which name?", ["w", "c d"])
    same = await raised(rest, run, "decision", question="Which name?", options=["x", "y"])
    assert same["id"] == card["id"]
    assert await blockers(rest, run) == [("question", "One: Which name?")]
    await rest.post(f"decisions/{card['id']}/answer", {"answer": "c d"})
    assert await blockers(rest, run) == []
    text = "The answer is 'c d', to the question: One: Which name?"
    (waiting,) = await rest.get(f"teams/{team.id}/inbox")
    assert (waiting["kind"], waiting["body"], waiting["author"]) == ("said", {"text": text}, "operator")
    run = await again(team, run)
    assert [(each["author"], each["body"]) for each in run["comments"]] == [("operator", text)]
    told = [params["decision"]["status"] for _, method, params in published if method == "decision.answered"]
    assert told == ["answered"]


async def test_a_question_outlives_a_pause_of_its_task_and_not_its_end(rest: Rest) -> None:
    """Red when a resumed task withdraws every card: `_withdraw_cards` in studio/loop.py."""
    _, _, run = await at_work(rest)
    await raised(rest, run, "decision", question="Which?", options=["a", "b"])
    task = f"tasks/{run['task']['id']}"
    await rest.post(f"{task}/pause", status=204)
    assert [kind for kind, _ in await blockers(rest, run)] == ["question", "resume"]
    await rest.post(f"{task}/resume", status=204)
    assert [kind for kind, _ in await blockers(rest, run)] == ["question"]
    await rest.post(f"{task}/abort", status=204)
    assert await blockers(rest, run) == []
    assert await rest.cards() == []


async def test_the_question_of_a_team_that_is_gone_can_be_answered(rest: Rest) -> None:
    team, _, run = await at_work(rest)
    card = await raised(rest, run, "decision", question="Which?", options=["a", "b"])
    await rest.delete(f"teams/{team.id}", status=204)
    await rest.post(f"decisions/{card['id']}/answer", {"answer": "a"})
    (said,) = await rest.get(f"tasks/{run['task']['id']}/comments")
    assert said["body"].startswith("The answer is 'a'")
