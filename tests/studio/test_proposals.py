from __future__ import annotations

from .pretend import Json, PretendTeam, Rest, sha

DRAFT = {
    "title": "Sell more",
    "base": "main",
    "tasks": [{"id": "a", "title": "A"}, {"id": "b", "title": "B"}],
}


async def planning(rest: Rest, **team: bool) -> tuple[PretendTeam, Json]:
    """A team, and a run of purpose `plan` it works on."""
    joined = await PretendTeam.join(rest, project := await rest.project(), **team)  # type: ignore[arg-type]  # bools
    await rest.post(f"projects/{project}/analysis", {"purpose": "plan", "note": "sell more"}, status=201)
    return joined, await joined.take("plan")


async def proposed(rest: Rest, run: Json) -> Json:
    body = {"epoch": run["epoch"], "draft": DRAFT}
    return await rest.post(f"cli-runs/{run['id']}/plan-proposal", body, status=201)


async def test_a_proposal_is_a_draft_and_a_card_and_starts_when_it_is_approved(rest: Rest) -> None:
    team, run = await planning(rest)
    told = await proposed(rest, run)
    await team.complete(run)
    plan = await rest.get(f"plans/{told['plan_id']}")
    assert (plan["status"], plan["title"], plan["proposed_by"]) == ("draft", "Sell more", run["id"])
    (card,) = await rest.cards()
    assert (card["id"], card["kind"], card["options"]) == (
        told["decision_id"], "proposal", ["approve", "reject"],
    )  # fmt: skip
    # by this a team knows the card of its own lead
    assert card["about"] == {"team": team.id}
    assert await team.held() == []
    retry = {"answer": "retry"}
    assert await rest.refused("POST", f"decisions/{card['id']}/answer", retry) == "conflict"
    await rest.answer("approve")
    assert (await rest.get(f"plans/{plan['id']}"))["status"] == "active"
    await team.bootstrap()
    assert len(await team.held()) == 2


async def test_a_proposal_that_is_rejected_leaves_nothing_to_do(rest: Rest) -> None:
    team, run = await planning(rest)
    told = await proposed(rest, run)
    await team.complete(run)
    await rest.answer("reject")
    assert (await rest.get(f"plans/{told['plan_id']}"))["status"] == "cancelled"
    assert (await team.held(), await rest.cards()) == ([], [])


async def test_who_starts_or_cancels_the_draft_needs_no_card(rest: Rest) -> None:
    team, run = await planning(rest)
    told = await proposed(rest, run)
    await rest.post(f"plans/{told['plan_id']}/activate")
    assert await rest.cards() == []
    assert ("bootstrap_epic", "lead") in await team.offered()


async def test_a_run_proposes_one_plan_and_only_a_planning_one_does(rest: Rest) -> None:
    team, run = await planning(rest)
    path, body = f"cli-runs/{run['id']}/plan-proposal", {"epoch": run["epoch"], "draft": DRAFT}
    first = await rest.post(path, body, status=201, key="k")
    assert await rest.post(path, body, status=201, key="k") == first
    assert await rest.refused("POST", path, body) == "conflict"
    assert await rest.refused("POST", path, {**body, "epoch": 9}) == "stale_epoch"
    bad = {**body, "draft": {"title": "x"}}
    assert await rest.refused("POST", path, bad, status=422) == "plan_file_error"
    await team.complete(run)
    assert await rest.refused("POST", path, body) == "conflict"
    await rest.answer("approve")
    await team.bootstrap()
    work = await team.claim((await team.held())[0])
    body = {"epoch": work["epoch"], "draft": DRAFT}
    assert await rest.refused("POST", f"cli-runs/{work['id']}/plan-proposal", body) == "conflict"
    await team.complete(work, commit=sha("x"))
    assert len(await rest.get("plans")) == 1
