"""What a person sees and answers when a team of real agents needs them, in a real Chromium, with scripts and without."""

from __future__ import annotations

from typing import Any

import pytest

from .chromium import PHONE
from .conftest import Desk
from .night import HIDDEN, PUSH, Night, asked

CARD = ".decision:has-text({!r})"

# what of the page reaches out of what it stands in, or out of the window
OUTSIDE = """[...document.querySelectorAll("main button, main .tag, main pre, main input, main code, main td, main p")]
  .filter((each) => each.checkVisibility())
  .filter((each) => {
    const box = (each.closest(".decision, .panel, .run, .roster, main").getBoundingClientRect());
    const own = each.getBoundingClientRect();
    return own.right > box.right + 1 || own.left < box.left - 1;
  })
  .map((each) => `${each.tagName} ${each.textContent.slice(0, 60)}`)"""


async def look(desk: Desk, path: str, *, scripts: bool = True) -> None:
    """Open a page, in a browser that runs scripts or in one that does not."""
    if not scripts:
        await desk.window.open(scripts=False, cookies=await desk.window.cookies())
    await desk.open(path, live=scripts)


async def question(desk: Desk, run: Any) -> Any:
    (one,) = await desk.rest.get(f"cli-runs/{run['id']}/permissions")
    return one


async def test_nothing_reaches_out_of_its_place_on_a_desk_or_a_phone(desk: Desk, night: Night) -> None:
    """Red with buttons of one line: an agent's answer of several words stands in the next card, or beside the page."""
    for path in (*night.views.values(), *night.beside.values()):
        await desk.open(path)
        for size in ((1280, 800), PHONE, (320, 640)):
            await desk.window.resize(size)
            assert await desk.window.evaluate("document.documentElement.scrollWidth") <= size[0], (path, size)
            assert await desk.window.evaluate(OUTSIDE) == [], (path, size)
        assert await desk.window.problems() == [], path


async def test_all_of_a_command_is_seen_before_it_is_allowed(desk: Desk, night: Night) -> None:
    """Red with the height that the output of an agent has: the last line of a command is below its edge."""
    await desk.open("/decisions")
    for command in (PUSH, HIDDEN):
        pre = f"{CARD.format(command[-12:])} pre"
        assert await desk.window.text(pre) == command
    cut = "[...document.querySelectorAll('.asked')].filter((each) => each.scrollHeight > each.clientHeight + 1).length"
    assert await desk.window.evaluate(cut) == 0


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
async def test_a_question_for_leave_is_answered_on_the_page(desk: Desk, night: Night, scripts: bool) -> None:
    """Its card is gone, the other stays, and the answer is bound to what was shown."""
    await look(desk, f"/teams/{night.team.id}", scripts=scripts)
    window, card = desk.window, CARD.format("git push --force-with-lease")
    shown = await window.text(card)
    one = await question(desk, night.runs["umlauts"])
    assert one["hash"] in shown.replace("\n", "")
    assert "the rule ask shell(git push*)" in shown
    await window.click(f"{card} button:text-is('Allow once')")
    await window.wait(card, "detached")
    assert (await question(desk, night.runs["umlauts"]))["answer"] == "allow"
    other = CARD.format("docker compose")
    await window.fill(f"{other} input[name=reason]", "nobody watches: tomorrow, please")
    await window.click(f"{other} button:text-is('Deny')")
    await window.wait(other, "detached")
    answered = await question(desk, night.runs["index"])
    assert (answered["answer"], answered["reason"]) == ("deny", "nobody watches: tomorrow, please")
    assert (await window.address()).endswith(f"/teams/{night.team.id}")
    await desk.open("/audit", live=scripts)
    assert "nobody watches: tomorrow, please" in await window.text("main")


async def test_leave_for_the_whole_run_asks_no_more_for_the_same(desk: Desk, night: Night) -> None:
    run = night.runs["umlauts"]
    await desk.open("/decisions")
    await desk.window.click(f"{CARD.format('git push')} button:text-is('Allow for this run')")
    await desk.window.wait(CARD.format("git push"), "detached")
    body = asked(run, PUSH, "the rule ask shell(git push*)", "1.2")
    await desk.rest.post(f"cli-runs/{run['id']}/permission", body, status=204)
    assert [each["answer"] for each in await desk.rest.get(f"cli-runs/{run['id']}/permissions")] == [
        "allow-run"
    ] * 2


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
async def test_a_cap_is_raised_on_the_page(desk: Desk, night: Night, scripts: bool) -> None:
    await look(desk, f"/teams/{night.team.id}", scripts=scripts)
    window, card = desk.window, CARD.format("the budget of the team is used up")
    assert "$12.83 of $12.00" in await window.text("#part-usage")
    assert await window.count("#part-usage progress.late") == 1
    await window.click(f"{card} button:has-text('Raise it by $12.00')")
    await window.wait(card, "detached")
    team = await desk.rest.get(f"teams/{night.team.id}")
    assert team["budget"]["cap_usd"] == 24.0
    if scripts:
        await window.wait("#part-usage:has-text('$12.83 of $24.00')")
    assert "$12.83 of $24.00" in await window.text("#part-usage")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
