"""What Studio does by itself when its time has come: offers nobody took up, rate limits that end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from maestro_ray.model.dispatch import CLAIM_SECONDS, IN_FLIGHT_CAP, OFFERS_CAP
from maestro_ray.studio import sessions, wake
from maestro_ray.studio.leases import check_leases
from maestro_ray.studio.studio import Studio
from maestro_ray.testing import FakeClock

from .pretend import WORKERS, Enter, Json, PretendTeam, Rest, sha

TWO = ({"id": "a", "title": "A"}, {"id": "b", "title": "B"})


class Time:
    """The clock, and whatever happens by itself while it goes on: everybody shows that they live."""

    def __init__(self, rest: Rest, studio: Studio, clock: FakeClock, *teams: PretendTeam) -> None:
        self.rest, self.studio, self.clock, self.teams = rest, studio, clock, teams
        self._ahead = clock.wall() - clock.monotonic()

    async def passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        for team in self.teams:
            body = {"sessions": list(team.sessions.values())}
            await self.rest.post(f"agent-sessions/{team.lead}/heartbeat", body)
        await check_leases(self.studio, self._ahead)


async def run_of(rest: Rest, run: Json) -> Json:
    return await rest.get(f"cli-runs/{run['id']}")


# ── offers nobody takes up ───────────────────────────────────────────────────────────────────────────────────────────


async def test_an_offer_nobody_claims_goes_to_another_and_costs_nothing(
    rest: Rest, studio: Studio, clock: FakeClock
) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project)
    await team.bootstrap()
    time = Time(rest, studio, clock, team)
    (first,) = await team.held()
    await time.passes(CLAIM_SECONDS - 1)
    assert await team.held() == [first]
    await time.passes(1)
    (second,) = await team.held()
    assert (first["session_id"], second["session_id"]) == (team.sessions["dev-1"], team.sessions["dev-2"])
    assert second["epoch"] > first["epoch"]
    late = {"run_id": first["id"]}
    assert await rest.refused("POST", f"agent-sessions/{first['session_id']}/run", late) == "illegal_event"
    assert (await rest.tasks(plan["id"]))["one"]["attempts"] == 0
    taken = await team.take("execute")
    await time.passes(CLAIM_SECONDS * 3)
    # whoever took it up has all the time it needs
    assert (await run_of(rest, taken))["state"] == "running"


async def test_an_offer_nobody_ever_claims_becomes_a_card(
    rest: Rest, studio: Studio, clock: FakeClock
) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project)
    await team.bootstrap()
    time = Time(rest, studio, clock, team)
    for _ in range(OFFERS_CAP):
        assert await rest.cards() == []
        assert len(await team.held()) == 1
        await time.passes(CLAIM_SECONDS)
    (card,) = await rest.cards()
    assert (card["kind"], await team.held()) == ("unclaimed", [])
    assert (await rest.tasks(plan["id"]))["one"]["status"] == "waiting_for_resume"
    await rest.answer("retry")
    # counted anew
    await time.passes(CLAIM_SECONDS)
    assert len(await team.held()) == 1
    assert await rest.cards() == []


async def test_a_lead_that_takes_nothing_up_is_asked_about_too(
    rest: Rest, studio: Studio, clock: FakeClock
) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project)
    time = Time(rest, studio, clock, team)
    for _ in range(OFFERS_CAP):
        await time.passes(CLAIM_SECONDS)
    (card,) = await rest.cards()
    assert (card["kind"], card["plan_id"]) == ("bootstrap_epic", plan["id"])
    assert await team.held() == []
    await rest.answer("retry")
    await team.bootstrap()


async def test_claiming_ends_the_count(rest: Rest, studio: Studio, clock: FakeClock) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await rest.plan(project, attempts=100)
    await team.bootstrap()
    time = Time(rest, studio, clock, team)
    for _ in range(OFFERS_CAP + 2):
        await time.passes(CLAIM_SECONDS)
        run = await team.take("execute")
        await rest.post(f"cli-runs/{run['id']}/interrupt", {"epoch": run["epoch"]}, status=204)
    assert await rest.cards() == []


async def test_a_team_is_handed_no_more_than_it_takes_up(rest: Rest) -> None:
    workers = [(f"dev-{n}", "dev") for n in range(IN_FLIGHT_CAP + 3)]
    team = await PretendTeam.join(rest, project := await rest.project(), workers)
    await rest.plan(project, [{"title": f"T{n}"} for n in range(IN_FLIGHT_CAP + 3)])
    await team.bootstrap()
    assert len(await team.held()) == IN_FLIGHT_CAP
    await team.claim((await team.held())[0])
    assert len(await team.held()) == IN_FLIGHT_CAP + 1


async def test_after_studio_was_away_every_offer_has_its_whole_time(
    rest: Rest, studio: Studio, clock: FakeClock
) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await rest.plan(project)
    await team.bootstrap()
    before = await team.held()
    clock.advance(CLAIM_SECONDS * 5)
    ahead = await check_leases(studio, None)
    assert [run["session_id"] for run in await team.held()] == [run["session_id"] for run in before]
    clock.jump(CLAIM_SECONDS * 5)
    await check_leases(studio, ahead)
    assert [run["epoch"] for run in await team.held()] == [run["epoch"] for run in before]


async def test_what_a_dead_team_held_is_offered_to_a_lead_that_is_there(
    rest: Rest, studio: Studio, clock: FakeClock
) -> None:
    studio.config = replace(studio.config, session_lease=20.0)
    project = await rest.project()
    gone = await PretendTeam.join(rest, project)
    await rest.plan(project, team_id=gone.id)
    await gone.bootstrap()
    await gone.take("execute")
    here = await PretendTeam.join(rest, project)
    elsewhere = await PretendTeam.join(rest, project, workspace="/clone")
    time = Time(rest, studio, clock, here, elsewhere)
    # it may come back: for some time its plan waits for it
    await time.passes(20.0)
    assert await here.held() == []
    await time.passes(20.0 * sessions.GIVEN_UP)
    assert await here.offered() == [("execute", "dev-1")]
    assert await elsewhere.held() == []


# ── rate limits ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_paused_run_goes_on_at_its_time_by_itself(
    rest: Rest, studio: Studio, clock: FakeClock
) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project)
    await team.bootstrap()
    run, time = await team.take("execute"), Time(rest, studio, clock, team)
    await team.pause(run, clock.wall() + 500)
    await time.passes(499)
    assert (await run_of(rest, run))["state"] == "paused"
    await time.passes(1)
    assert (await run_of(rest, run))["state"] == "running"
    # what the worker says itself comes later and is true already
    await rest.post(f"cli-runs/{run['id']}/resume", {"epoch": run["epoch"]}, status=204)
    await team.complete(run, commit=sha("x"))
    assert (await rest.tasks(plan["id"]))["one"]["attempts"] == 0


async def test_a_pause_without_a_time_ends_when_it_is_said(
    rest: Rest, studio: Studio, clock: FakeClock
) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await rest.plan(project)
    await team.bootstrap()
    run = await team.take("execute")
    await team.pause(run, None)
    await Time(rest, studio, clock, team).passes(800)
    assert (await run_of(rest, run))["state"] == "paused"


@pytest.mark.parametrize("back", [0.0, 1000.0])
async def test_a_time_that_has_passed_is_no_pause(rest: Rest, clock: FakeClock, back: float) -> None:
    team = await PretendTeam.join(
        rest, project := await rest.project(), WORKERS[:2], pools={"dev-1": "claude", "dev-2": "claude"}
    )
    await rest.plan(project, TWO)
    await team.bootstrap()
    run = await team.claim((await team.held())[0])
    await team.pause(run, clock.wall() - back)
    assert (await run_of(rest, run))["state"] == "running"
    assert len(await team.held()) == 2


@pytest.mark.parametrize(("resume_at", "pool"), [(None, "claude"), (1.8e12, ""), (1.8e12, "claude")])
async def test_a_pause_that_cannot_be_meant_is_refused(
    rest: Rest, resume_at: float | None, pool: str
) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await rest.plan(project)
    await team.bootstrap()
    run = await team.take("execute")
    body = {"epoch": run["epoch"], "resume_at": resume_at, "pool": pool}
    assert await rest.refused("POST", f"cli-runs/{run['id']}/pause", body) == "conflict"
    assert (await run_of(rest, run))["state"] == "running"


async def test_when_its_session_dies_in_a_pause_it_waits_for_its_time_and_has_cost_nothing(
    rest: Rest, studio: Studio, clock: FakeClock
) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project, attempts=1)
    await team.bootstrap()
    run, time = await team.take("execute"), Time(rest, studio, clock, team)
    await team.pause(run, clock.wall() + 500)
    gone = team.sessions.pop("dev-1")
    await time.passes(studio.config.session_lease)
    found = await run_of(rest, run)
    assert (found["state"], found["resume_at"], found["session_id"]) == ("queued", run_at(clock, 410), None)
    task = (await rest.tasks(plan["id"]))["one"]
    assert (task["attempts"], task["status"]) == (0, "dispatched")
    blockers = await rest.get(f"tasks/{task['id']}/blockers")
    assert [each["kind"] for each in blockers] == ["rate_limit"]
    await time.passes(409)
    assert await team.held() == []
    await time.passes(1)
    assert [each["session_id"] for each in await team.held()] == [team.sessions["dev-2"]]
    assert gone not in str(await team.held())


def run_at(clock: FakeClock, seconds: float) -> float:
    return clock.wall() + seconds


async def test_one_limit_holds_for_every_session_with_the_same_credentials(
    rest: Rest, studio: Studio, clock: FakeClock
) -> None:
    pools = {"dev-1": "claude", "dev-2": "claude", "dev-3": "codex"}
    workers = [("dev-1", "dev"), ("dev-2", "dev"), ("dev-3", "dev")]
    team = await PretendTeam.join(rest, project := await rest.project(), workers[:1], pools=pools)
    plan = await rest.plan(project, TWO)
    await team.bootstrap()
    time = Time(rest, studio, clock, team)
    ids = {key: task["id"] for key, task in (await rest.tasks(plan["id"])).items()}
    run = await team.take("execute", ids["a"])
    await team.pause(run, clock.wall() + 100)
    # who comes later with the same credentials waits too
    added = await rest.post(
        f"teams/{team.id}/workers", {"name": "dev-2", "role": "dev", "pool": "claude"}, status=201
    )
    team.sessions["dev-2"] = added["id"]
    assert [each["task_id"] for each in await team.held()] == [ids["a"]]
    kinds = [each["kind"] for each in await rest.get(f"tasks/{ids['b']}/blockers")]
    assert kinds == ["busy"] or kinds == ["rate_limit"]
    # a shorter limit that is reported after it changes nothing
    await rest.post(f"cli-runs/{run['id']}/resume", {"epoch": run["epoch"]}, status=204)
    await team.pause(run, clock.wall() + 10)
    await time.passes(99)
    assert [each["task_id"] for each in await team.held()] == [ids["a"]]
    await time.passes(1)
    assert {(each["task_id"], each["session_id"]) for each in await team.held()} == {
        (ids["a"], team.sessions["dev-1"]),
        (ids["b"], team.sessions["dev-2"]),
    }


async def test_a_refused_account_is_asked_for_once_and_stops_all_who_share_it(
    rest: Rest, studio: Studio, clock: FakeClock
) -> None:
    """Red (a second card) without `is_out` in `reports.signed_out`, and (nobody goes on) without `_mend_account`."""
    pools = {"dev-1": "claude", "dev-2": "claude"}
    team = await PretendTeam.join(rest, project := await rest.project(), WORKERS[:2], pools=pools)
    plan = await rest.plan(project, TWO)
    await team.bootstrap()
    first, second = [await team.claim(run) for run in await team.held()]
    await team.fail(first, "Invalid API key", signed_out=True, retryable=False)
    await team.fail(second, "Invalid API key", signed_out=True, retryable=False)
    (card,) = await rest.cards()
    assert card["kind"] == "signed_out"
    assert card["question"].endswith(
        "the account of claude was refused (Invalid API key): sign in, then go on"
    )
    await Time(rest, studio, clock, team).passes(800)
    assert await team.held() == []
    other = next(task for task in (await rest.tasks(plan["id"])).values() if task["id"] != card["task_id"])
    assert (other["attempts"], other["status"]) == (0, "dispatched")
    assert [each["kind"] for each in await rest.get(f"tasks/{other['id']}/blockers")] == ["signed_out"]
    await rest.answer("retry")
    assert len(await team.held()) == 2


async def test_who_begins_anew_with_a_refused_account_is_given_work(rest: Rest) -> None:
    """They may have signed in since; the card of the first is still there. Red without `mend` in `register`."""
    pools = {"dev-1": "claude"}
    team = await PretendTeam.join(rest, project := await rest.project(), WORKERS[:1], pools=pools)
    await rest.plan(project)
    await team.bootstrap()
    await team.fail(await team.take("execute"), "401", signed_out=True, retryable=False)
    await rest.delete(f"teams/{team.id}")
    again = await PretendTeam.join(rest, project, WORKERS[:1], pools=pools)
    await rest.plan(project)
    await again.bootstrap()
    assert await again.offered() == [("execute", "dev-1")]
    assert [card["kind"] for card in await rest.cards()] == ["signed_out"]


async def test_without_a_shared_account_a_refused_one_is_a_run_that_failed_for_good(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await rest.plan(project)
    await team.bootstrap()
    await team.fail(await team.take("execute"), "401", signed_out=True, retryable=False)
    assert [card["kind"] for card in await rest.cards()] == ["attempts"]


async def test_who_waits_alone_stops_nobody(rest: Rest, clock: FakeClock) -> None:
    """A full disk is no matter of the account. Red without `alone` in `reports.pause`."""
    pools = {"dev-1": "claude", "dev-2": "claude"}
    team = await PretendTeam.join(rest, project := await rest.project(), WORKERS[:2], pools=pools)
    await rest.plan(project, TWO)
    await team.bootstrap()
    first, second = [await team.claim(run) for run in await team.held()]
    await team.pause(first, clock.wall() + 100, alone=True)
    await team.fail(second, "the network")
    assert len(await team.held()) == 2


async def test_other_credentials_go_on(rest: Rest, clock: FakeClock) -> None:
    pools = {"dev-1": "claude", "dev-2": "codex"}
    team = await PretendTeam.join(rest, project := await rest.project(), WORKERS[:2], pools=pools)
    await rest.plan(project, TWO)
    await team.bootstrap()
    by_session = {run["session_id"]: run for run in await team.held()}
    first = await team.claim(by_session[team.sessions["dev-1"]])
    await team.pause(first, clock.wall() + 100)
    second = await team.claim(by_session[team.sessions["dev-2"]])
    await team.fail(second, "the network")
    assert [run["session_id"] for run in await team.held() if run["state"] == "dispatched"] == [
        team.sessions["dev-2"]
    ]


async def test_a_pool_named_in_the_report_is_the_users_own(
    rest: Rest, enter: Enter, clock: FakeClock
) -> None:
    """Nobody stops the work of others by calling their own credentials the same."""
    project, elsewhere = await rest.project(), await rest.project("github:acme/other")
    bob = await enter("lead", elsewhere)
    theirs = await PretendTeam.join(bob, elsewhere, WORKERS[:1])
    mine = await PretendTeam.join(rest, project, WORKERS[:1], pools={"dev-1": "claude"})
    await rest.plan(elsewhere)
    await theirs.bootstrap()
    await theirs.pause(await theirs.take("execute"), clock.wall() + 100, pool="claude")
    await rest.plan(project)
    await mine.bootstrap()
    assert await mine.offered() == [("execute", "dev-1")]


async def test_nothing_is_due_when_nothing_is(rest: Rest, studio: Studio, clock: FakeClock) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await rest.plan(project)
    await team.bootstrap()
    assert not await studio.store.read(wake.due)
    await team.pause(await team.take("execute"), clock.wall() + 5, pool="claude")
    assert not await studio.store.read(wake.due)
    clock.advance(5)
    assert await studio.store.read(wake.due)
    await studio.store.write(wake.wake)
    assert not await studio.store.read(wake.due)
    assert await studio.change(sessions.expire, studio.config.session_lease) == 0
