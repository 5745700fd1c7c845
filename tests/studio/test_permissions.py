"""What agents ask leave for: one card for each question, answered once, and a record of every decision."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from .conftest import Published
from .pretend import Json, Rest, sha
from .test_subtasks import at_work

pytestmark = pytest.mark.sqlite_only("nothing here depends on the database")

HASH = hashlib.sha256(b"git push").hexdigest()


async def ask(
    rest: Rest, run: Json, request: str = "1.0", *, status: int = 204, key: str = "", **more: Any
) -> None:
    body = {
        "epoch": run["epoch"], "request": request, "ruling": "ask", "tool": "Bash", "command": "git push", "hash": HASH,
        "length": 8, "agent": "claude", "by": "policy", "why": "the rule ask shell(git push*)",
    }  # fmt: skip
    await rest.call("POST", f"cli-runs/{run['id']}/permission", {**body, **more}, status=status, key=key)


async def answer(rest: Rest, word: str, **more: str) -> Json:
    (card,) = await rest.cards()
    return await rest.post(f"decisions/{card['id']}/answer", {"answer": word, **more})


async def record(rest: Rest) -> list[Json]:
    return [row["detail"] for row in await rest.get("audit") if row["action"] == "permission"]


async def test_a_question_is_a_card_bound_to_run_epoch_request_and_command(
    rest: Rest, published: Published
) -> None:
    _, plan, run = await at_work(rest)
    await ask(rest, run)
    await ask(rest, run)
    (card,) = await rest.cards()
    assert (card["kind"], card["run_id"], card["plan_id"]) == ("permission", run["id"], plan)
    assert card["options"] == ["allow", "allow-run", "deny"]
    assert card["about"] | {"epoch": run["epoch"], "request": "1.0", "tool": "Bash"} == card["about"]
    assert (card["about"]["command"], card["about"]["hash"]) == ("git push", HASH)
    assert (card["about"]["worker"], card["about"]["agent"]) == ("dev-1", "claude")
    assert "git push" in card["question"]
    told = [params["decision"] for _, method, params in published if method == "decision.requested"]
    assert [each["about"]["request"] for each in told] == ["1.0"]


async def test_the_answer_is_told_kept_and_recorded_with_who_gave_it(
    rest: Rest, published: Published
) -> None:
    _, _, run = await at_work(rest)
    await ask(rest, run)
    given = await answer(rest, "deny", reason="  not on Friday ")
    assert (given["status"], given["answer"], given["reason"]) == ("answered", "deny", "not on Friday")
    (question,) = await rest.get(f"cli-runs/{run['id']}/permissions")
    assert (question["request"], question["answer"], question["reason"]) == ("1.0", "deny", "not on Friday")
    (row,) = [row for row in await rest.get("audit") if row["action"] == "permission"]
    me = await rest.get("me")
    assert (row["user_id"], row["subject"]) == (me["id"], f"cli-runs/{run['id']}")
    assert (
        row["detail"] | {"ruling": "deny", "hash": HASH, "command": "git push", "by": "operator"}
        == row["detail"]
    )
    told = [params["decision"] for _, method, params in published if method == "decision.answered"]
    assert told[0]["about"]["request"] == "1.0"
    # the task goes on as it was
    assert (await rest.get(f"cli-runs/{run['id']}"))["state"] == "running"


async def test_a_card_is_answered_once_and_with_its_own_words(rest: Rest) -> None:
    _, _, run = await at_work(rest)
    await ask(rest, run)
    (card,) = await rest.cards()
    path = f"decisions/{card['id']}/answer"
    assert await rest.refused("POST", path, {"answer": "retry"}) == "conflict"
    await rest.post(path, {"answer": "allow"})
    assert await rest.refused("POST", path, {"answer": "deny"}) == "conflict"
    assert [each["ruling"] for each in await record(rest)] == ["allow"]


async def test_what_was_allowed_for_the_run_is_not_asked_again_in_it(rest: Rest) -> None:
    """Nor after a cut, when another worker has the run; but exactly that, and in this run."""
    _, _, run = await at_work(rest)
    await ask(rest, run)
    await answer(rest, "allow-run")
    await ask(rest, run, "1.1")
    assert await rest.cards() == []
    again = (await rest.get(f"cli-runs/{run['id']}/permissions"))[-1]
    assert (again["request"], again["status"], again["answer"]) == ("1.1", "answered", "allow-run")
    assert len(await record(rest)) == 2
    await ask(rest, run, "1.2", hash="0" * 64)
    assert len(await rest.cards()) == 1


async def test_allowed_once_is_allowed_once(rest: Rest) -> None:
    _, _, run = await at_work(rest)
    await ask(rest, run)
    await answer(rest, "allow")
    await ask(rest, run, "1.1")
    assert len(await rest.cards()) == 1


@pytest.mark.parametrize("end", ["complete", "fail", "interrupt", "withdrawn"])
async def test_the_card_of_an_agent_that_waits_no_longer_is_closed_and_an_answer_says_so(
    rest: Rest, end: str
) -> None:
    """Protection: `unasked.close` in `runs.step`, and for a withdrawn question in `permissions`."""
    _, _, run = await at_work(rest)
    await ask(rest, run)
    (card,) = await rest.cards()
    if end == "withdrawn":
        await ask(rest, run, ruling="withdrawn")
    else:
        more = {"complete": {"result": {"commit": sha("x")}}, "fail": {"reason": "no"}}.get(end, {})
        await rest.post(f"cli-runs/{run['id']}/{end}", {"epoch": run["epoch"], **more}, status=204)
    assert [each for each in await rest.cards() if each["kind"] == "permission"] == []
    problem = await rest.call("POST", f"decisions/{card['id']}/answer", {"answer": "allow"}, status=409)
    assert "waits for no answer any more" in problem["detail"]
    assert await record(rest) == []


async def test_an_answer_that_an_agent_did_not_wait_for_is_recorded_as_late(rest: Rest) -> None:
    _, _, run = await at_work(rest)
    await ask(rest, run)
    await answer(rest, "allow")
    await ask(rest, run, ruling="withdrawn")
    assert [each["ruling"] for each in await record(rest)] == ["allow", "late"]


async def test_what_a_policy_rules_is_recorded_and_no_card(rest: Rest) -> None:
    _, _, run = await at_work(rest)
    await ask(rest, run, ruling="deny", key="once")
    await ask(rest, run, ruling="deny", key="once")
    await ask(rest, run, "1.1", ruling="allow")
    assert await rest.cards() == []
    rows = await record(rest)
    assert [(each["ruling"], each["by"], each["worker"]) for each in rows] == [("deny", "policy", "dev-1"), ("allow", "policy", "dev-1")]  # fmt: skip


async def test_who_does_not_hold_the_run_asks_nothing(rest: Rest) -> None:
    _, _, run = await at_work(rest)
    await rest.post(f"cli-runs/{run['id']}/interrupt", {"epoch": run["epoch"]}, status=204)
    await ask(rest, run, status=409)
    assert await rest.cards() == []


async def test_a_secret_in_a_command_is_in_no_record(rest: Rest) -> None:
    _, _, run = await at_work(rest)
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    await ask(rest, run, ruling="allow", command=f"curl -H 'Authorization: token {secret}' x")
    (row,) = await record(rest)
    assert secret not in row["command"]
    assert row["hash"] == HASH


async def test_a_question_of_another_life_closes_what_the_one_before_asked(rest: Rest) -> None:
    """A worker that is back with the same handover knows nothing of the first card. Red without `_close_earlier`."""
    _, _, run = await at_work(rest)
    await ask(rest, run, "aaaa-1.0")
    await ask(rest, run, "bbbb-1.0", hash="0" * 64, command="git push --force")
    await ask(rest, run, "bbbb-1.1", hash="1" * 64)
    assert [card["about"]["request"] for card in await rest.cards()] == ["bbbb-1.0", "bbbb-1.1"]
    questions = await rest.get(f"cli-runs/{run['id']}/permissions")
    assert [each["status"] for each in questions] == ["superseded", "open", "open"]


async def test_two_questions_of_one_name_are_not_one(rest: Rest) -> None:
    """An answer to the first would be leave for the second."""
    _, _, run = await at_work(rest)
    await ask(rest, run)
    await ask(rest, run, hash="0" * 64, status=409)
    await ask(rest, run, tool="Edit", status=409)
