"""Budgets in Studio: reserved before it is spent, counted once, and a card at the cap."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from maestro_ray.studio import identity, sessions, wake
from maestro_ray.studio import schema as t
from maestro_ray.studio.studio import Studio
from maestro_ray.testing import FakeClock

from .conftest import Published
from .pretend import Enter, PretendTeam, Rest, sha

Json = Any
TWO = ({"title": "One"}, {"title": "Two"})


async def begin(rest: Rest, tasks: Any = TWO, **budget: float) -> tuple[PretendTeam, str]:
    project = await rest.project()
    team = await PretendTeam.join(rest, project, budget=budget)
    plan = await rest.plan(project, tasks, team_id=team.id, attempts=9)
    await team.bootstrap()
    return team, plan["id"]


async def tell(
    rest: Rest, run: Json, usd: float, tokens: int = 0, *, number: int = 1, meter: str = "m", ask: bool = True, **more: Any
) -> Json:  # fmt: skip
    """A report of a meter: all it has counted so far."""
    counts = {"model": "opus", "input_tokens": tokens, "cost_usd": usd, **more}
    used = {"meter": f"{meter}-{run['id'][-8:]}", "number": number, "models": [counts], "provider": "claude"}
    body = {"epoch": run["epoch"], "usage": {**used, "session_id": run["session_id"]}, "ask": ask}
    return await rest.post(f"cli-runs/{run['id']}/spent", body)


async def claimed(rest: Rest, team: PretendTeam) -> list[Json]:
    held = [run for run in await team.held() if run["state"] == "dispatched" and run["purpose"] == "execute"]
    return [await team.claim(run) for run in held]


async def standing(rest: Rest, team: PretendTeam) -> Json:
    return (await rest.get(f"teams/{team.id}"))["budget"]


async def ledger(studio: Studio) -> tuple[float, float]:
    """What was spent by the bills, and what is reserved."""

    def sums(tx: Any) -> tuple[float, float]:
        total = [
            sa.func.coalesce(sa.func.sum(column), 0.0)
            for column in (t.bills.c.cost_usd, t.reservations.c.usd)
        ]
        return tuple(float(tx.execute(sa.select(each)).scalar_one()) for each in total)  # type: ignore[return-value]

    return await studio.store.read(sums)


async def test_a_team_without_caps_is_only_counted(rest: Rest, studio: Studio) -> None:
    team, _ = await begin(rest)
    one, _ = await claimed(rest, team)
    assert one["budget"] is False
    answer = await tell(rest, one, 2.5, 1000)
    assert (answer["granted"], answer["usd"], answer["tokens"]) == (True, None, None)
    assert await ledger(studio) == (2.5, 0.0)
    assert (await standing(rest, team))["burn"] == "$2.50 · 1k tokens"


async def test_what_several_runs_reserve_at_once_stays_below_the_cap(rest: Rest, studio: Studio) -> None:
    """Red with `_reserved` that gives nothing: each is granted as if it were alone."""
    team, _ = await begin(rest, team_usd=0.3)
    one, two = await claimed(rest, team)
    assert one["budget"] is True
    grants = [await tell(rest, run, 0.0) for run in (one, two)]
    assert all(each["granted"] for each in grants)
    assert sum(each["usd"] for each in grants) <= 0.3
    spent, reserved = await ledger(studio)
    assert spent + reserved <= 0.3
    await tell(rest, one, grants[0]["usd"], number=2)
    spent, reserved = await ledger(studio)
    assert spent + reserved <= 0.3 + 1e-9


async def test_a_report_that_is_told_again_late_or_lost_changes_nothing(rest: Rest, studio: Studio) -> None:
    """Red with `book` that does not look at the number."""
    team, _ = await begin(rest)
    run, _ = await claimed(rest, team)
    for number, usd in ((1, 0.1), (3, 0.4), (2, 0.2), (3, 0.4), (1, 0.1)):
        await tell(rest, run, usd, number=number)
    assert (await ledger(studio))[0] == 0.4
    # the last report has it all, whatever of those before it was lost; the estimate was too high
    counts = {"model": "opus", "input_tokens": 70, "cost_usd": 0.3}
    used = {"meter": f"m-{run['id'][-8:]}", "number": 9, "models": [counts]}
    await rest.post(
        f"cli-runs/{run['id']}/complete",
        {"epoch": run["epoch"], "result": {"commit": sha("x")}, "usage": used},
        status=204,
    )
    assert round((await ledger(studio))[0], 6) == 0.3
    shown = await rest.get(f"cli-runs/{run['id']}")
    assert (shown["input_tokens"], round(shown["cost_usd"], 6)) == (70, 0.3)


async def test_at_the_cap_one_card_is_asked_and_more_is_refused(rest: Rest) -> None:
    team, plan = await begin(rest, team_usd=1.0)
    one, two = await claimed(rest, team)
    for run in (one, two):
        await tell(rest, run, 0.6)
    answers = [await tell(rest, run, 0.6, number=2) for run in (one, two)]
    assert [(each["granted"], each["waits"]) for each in answers] == [(False, False)] * 2
    assert answers[0]["reason"] == "the budget of the team is used up: $1.20 of $1.00 · 0 tokens"
    (card,) = await rest.cards()
    assert (card["kind"], card["plan_id"], card["options"]) == ("budget", plan, ["raise", "finish", "stop"])
    assert "raise: $1.00 more; finish: what has begun may end" in card["question"]
    await rest.answer("raise")
    assert (await standing(rest, team))["cap_usd"] == 2.0
    again = await tell(rest, one, 0.6, number=3)
    assert again["granted"]
    assert 0 < again["usd"] <= 0.8


async def test_a_raise_is_said_in_the_audit_log(rest: Rest) -> None:
    team, _ = await begin(rest, team_usd=0.5)
    run, _ = await claimed(rest, team)
    await tell(rest, run, 0.6)
    await rest.answer("raise")
    (noted,) = [row for row in await rest.get("audit") if row["subject"].startswith("budget/")]
    assert (noted["action"], noted["detail"]["answer"]) == ("decide", "raise")
    assert "$0.60 of $0.50" in noted["detail"]["question"]


async def test_what_others_have_reserved_is_waited_for_without_a_card(rest: Rest) -> None:
    team, _ = await begin(rest, team_usd=0.2)
    one, two = await claimed(rest, team)
    first, second = await tell(rest, one, 0.0), await tell(rest, two, 0.0)
    # the second has used what it was given; what is left is the first's
    used = second["usd"]
    for number in range(2, 9):
        answer = await tell(rest, two, used, number=number)
        if not answer["granted"]:
            break
        used += answer["usd"]
    assert (answer["granted"], answer["waits"]) == (False, True)
    assert await rest.cards() == []
    assert first["usd"] + used <= 0.2 + 1e-9
    await team.pause(one, None)
    assert (await tell(rest, two, used, number=20))["granted"], "who pauses has nothing reserved"


async def test_what_a_dead_holder_had_reserved_is_free_again(rest: Rest, studio: Studio) -> None:
    """Red with `runs.step` that does not release."""
    team, _ = await begin(rest, team_usd=0.2)
    one, two = await claimed(rest, team)
    await tell(rest, one, 0.05)
    assert (await ledger(studio))[1] > 0.1
    for run in (one, two):
        await rest.post(
            f"cli-runs/{run['id']}/fail", {"epoch": run["epoch"], "reason": "x", "hold": True}, status=204
        )
    assert await ledger(studio) == (0.05, 0.0)
    # a report of the old holder still counts, and gives it nothing
    late = await tell(rest, one, 0.07, number=2)
    assert (late["granted"], late["reason"]) == (False, "the run is not held any more")
    assert (await ledger(studio))[0] == 0.07


async def test_nothing_is_handed_out_at_the_cap_and_the_lead_goes_on(rest: Rest) -> None:
    team, _ = await begin(rest, ({"title": "One"}, {"title": "Two"}, {"title": "Three"}), team_usd=0.5)
    one, two = await claimed(rest, team)
    await tell(rest, one, 0.6)
    await team.complete(one, commit=sha("one"))
    # neither the test of what was done nor the third task begins
    assert [run["id"] for run in await team.held()] == [two["id"]]
    (card,) = await rest.cards()
    assert card["kind"] == "budget"
    await rest.answer("raise")
    assert {run["purpose"] for run in await team.held()} == {"execute", "test"}


async def test_finish_lets_what_has_begun_end_and_nothing_else_begin(rest: Rest) -> None:
    team, _ = await begin(rest, team_usd=0.5)
    one, two = await claimed(rest, team)
    assert not (await tell(rest, one, 0.6))["granted"]
    await rest.answer("finish")
    answer = await tell(rest, one, 3.0, number=2)
    assert (answer["granted"], answer["usd"]) == (True, None)
    await team.complete(one, commit=sha("one"))
    assert [run["id"] for run in await team.held()] == [two["id"]]
    assert [card["kind"] for card in await rest.cards()] == ["budget"]


async def test_stop_fails_what_has_begun_and_its_tasks_wait(rest: Rest) -> None:
    team, plan = await begin(rest, ({"title": "One"}, {"title": "Two"}, {"title": "Three"}), team_usd=0.5)
    one, two = await claimed(rest, team)
    await team.pause(two, None)
    assert not (await tell(rest, one, 0.6))["granted"]
    await rest.answer("stop")
    shown = await rest.get(f"cli-runs/{one['id']}")
    assert (shown["state"], shown["reason"]) == (
        "failed", "stopped by the operator at a cap: the budget of the team is used up",
    )  # fmt: skip
    assert {task["status"] for task in (await rest.tasks(plan)).values()} == {"waiting_for_resume"}
    assert await team.held() == []
    cards = await rest.cards()
    assert [card["kind"] for card in cards] == ["over_budget"] * 3
    # to try again is to be asked again: nothing has been raised
    await rest.post(f"decisions/{cards[0]['id']}/answer", {"answer": "retry"})
    assert await team.held() == []
    assert sorted(card["kind"] for card in await rest.cards()) == ["budget", "over_budget", "over_budget"]


async def test_the_cap_of_a_run_is_its_own_and_goes_with_it(rest: Rest) -> None:
    team, _ = await begin(rest, run_tokens=1000)
    one, two = await claimed(rest, team)
    assert not (await tell(rest, one, 0.0, 1500))["granted"]
    assert (await tell(rest, two, 0.0, 10))["granted"]
    (card,) = await rest.cards()
    assert "One: the budget of this run is used up: $0.00 · 1.5k of 1k tokens." in card["question"]
    await rest.answer("raise")
    assert (await tell(rest, one, 0.0, 1500, number=2))["tokens"] <= 500
    assert not (await tell(rest, one, 0.0, 2500, number=3))["granted"]
    # whatever ends the run ends the question
    await team.complete(one, commit=sha("one"))
    assert await rest.cards() == []


async def test_a_day_is_of_whoever_works_and_the_next_one_begins_anew(
    rest: Rest, studio: Studio, clock: FakeClock
) -> None:
    team, _ = await begin(rest, ({"title": "One"}, {"title": "Two"}, {"title": "Three"}), day_usd=1.0)
    one, two = await claimed(rest, team)
    assert not (await tell(rest, one, 1.5))["granted"]
    await team.fail(two, "x")
    assert [run["id"] for run in await team.held()] == [one["id"]]
    assert not await studio.store.read(wake.due)
    clock.advance(86400)
    # nobody sends a request at midnight
    assert await studio.store.read(wake.due)
    await studio.store.write(sessions.renew_all, 90.0)
    await studio.store.write(wake.wake)
    await rest.sign_in(await studio.store.write(identity.invite))
    assert await rest.cards() == []
    assert len(await team.held()) == 2
    assert (await tell(rest, one, 1.5, number=2))["granted"]
    days = await rest.get("usage", by="day", project_id=(await rest.get("projects"))[0]["id"])
    assert [(row["id"], row["cost_usd"]) for row in days] == [("2027-01-15", 1.5)]


async def test_usage_by_team_day_role_and_model(rest: Rest, enter: Enter) -> None:
    team, _ = await begin(rest)
    run, _ = await claimed(rest, team)
    await tell(rest, run, 0.5, 100, output_tokens=20, cached_tokens=60, unpriced_tokens=0)
    project = (await rest.get("projects"))[0]["id"]
    told = {
        "input_tokens": 100,
        "cached_tokens": 60,
        "output_tokens": 20,
        "unpriced_tokens": 0,
        "cost_usd": 0.5,
    }
    whole = {**told, "runs": 1, "project_id": project}
    assert await rest.get("usage", by="team") == [{"id": team.id, **whole}]
    for by, name in (("role", "dev"), ("model", "opus"), ("day", "2027-01-15")):
        assert await rest.get("usage", by=by, project_id=project, team_id=team.id) == [{"id": name, **whole}]
        assert await rest.get("usage", by=by, project_id=project, team_id="other") == []
    bad = await rest.call("GET", "usage", status=400, params={"by": "role"})
    assert bad["detail"] == "bad frame: by=role needs a project_id"


async def test_those_who_watch_are_told_how_the_money_goes(rest: Rest, published: Published) -> None:
    team, _ = await begin(rest, team_usd=5.0)
    run, _ = await claimed(rest, team)
    await tell(rest, run, 1.23, 120_000)
    (event,) = [params for _, method, params in published if method == "budget.updated"]
    assert event["team"]["burn"] == "$1.23 of $5.00 · 120k tokens"
    assert (event["team"]["id"], event["run_id"]) == (team.id, run["id"])


async def test_a_pause_for_the_budget_costs_no_attempt_when_its_holder_dies(rest: Rest) -> None:
    team, _ = await begin(rest, ({"title": "One"},), team_usd=0.5)
    (run,) = await claimed(rest, team)
    await tell(rest, run, 0.1)
    await team.pause(run, None)
    await rest.post(f"cli-runs/{run['id']}/interrupt", {"epoch": run["epoch"]}, status=204)
    (task,) = (await rest.tasks((await rest.get("plans"))[0]["id"])).values()
    assert (task["attempts"], task["status"]) == (0, "dispatched")


async def test_a_team_that_is_over_asks_for_nothing(rest: Rest) -> None:
    team, _ = await begin(rest, team_usd=0.5)
    run, _ = await claimed(rest, team)
    await tell(rest, run, 0.6)
    assert len(await rest.cards()) == 1
    await rest.delete(f"teams/{team.id}")
    assert await rest.cards() == []


async def test_a_run_at_its_own_cap_keeps_no_other_from_its_session(rest: Rest) -> None:
    """Red with `_assign` that looks once: the one session is kept for the run that may not begin."""
    project = await rest.project()
    team = await PretendTeam.join(
        rest, project, [("dev-1", "dev"), ("review-1", "review")], budget={"run_usd": 1.0}
    )
    await rest.plan(project, TWO, team_id=team.id, attempts=9)
    await team.bootstrap()
    (one,) = await claimed(rest, team)
    assert not (await tell(rest, one, 1.5))["granted"]
    await rest.post(f"cli-runs/{one['id']}/interrupt", {"epoch": one["epoch"]}, status=204)
    (other,) = await team.held()
    assert other["id"] != one["id"]
    await rest.answer("finish")
    await team.complete(await team.claim(other), commit=sha("two"))
    assert one["id"] in {run["id"] for run in await team.held()}


async def test_what_was_put_aside_before_midnight_counts_after_it(
    rest: Rest, studio: Studio, clock: FakeClock
) -> None:
    team, _ = await begin(rest, day_usd=0.4)
    one, two = await claimed(rest, team)
    before = (await tell(rest, one, 0.0))["usd"]
    clock.advance(86400)
    await studio.store.write(sessions.renew_all, 90.0)
    await rest.sign_in(await studio.store.write(identity.invite))
    used = 0.0
    for number in range(2, 8):
        used += (await tell(rest, two, used, number=number))["usd"]
    # one may spend all it was granted; with that nobody is over the cap of the new day
    assert 0 < before + used <= 0.4


async def test_a_member_spends_at_nobody_elses_cost(rest: Rest, studio: Studio, enter: Enter) -> None:
    team, _ = await begin(rest, ({"title": "One"}, {"title": "Two"}, {"title": "Three"}), day_usd=1.0)
    await claimed(rest, team)
    (project,) = await rest.get("projects")
    bob = await enter("member", project["id"])
    body = {"project_id": project["id"], "role": "worker", "worker_role": "dev", "name": "bob"}
    mine = await bob.post("agent-sessions", {**body, "team_id": team.id}, status=201)
    (given,) = [each for each in await team.held() if each["session_id"] == mine["id"]]
    run = await bob.post(f"agent-sessions/{mine['id']}/run", {"run_id": given["id"]})
    used = {"meter": "m", "number": 1, "models": [{"cost_usd": 0.9}], "session_id": team.sessions["dev-1"]}
    await bob.post(f"cli-runs/{run['id']}/spent", {"epoch": run["epoch"], "usage": used})
    bills = await studio.store.read(lambda tx: tx.all(sa.select(t.bills)))
    assert [(row["user_id"], row["cost_usd"]) for row in bills] == [((await bob.get("me"))["id"], 0.9)]
