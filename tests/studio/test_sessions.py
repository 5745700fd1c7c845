from __future__ import annotations

from maestro_ray.protocol.auth import valid_channel
from maestro_ray.studio import identity, seats, sessions
from maestro_ray.studio import schema as t
from maestro_ray.studio.sessions import GIVEN_UP
from maestro_ray.studio.store import Transaction
from maestro_ray.studio.studio import Studio
from maestro_ray.testing import FakeClock

from .conftest import Published
from .pretend import Enter, PretendTeam, Rest, sha


async def test_a_project_is_made_once(rest: Rest) -> None:
    body = {"key": "github:acme/shop", "name": "shop"}
    first = await rest.post("projects", body, status=201)
    assert await rest.post("projects", body, status=201) == first
    assert await rest.get("projects", key="github:acme/shop") == [first]
    assert await rest.get("projects", key="github:acme/other") == []


async def test_a_team_has_a_channel_and_a_session_for_each_worker(rest: Rest, published: Published) -> None:
    project = await rest.project()
    lead = await rest.post(
        "agent-sessions", {"project_id": project, "role": "lead", "name": "Ada's Bot/é"}, status=201
    )
    body = {"workers": [{"name": "dev-1", "role": "dev", "skills": {"sql": 4}}], "workspace": "/repo"}
    team = await rest.post(f"agent-sessions/{lead['id']}/team", body, status=201)
    # whatever the bot is called, its channel can be subscribed to
    assert valid_channel(team["channel"])
    assert team["channel"] == f"private-team.{team['name']}"
    assert team["name"].startswith("ada-s-bot-e-")
    shown = await rest.get(f"teams/{team['id']}")
    assert (shown["workspace"], shown["status"], len(shown["sessions"])) == ("/repo", "active", 2)
    (member,) = team["members"]
    assert (member["worker_role"], member["skills"], member["team_id"]) == ("dev", {"sql": 4}, team["id"])
    assert [params["team"]["id"] for _, method, params in published if method == "team.allocated"] == [
        team["id"]
    ]
    # one team is enough
    assert await rest.refused("POST", f"agent-sessions/{lead['id']}/team", body) == "conflict"


