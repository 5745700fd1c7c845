from __future__ import annotations

import pytest

from maestro_ray.studio import schema as t
from maestro_ray.studio.page import cards
from maestro_ray.studio.store import Transaction
from maestro_ray.studio.studio import Studio
from studio.pretend import REJECTED, PretendTeam, Rest, sha
from studio.test_permissions import ask
from studio.test_subtasks import at_work

from .conftest import Enter
from .surfer import Surfer


async def a_card(rest: Rest, key: str = "github:acme/shop") -> tuple[PretendTeam, str, str]:
    """A task that needs a person: the team, its plan and the project."""
    team = await PretendTeam.join(rest, project := await rest.project(key))
    plan = await rest.plan(project)
    await team.bootstrap()
    await team.fail(await team.take("execute"), "the disk is full", hold=True)
    return team, plan["id"], project


async def test_a_card_is_answered_on_the_page(rest: Rest, surfer: Surfer) -> None:
    team, plan, project = await a_card(rest)
    (card,) = await rest.cards()
    for path in ("/decisions", f"/projects/{project}", f"/plans/{plan}"):
        await surfer.open(path)
        assert "One attempts" in surfer.text()
        assert "the disk is full Try again Cancel the task" in surfer.text()
    await surfer.open("/decisions")
    await surfer.submit(f"/do/decisions/{card['id']}/answer")
    assert surfer.at == "/decisions"
    assert "Nothing waits for you." in surfer.text()
    assert "the disk is full retry" in surfer.text()
    assert ("execute", "dev-1") in await team.offered()


async def test_an_answer_that_comes_too_late_is_told(rest: Rest, surfer: Surfer) -> None:
    await a_card(rest)
    (card,) = await rest.cards()
    await surfer.open("/decisions")
    await rest.answer("retry")
    await surfer.submit(f"/do/decisions/{card['id']}/answer", status=409)
    assert "the card was already answered: retry" in surfer.text()


async def test_a_member_sees_the_card_and_who_may_answer(rest: Rest, enter: Enter) -> None:
    _, _, project = await a_card(rest)
    await a_card(rest, "github:acme/other")
    member = await enter("member", project)
    await member.open("/decisions")
    assert "A lead, an architect or an owner answers it." in member.text()
    assert member.text().count("the disk is full") == 1
    lead = await enter("lead", project)
    await lead.open("/decisions")
    assert lead.text().count("Try again") == 1


async def test_of_more_cards_than_a_page_holds_the_oldest_are_shown(
    rest: Rest, surfer: Surfer, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that waits longest is never out of sight."""
    monkeypatch.setattr(cards, "MOST", 2)
    project = await rest.project()

    def ask(tx: Transaction) -> None:
        for number in range(3):
            tx.insert(
                t.decisions, project_id=project, kind="project", question=f"question {number}", options=["ok"]
            )

    await studio.store.write(ask)
    for path in ("/decisions", f"/projects/{project}"):
        await surfer.open(path)
        assert "question 0" in surfer.text()
        assert "question 2" not in surfer.text()
        assert "1 more, newer" in surfer.text()
    assert "Waiting for you 3" in surfer.text()
    oldest = t.decisions.update().where(t.decisions.c.question == "question 0")
    await studio.store.write(lambda tx: tx.execute(oldest.values(status="answered")))
    await surfer.open(f"/projects/{project}")
    assert "question 2" in surfer.text()
    assert "more, newer" not in surfer.text()


async def test_a_card_of_a_plan_names_the_plan(rest: Rest, surfer: Surfer) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await rest.plan(project)
    await team.fail(await team.take("bootstrap_epic"), "no such branch: main", hold=True)
    await surfer.open("/decisions")
    assert "Shop bootstrap epic" in surfer.text()
    assert "no such branch: main Try again Cancel the plan" in surfer.text()


async def test_a_question_of_an_agent_is_shown_whole_and_answered(rest: Rest, surfer: Surfer) -> None:
    team, _, run = await at_work(rest)
    command = "echo <b>\n" + "x" * 3000 + " \u202eend"
    await ask(rest, run, command=command, length=len(command))
    (card,) = await rest.cards()
    await surfer.open(f"/teams/{team.id}?part=roster")
    assert "waiting waits for permission · asked 0 s ago · execute" in surfer.text()
    await surfer.open("/decisions")
    text = surfer.text()
    assert "dev-1 (claude) asks for leave to use Bash" in text
    assert "x" * 3000 + " ⟦U+202E⟧end" in text
    assert "<b>" not in surfer.page
    assert card["about"]["hash"] in text
    assert "Allow once Allow for this run Deny" in text
    await surfer.post(
        f"/do/decisions/{card['id']}/answer",
        {**surfer.hidden(f"/do/decisions/{card['id']}/answer"), "answer": "deny", "reason": "no"},
    )
    (question,) = await rest.get(f"cli-runs/{run['id']}/permissions")
    assert (question["answer"], question["reason"]) == ("deny", "no")
    await surfer.open("/audit")
    assert "permission deny" in surfer.text()
    assert "echo <b>" in surfer.text()


async def test_a_card_at_the_cap_shows_what_was_judged(rest: Rest, surfer: Surfer) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project, revision_cap=0)
    await team.bootstrap()
    await team.complete(await team.take("execute"), commit=sha("a"))
    await team.test(plan["tasks"][0]["id"], exit_code=2)
    await team.complete(await team.take("review"), output=REJECTED)
    await surfer.open("/decisions")
    text = surfer.text()
    assert "What was judged REJECTED review-1" in text
    assert "make test · exit code 2 · 1 passed" in text


async def test_a_proposed_plan_is_sent_back_with_a_reason(rest: Rest, surfer: Surfer) -> None:
    team = await PretendTeam.join(rest, project := await rest.project(), serves_all=False)
    asked = {"purpose": "plan", "note": "Sell more", "session_id": team.lead}
    await rest.post(f"projects/{project}/analysis", asked, status=201)
    await surfer.open(f"/teams/{team.id}")
    assert "Sell more" in surfer.text()
    await team.complete(await team.take("plan"), draft={"title": "Shop", "tasks": [{"title": "A"}]})
    (card,) = await rest.cards()
    await surfer.open("/decisions")
    assert "Ask for another plan" in surfer.text()
    path = f"/do/decisions/{card['id']}/answer"
    await surfer.submit(path, answer="reject", reason="Too small <b>")
    assert "carry it out? Too small <b> reject" in surfer.text()
    assert (await team.take("plan"))["rejected"][0]["reason"] == "Too small <b>"