async def test_a_proposal_is_sent_back_with_a_reason(desk: Desk, night: Night, scripts: bool) -> None:
    """What it would be is read on the card, and the next plan is made with the reason in mind."""
    await look(desk, f"/teams/{night.lead.id}", scripts=scripts)
    window, card = desk.window, CARD.format("Pay by invoice")
    assert "dev, after Print the invoice" in await window.text(f"{card} .proposed")
    await window.fill(f"{card} textarea", "Remind once, and let a person do the rest.")
    await window.click(f"{card} button:text-is('Ask for another plan')")
    await window.wait(card, "detached")
    run = await night.lead.take("plan")
    assert run["rejected"][0]["reason"] == "Remind once, and let a person do the rest."


async def test_a_proposal_without_a_word_is_not_sent_back(desk: Desk, night: Night) -> None:
    await desk.open("/decisions")
    card = CARD.format("Pay by invoice")
    await desk.window.click(f"{card} button:text-is('Ask for another plan')")
    assert await desk.window.evaluate("document.activeElement.name") == "reason"
    assert await desk.window.count(card) == 1
    await desk.window.click(f"{card} button:text-is('Carry it out')")
    await desk.window.wait(card, "detached")
    assert ("bootstrap_epic", "lead") in await night.lead.offered()


async def test_an_answer_of_an_agents_own_and_a_new_sign_in(desk: Desk, night: Night) -> None:
    await desk.open(night.beside["blocked"])
    assert "Blocked: The stock service answers 503" in await desk.window.text("#part-facts")
    words = "15 minutes, and the page says so"
    await desk.window.click(f"button:text-is({words!r})")
    await desk.window.wait(CARD.format("How old may an answer"), "detached")
    await desk.window.wait(f"#part-comments:has-text({words!r})")
    await desk.open(f"/teams/{night.team.id}")
    await desk.window.wait("#part-roster:has-text('the account of openai is refused')")
    await desk.window.click("button:text-is('I have signed in: go on')")
    await desk.window.wait(CARD.format("401 Unauthorized"), "detached")
    assert "the account of openai is refused" not in await desk.window.text("#part-roster")


async def test_the_cards_by_keyboard_alone(desk: Desk, night: Night) -> None:
    """Each is reached in its order: the command, the answers as they are read, why not, deny."""
    await desk.open(f"/teams/{night.team.id}")
    window = desk.window
    heading = CARD.format("git push")
    await window.evaluate(
        "[...document.querySelectorAll('.decision')].find((each) => each.textContent.includes('git push')).querySelector('a').focus()"
    )
    met = []
    for _ in range(5):
        await window.press("Tab")
        met.append(
            await window.evaluate(
                "(() => { const at = document.activeElement; return at.getAttribute('aria-label') ?? at.textContent.trim(); })()"
            )
        )
    assert met == [
        "What would be done",
        "Allow once",
        "Allow for this run",
        "Why not: the agent reads it",
        "Deny",
    ]
    await window.press("Shift+Tab", "n", "o", "Enter")
    await window.wait(heading, "detached")
    answered = await question(desk, night.runs["umlauts"])
    assert (answered["answer"], answered["reason"]) == ("deny", "no"), (
        "Enter in the field denies, and nothing else"
    )


async def test_what_one_writes_in_a_card_outlives_another_card(desk: Desk, night: Night) -> None:
    """A card that is answered elsewhere takes nothing from under the hands of who writes.

    Red with cards without ids: a reason, and the button that has the focus, are then those of the next card.
    """
    await desk.open(f"/teams/{night.team.id}")
    await desk.window.fill(f"{CARD.format('docker compose')} input[name=reason]", "half a sen")
    cards = {card["kind"]: card["id"] for card in await desk.rest.cards()}
    await desk.rest.post(f"decisions/{cards['revision_cap']}/answer", {"answer": "retry"})
    await desk.window.wait(CARD.format("rejected after 0 revisions"), "detached")
    await desk.window.press("t")
    field = f"{CARD.format('docker compose')} input[name=reason]"
    assert await desk.window.evaluate("document.activeElement.value") == "half a sent"
    assert await desk.window.count(f"{field}:focus") == 1
    await desk.window.click(f"{CARD.format('docker compose')} button:text-is('Deny')")
    await desk.window.wait(CARD.format("docker compose"), "detached")
    assert (await question(desk, night.runs["index"]))["reason"] == "half a sent"


async def test_a_pause_counts_down_and_says_when_it_is_due(desk: Desk, night: Night) -> None:
    await desk.open(f"/teams/{night.team.id}")
    due = "document.querySelector('#part-runs time[data-due]')"
    assert await desk.window.evaluate(f"{due}.textContent") in ("46 min", "45 min", "44 min")
    await desk.window.evaluate(f"{due}.dateTime = new Date(Date.now() + 90000).toISOString()")
    await desk.window.until(f"{due}.textContent === '1 min'")
    await desk.window.evaluate(f"{due}.dateTime = new Date(Date.now() - 1000).toISOString()")
    await desk.window.until(f"{due}.textContent === 'any moment'")
