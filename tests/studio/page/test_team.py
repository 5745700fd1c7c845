from __future__ import annotations

from maestro_ray.testing import FakeClock
from studio.page.test_decisions import a_card
from studio.pretend import APPROVED, PretendTeam, Rest, sha

from .surfer import Surfer


async def test_the_roster_says_who_does_what_and_when_they_were_heard(
    rest: Rest, surfer: Surfer, clock: FakeClock
) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = (await rest.plan(project))["id"]
    await team.bootstrap()
    await team.take("execute")
    clock.advance(20)
    await rest.post(f"agent-sessions/{team.lead}/heartbeat", {"sessions": [team.sessions["dev-2"]]})
    clock.advance(30)
    await surfer.open(f"/teams/{team.id}?part=roster")
    text = surfer.text()
    assert (
        "maestro lead idle 30 s ago dev-1 dev working execute · One silent for 50 s 50 s ago dev-2 dev idle 30 s ago"
        in text
    )
    assert 'class="late"' in surfer.page
    assert plan


async def test_a_worker_that_left_is_gone_and_one_that_was_lost_is_not(rest: Rest, surfer: Surfer) -> None:
    team = await PretendTeam.join(rest, await rest.project())
    await rest.delete(f"agent-sessions/{team.sessions['dev-2']}")
    await surfer.open(f"/teams/{team.id}?part=roster")
    assert "dev-2" not in surfer.text()
    await rest.delete(f"teams/{team.id}")
    await surfer.open(f"/teams/{team.id}?part=roster")
    assert "Roster ended" in surfer.text()
    assert "dev-2" in surfer.text(), "of a team that is over everybody is shown"


async def test_runs_verdicts_and_messages_of_this_team_alone(rest: Rest, surfer: Surfer) -> None:
    team = await PretendTeam.join(rest, project := await rest.project(), workspace="/a")
    other = await PretendTeam.join(rest, project, workspace="/b")
    plan = await rest.plan(project, [{"title": "One"}, {"title": "Two"}], workspace="/a")
    one, two = [each["id"] for each in plan["tasks"]]
    await team.bootstrap()
    await team.work(one, sha("one"))
    await team.test(one)
    await team.review(one, APPROVED)
    await team.take("execute", two)
    message = {"number": 1, "sender": "dev-1", "kind": "note", "body": {"text": "I found it."}, "at": 1.0}
    await rest.post(f"teams/{team.id}/messages", {"messages": [message]}, status=204)
    await surfer.open(f"/teams/{team.id}")
    text = surfer.text()
    assert "running dev-2 execute · Two" in text or "running dev-1 execute · Two" in text
    assert "succeeded review-1 · review · One" in text
    assert f"APPROVED One review-1 · {sha('one')[:10]} ·" in text
    assert "dev-1 note: I found it." in text
    await surfer.open(f"/teams/{other.id}")
    text = surfer.text()
    assert "Nothing runs now." in text
    assert "I found it." not in text
    assert "APPROVED" not in text


async def test_the_last_messages_oldest_first(rest: Rest, surfer: Surfer) -> None:
    team = await PretendTeam.join(rest, await rest.project())
    messages = [
        {"number": n, "sender": "dev-1", "kind": "note", "body": {"text": f"<{n}>"}, "at": 1.0}
        for n in range(1, 201)
    ]
    await rest.post(f"teams/{team.id}/messages", {"messages": messages}, status=204)
    await surfer.open(f"/teams/{team.id}?part=channel")
    text = surfer.text()
    assert "<121>" in text
    assert "<120>" not in text
    assert text.index("<121>") < text.index("<200>")


async def test_a_directive_is_added_and_cleared(rest: Rest, surfer: Surfer) -> None:
    team = await PretendTeam.join(rest, await rest.project())
    await surfer.open(f"/teams/{team.id}")
    assert "No directive holds." in surfer.text()
    action = f"/do/agent-sessions/{team.lead}/steering"
    await surfer.submit(action, text="Keep the API.")
    assert surfer.at == f"/teams/{team.id}"
    assert "⚑ Keep the API. on its way" in surfer.text()
    (one,) = await rest.get(f"agent-sessions/{team.lead}/steering")
    bodies = [("directive", {"id": one["id"], "text": "Keep the API.", "workers": ["dev-1", "dev-2"]}),
              ("receipt", {"directive": one["id"], "worker": "dev-2", "how": "in-turn"})]  # fmt: skip
    messages = [
        {"number": n, "sender": "x", "kind": kind, "body": body, "at": 1.0}
        for n, (kind, body) in enumerate(bodies, 1)
    ]
    await rest.post(f"teams/{team.id}/messages", {"messages": messages}, status=204)
    await surfer.open(f"/teams/{team.id}?part=steering")
    assert "Keep the API. heard by 1 of 2" in surfer.text()
    assert "dev-2 (in-turn)" in surfer.text()
    await surfer.open(f"/teams/{team.id}")
    await surfer.submit(f"{action}/clear?directive={one['id']}")
    assert "No directive holds." in surfer.text()


