from __future__ import annotations

from maestro_ray.testing import FakeClock
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
        "maestro lead idle 30 s ago dev-1 dev working execute · One 50 s ago dev-2 dev idle 30 s ago" in text
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
    assert f"APPROVED One {sha('one')[:10]}" in text
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