async def test_only_a_connected_lead_gets_a_team(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    body = {"workers": []}
    worker = team.sessions["dev-1"]
    assert await rest.refused("POST", f"agent-sessions/{worker}/team", body) == "conflict"
    lead = await rest.post("agent-sessions", {"project_id": project, "role": "lead", "name": "x"}, status=201)
    await rest.delete(f"agent-sessions/{lead['id']}")
    assert await rest.refused("POST", f"agent-sessions/{lead['id']}/team", body) == "conflict"


async def test_a_worker_joins_a_team_of_its_own_project_that_is_not_over(rest: Rest) -> None:
    project, other = await rest.project(), await rest.project("github:acme/other")
    team = await PretendTeam.join(rest, project, [])
    await rest.plan(project)
    await team.bootstrap()
    body = {"project_id": project, "role": "worker", "name": "w", "worker_role": "dev", "team_id": team.id}
    for bad in ({"project_id": other}, {"role": "lead"}):
        assert await rest.refused("POST", "agent-sessions", {**body, **bad}) == "conflict"
    assert (
        await rest.refused("POST", "agent-sessions", {**body, "team_id": "ghost"}, status=404) == "not_found"
    )
    assert await team.held() == []
    joined = await rest.post("agent-sessions", body, status=201)
    assert [run["session_id"] for run in await team.held()] == [joined["id"]]
    added = await rest.post(f"teams/{team.id}/workers", {"name": "test-1", "role": "test"}, status=201)
    assert (added["team_id"], added["worker_role"]) == (team.id, "test")
    await rest.delete(f"teams/{team.id}")
    late = {"name": "late", "role": "dev"}
    assert await rest.refused("POST", f"teams/{team.id}/workers", late) == "conflict"


async def test_no_worker_is_a_lead_by_the_name_of_its_role(rest: Rest, enter: Enter, studio: Studio) -> None:
    project = await rest.project()
    team = await PretendTeam.join(rest, project)
    mine = {"project_id": project, "role": "worker", "name": "x", "worker_role": "lead", "team_id": team.id}
    for who in (rest, await enter("member", project)):
        assert await who.refused("POST", "agent-sessions", mine) == "conflict"
    lead = {"name": "x", "role": "lead"}
    assert await rest.refused("POST", f"teams/{team.id}/workers", lead) == "conflict"
    own = await rest.post("agent-sessions", {"project_id": project, "role": "lead", "name": "y"}, status=201)
    assert await rest.refused("POST", f"agent-sessions/{own['id']}/team", {"workers": [lead]}) == "conflict"

    def as_it_was_possible_once(tx: Transaction) -> list[str]:
        worker = team.sessions["dev-1"]
        tx.update(t.sessions, worker, worker_role="lead")
        return [seat.session for seat in seats.idle(tx) if seat.role == "lead"]

    assert await studio.store.write(as_it_was_possible_once) == [team.lead]


async def test_a_member_neither_reviews_nor_tests(rest: Rest, enter: Enter) -> None:
    project = await rest.project()
    team = await PretendTeam.join(rest, project)
    body = {"project_id": project, "role": "worker", "name": "x", "team_id": team.id}
    for member in (await enter("member", project), await enter("member")):
        for role in ("review", "test"):
            joining = {**body, "worker_role": role}
            assert await member.refused("POST", "agent-sessions", joining, status=403) == "forbidden"
        await member.post("agent-sessions", {**body, "worker_role": "dev"}, status=201)
    lead = await enter("lead", project)
    await lead.post("agent-sessions", {**body, "worker_role": "review"}, status=201)


# ── leases ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_when_a_lease_ends_its_run_goes_to_another_under_a_new_epoch(
    rest: Rest, studio: Studio, clock: FakeClock, published: Published
) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project)
    await team.bootstrap()
    old = await team.take("execute")
    assert old["session_id"] == team.sessions["dev-1"]
    clock.advance(studio.config.session_lease - 1)
    alive = [session for name, session in team.sessions.items() if name != "dev-1"]
    assert await rest.post(f"agent-sessions/{team.lead}/heartbeat", {"sessions": alive}) == {"ended": []}
    clock.advance(1)
    assert await studio.change(sessions.expire, studio.config.session_lease) == 1
    states = [params["run"] for _, method, params in published if method == "run.updated"][-3:]
    assert [(run["state"], run["session_id"]) for run in states] == [
        ("interrupted", old["session_id"]),
        ("queued", None),
        ("dispatched", team.sessions["dev-2"]),
    ]
    new = await team.take("execute")
    assert (new["id"], new["session_id"]) == (old["id"], team.sessions["dev-2"])
    assert new["epoch"] > old["epoch"]
    body = {"epoch": old["epoch"], "result": {"commit": sha("late")}}
    assert await rest.refused("POST", f"cli-runs/{old['id']}/complete", body) == "stale_epoch"
    (task,) = (await rest.tasks(plan["id"])).values()
    assert (task["status"], task["head"], task["attempts"]) == ("in_progress", "", 1)
    await team.complete(new, commit=sha("x"))


async def test_a_session_that_is_back_is_connected_again_and_an_ended_one_is_told(
    rest: Rest, studio: Studio, clock: FakeClock
) -> None:
    team = await PretendTeam.join(rest, await rest.project())
    clock.advance(studio.config.session_lease)
    await studio.change(sessions.expire, studio.config.session_lease)
    gone = team.sessions["dev-2"]
    await rest.delete(f"agent-sessions/{gone}")
    told = await rest.post(
        f"agent-sessions/{team.lead}/heartbeat", {"sessions": [team.sessions["dev-1"], gone, "ghost"]}
    )
    assert sorted(told["ended"]) == sorted([gone, "ghost"])
    status = {row["id"]: row["status"] for row in (await rest.get(f"teams/{team.id}"))["sessions"]}
    assert (status[team.lead], status[team.sessions["dev-1"]], status[gone]) == (
        "connected",
        "connected",
        "ended",
    )
    assert status[team.sessions["review-1"]] == "interrupted"


async def test_a_heartbeat_speaks_for_no_session_of_another_project_and_a_members_for_nobody_elses(
    rest: Rest, enter: Enter, studio: Studio, clock: FakeClock
) -> None:
    here, there = await rest.project(), await rest.project("github:acme/other")
    near, far = await PretendTeam.join(rest, here), await PretendTeam.join(rest, there)
    worker = {"project_id": here, "role": "worker", "name": "b"}
    alone, everywhere = await enter("member", here), await enter("member")
    clock.advance(2 * studio.config.session_lease)
    await studio.change(sessions.expire, studio.config.session_lease)

    async def dead(team: PretendTeam) -> set[str]:
        return {each["status"] for each in (await rest.get(f"teams/{team.id}"))["sessions"]}

    others = [near.lead, far.lead]
    for member in (alone, everywhere):
        mine = [(await member.post("agent-sessions", worker, status=201))["id"] for _ in range(2)]
        told = await member.post(f"agent-sessions/{mine[0]}/heartbeat", {"sessions": [mine[1], *others]})
        assert sorted(told["ended"]) == sorted(others)
    assert await dead(near) == await dead(far) == {"interrupted"}
    told = await rest.post(f"agent-sessions/{near.lead}/heartbeat", {"sessions": [far.lead]})
    assert told["ended"] == [far.lead]
    assert await dead(far) == {"interrupted"}