async def test_one_of_two_directives_is_cleared(rest: Rest, surfer: Surfer) -> None:
    team = await PretendTeam.join(rest, await rest.project())
    for number, text in enumerate(("One.", "Two."), 1):
        body = {"id": text, "text": text, "workers": []}
        message = {"number": number, "sender": "operator", "kind": "directive", "body": body, "at": 1.0}
        await rest.post(f"teams/{team.id}/messages", {"messages": [message]}, status=204)
    await surfer.open(f"/teams/{team.id}")
    assert "Clear all" in surfer.text()
    await surfer.submit(f"/do/agent-sessions/{team.lead}/steering/clear?directive=One.")
    assert [each["text"] for each in await rest.get(f"agent-sessions/{team.lead}/steering")] == ["Two."]


async def test_a_team_that_is_over_is_not_steered(rest: Rest, surfer: Surfer) -> None:
    team = await PretendTeam.join(rest, await rest.project())
    await surfer.open(f"/teams/{team.id}")
    fields = surfer.hidden(f"/do/agent-sessions/{team.lead}/steering")
    await rest.delete(f"teams/{team.id}")
    await surfer.open(f"/teams/{team.id}")
    assert not [form for form in surfer.forms() if "steering" in form]
    await surfer.post(f"/do/agent-sessions/{team.lead}/steering", {**fields, "text": "x"}, status=409)
    assert "nobody would hear it" in surfer.text()


async def test_what_a_run_said_last_stands_in_the_page(rest: Rest, surfer: Surfer) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await rest.plan(project)
    await team.bootstrap()
    run = await team.take("execute")
    await rest.post(
        f"cli-runs/{run['id']}/chunks", {"worker": "dev-1", "text": "\n  <b>reading</b>\n"}, status=204
    )
    page = await surfer.open(f"/teams/{team.id}?part=runs")
    assert '">\n\n  &lt;b&gt;reading&lt;/b&gt;\n</pre>' in page, (
        "a browser drops the first line end of a <pre>"
    )


async def test_silence_has_an_age_and_a_last_line_and_ends_with_a_word(
    rest: Rest, surfer: Surfer, clock: FakeClock
) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await rest.plan(project)
    await team.bootstrap()
    run = await team.take("execute")
    path, said = f"cli-runs/{run['id']}/chunks", {"worker": "dev-1", "text": "reading\n<b>the tests\n"}
    clock.advance(10)
    await rest.post(path, said, status=204)
    clock.advance(44)
    await surfer.open(f"/teams/{team.id}?part=roster")
    assert "silent" not in surfer.text()
    clock.advance(36)
    await surfer.open(f"/teams/{team.id}?part=roster")
    assert "execute · One silent for 1 min 20 s last: <b>the tests" in surfer.text()
    await rest.post(path, said, status=204)
    await surfer.open(f"/teams/{team.id}?part=roster")
    assert "silent" not in surfer.text()


async def test_who_waits_for_an_account_is_shown_with_its_time(
    rest: Rest, surfer: Surfer, clock: FakeClock
) -> None:
    """Red with a roster that calls whoever holds a run `working`, and everybody else idle without a reason."""
    workers = [("dev-1", "dev"), ("dev-2", "dev"), ("dev-3", "dev")]
    pools = {"dev-1": "anthropic", "dev-2": "anthropic", "dev-3": "openai"}
    team = await PretendTeam.join(rest, project := await rest.project(), workers, pools=pools)
    plan = await rest.plan(project, [{"title": "One"}, {"title": "Two"}, {"title": "Three"}])
    await team.bootstrap()
    one, two, three = [await team.take("execute", each["id"]) for each in plan["tasks"]]
    await team.fail(two, "broken", hold=True)
    await team.pause(one, clock.wall() + 47 * 60)
    await team.fail(three, "401", signed_out=True)
    await surfer.open(f"/teams/{team.id}?part=roster")
    text = surfer.text()
    assert "paused execute · One goes on in 47 min" in text
    assert "dev-2 dev idle the account of anthropic rests, for 47 min" in text
    assert "dev-3 dev idle the account of openai is refused" in text
    await surfer.open(f"/teams/{team.id}?part=runs")
    assert "paused dev-1 execute · One goes on in 47 min" in surfer.text()
    clock.advance(48 * 60)
    await surfer.open(f"/teams/{team.id}?part=roster")
    assert "rests" not in surfer.text()
    assert "is refused" in surfer.text(), "no time ends that"


async def test_what_the_team_waits_for_stands_on_top_and_nothing_of_another(
    rest: Rest, surfer: Surfer
) -> None:
    team, _, project = await a_card(rest)
    other, _, _ = await a_card(rest, "github:acme/other")
    beside = await PretendTeam.join(rest, project, workspace="/b")
    for each in (team, other):
        page = await surfer.open(f"/teams/{each.id}")
        assert surfer.text().count("the disk is full Try again") == 1
        assert page.index("the disk is full") < page.index("Roster")
    await surfer.open(f"/teams/{beside.id}")
    assert "the disk is full" not in surfer.text()
    assert "Waiting for you" not in surfer.text()
