from __future__ import annotations

from studio.pretend import PretendTeam, Rest

from .surfer import Surfer


async def test_teams_plans_and_cards_of_this_project(rest: Rest, surfer: Surfer) -> None:
    project, other = await rest.project(), await rest.project("github:acme/other")
    elsewhere = await PretendTeam.join(rest, other, workspace="/else")
    await rest.plan(other, [{"title": "Hidden"}])
    team = await PretendTeam.join(rest, project)
    plan = await rest.plan(project, [{"title": "One"}, {"title": "Two"}])
    await team.bootstrap()
    one, two = [each["id"] for each in plan["tasks"]]
    await team.finish(one)
    await surfer.open(f"/projects/{project}")
    text = surfer.text()
    assert "Shop active 1/2" in text
    assert f"{team.name} maestro, dev-1, dev-2, review-1, test-1 1 of 5 at work" in text
    assert elsewhere.name not in text
    await team.finish(two)
    await team.release()
    await surfer.open(f"/projects/{project}?part=teams")
    assert "0 of 5 at work" in surfer.text()
    await rest.delete(f"teams/{team.id}")
    await surfer.open(f"/projects/{project}?part=teams")
    assert "No team works here now" in surfer.text()
    assert f"Ended: {team.name}" in surfer.text()


async def test_active_plans_stand_first(rest: Rest, surfer: Surfer) -> None:
    project = await rest.project()
    for title in ("A draft", "Paused", "Active", "Cancelled"):
        draft = {"title": title, "tasks": [{"title": "x"}]}
        plan = (await rest.post("plans", {"project_id": project, "draft": draft}, status=201))["id"]
        if title != "A draft":
            await rest.post(f"plans/{plan}/activate")
        if title == "Paused":
            await rest.post(f"plans/{plan}/pause")
        if title == "Cancelled":
            await rest.post(f"plans/{plan}/cancel")
    await surfer.open(f"/projects/{project}?part=plans")
    text = surfer.text()
    assert sorted(("Active", "Paused", "A draft", "Cancelled"), key=text.index) == [
        "Active",
        "Paused",
        "A draft",
        "Cancelled",
    ]