async def test_a_lease_that_ends_too_often_uses_the_attempts_up(
    rest: Rest, studio: Studio, clock: FakeClock
) -> None:
    team = await PretendTeam.join(rest, project := await rest.project(), [("dev-1", "dev")])
    plan = await rest.plan(project, attempts=2)
    await team.bootstrap()
    for _ in range(2):
        clock.advance(studio.config.session_lease)
        await studio.change(sessions.expire, studio.config.session_lease)
        await rest.post(f"agent-sessions/{team.lead}/heartbeat", {"sessions": list(team.sessions.values())})
    assert await team.held() == []
    assert [card["kind"] for card in await rest.cards()] == ["attempts"]
    assert {run["state"] for run in (await rest.get(f"plans/{plan['id']}"))["runs"]} == {
        "succeeded",
        "cancelled",
    }


# ── goodbye ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_session_that_leaves_in_order_costs_no_attempt(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project)
    await team.bootstrap()
    old = await team.take("execute")
    await rest.delete(f"agent-sessions/{old['session_id']}")
    new = await team.take("execute")
    assert (new["id"], new["session_id"]) == (old["id"], team.sessions["dev-2"])
    (task,) = (await rest.tasks(plan["id"])).values()
    assert task["attempts"] == 0
    await rest.delete(f"agent-sessions/{old['session_id']}")


async def test_a_lead_that_leaves_takes_its_team_along(rest: Rest, published: Published) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await rest.plan(project)
    await team.bootstrap()
    await team.take("execute")
    await rest.delete(f"agent-sessions/{team.lead}")
    shown = await rest.get(f"teams/{team.id}")
    assert (shown["status"], {row["status"] for row in shown["sessions"]}) == ("ended", {"ended"})
    assert await team.held() == []
    await rest.delete(f"teams/{team.id}")
    assert [method for _, method, _ in published].count("team.ended") == 1
    # another team goes on with it
    other = await PretendTeam.join(rest, project)
    assert await other.offered() == [("execute", "dev-1")]


async def test_the_spawn_queue_is_what_the_team_holds(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    other = await PretendTeam.join(rest, project, workspace="/clone")
    await rest.plan(project, [{"title": "A"}, {"title": "B"}, {"title": "C"}])
    await team.bootstrap()
    first, second = await team.held()
    await team.claim(first)
    assert [(run["id"], run["state"]) for run in await team.held()] == [
        (first["id"], "running"),
        (second["id"], "dispatched"),
    ]
    assert await other.held() == []


async def test_a_tester_who_stays_away_is_not_waited_for(
    rest: Rest, studio: Studio, clock: FakeClock
) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project)
    await team.bootstrap()
    others = [session for name, session in team.sessions.items() if name != "test-1"]
    lease = studio.config.session_lease
    for _ in range(GIVEN_UP + 2):
        clock.advance(lease - 1)
        await rest.sign_in(await studio.store.write(identity.invite))
        await rest.post(f"agent-sessions/{team.lead}/heartbeat", {"sessions": others})
        await studio.change(sessions.expire, lease)
    await team.work((await rest.tasks(plan["id"]))["one"]["id"], sha("a"))
    assert [purpose for purpose, _ in await team.offered()] == ["review"]


async def test_a_team_whose_lead_stays_away_is_over_and_its_plan_free(
    rest: Rest, studio: Studio, clock: FakeClock
) -> None:
    project = await rest.project()
    gone = await PretendTeam.join(rest, project, serves_all=False)
    await rest.plan(project, team_id=gone.id)
    await gone.take("bootstrap_epic")
    lease = studio.config.session_lease
    for _ in range(2):
        clock.advance(lease * GIVEN_UP + 1)
        await studio.change(sessions.expire, lease)
    await rest.sign_in(await studio.store.write(identity.invite))
    assert (await rest.get(f"teams/{gone.id}"))["status"] == "ended"
    other = await PretendTeam.join(rest, project)
    assert [purpose for purpose, _ in await other.offered()] == ["bootstrap_epic"]
