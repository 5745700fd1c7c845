"""Roles over REST: strangers to a project learn nothing, and nobody does more than their role allows."""

from __future__ import annotations

import pytest

from maestro_ray.errors import TooManyRequests
from maestro_ray.studio import identity
from maestro_ray.studio.api.table import CALLS
from maestro_ray.studio.studio import Studio
from studio.counting import counting
from studio.pretend import Enter, PretendTeam, Rest, sha


async def test_an_invite_gives_its_role_in_its_project(rest: Rest, enter: Enter) -> None:
    here, elsewhere = await rest.project(), await rest.project("github:acme/other")
    guest = await enter("lead", here)
    me = await guest.get("me")
    assert (me["name"], me["roles"]) == ("ada", {here: "lead"})
    assert [(each["id"], each["role"]) for each in me["projects"]] == [(here, "lead")]
    assert [each["id"] for each in await guest.get("projects")] == [here]
    assert await guest.refused("GET", f"projects/{elsewhere}", status=404) == "not_found"
    assert len((await rest.get("me"))["projects"]) == 2


async def test_things_of_other_projects_are_not_there(rest: Rest, enter: Enter) -> None:
    here, elsewhere = await rest.project(), await rest.project("github:acme/other")
    plan = (await rest.plan(elsewhere))["id"]
    task = (await rest.get(f"plans/{plan}"))["tasks"][0]["id"]
    team = await PretendTeam.join(rest, elsewhere)
    run = (await rest.get(f"plans/{plan}"))["runs"][0]["id"]
    ids = {"plans": plan, "tasks": task, "teams": team.id, "cli-runs": run, "projects": elsewhere,
           "agent-sessions": team.lead, "decisions": plan, "members": "x"}  # fmt: skip
    guest = await enter("architect", here)
    for call in CALLS:
        noun = call.path.partition("/")[0]
        if "{id}" not in call.path:
            continue
        path = call.path.format(id=ids[noun], user="x", word="pause")
        given = {
            "workers": [],
            "messages": [],
            "items": [],
            "epoch": 1,
            "priority": 1,
            "draft": {"title": "x", "tasks": [{"title": "x"}]},
            "options": ["a", "b"],
        }
        body = {name: given.get(name, "x")
                for name, field in call.body.model_fields.items() if field.is_required()} if call.body else None  # fmt: skip
        assert await guest.refused(call.method, path, body, status=404) == "not_found", path
    for noun in ("projects", "plans", "tasks", "teams", "decisions"):
        assert elsewhere not in str(await guest.get(noun)), noun


async def test_a_member_works_and_does_not_rule(rest: Rest, enter: Enter) -> None:
    project = await rest.project()
    plan = (await rest.plan(project))["id"]
    member = await enter("member", project)
    await member.get(f"plans/{plan}")
    draft = {"title": "x", "tasks": [{"id": "a", "title": "a"}]}
    for method, path, body in (
        ("POST", "plans", {"project_id": project, "draft": draft}),
        ("POST", f"plans/{plan}/pause", None),
        ("POST", "projects", {"key": "github:a/b", "name": "b"}),
        ("POST", "auth/invites", {"role": "member", "project_id": project}),
        ("GET", "audit", None),
    ):
        assert await member.refused(method, path, body, status=403) == "forbidden", path
    session = {"project_id": project, "role": "worker", "name": "mine", "worker_role": "dev"}
    mine = await member.post("agent-sessions", session, status=201)
    await member.post(f"agent-sessions/{mine['id']}/heartbeat")
    theirs = await rest.post("agent-sessions", {**session, "name": "theirs"}, status=201)
    assert await member.refused("DELETE", f"agent-sessions/{theirs['id']}", status=403) == "forbidden"


async def test_a_member_everywhere_speaks_for_nobody_else(rest: Rest, enter: Enter) -> None:
    project = await rest.project()
    team = await PretendTeam.join(rest, project)
    await rest.plan(project)
    offered = (await team.held())[0]
    eve = await enter("member")
    claim = f"agent-sessions/{team.lead}/run"
    assert await eve.refused("POST", claim, {"run_id": offered["id"]}, status=403) == "forbidden"
    run = await team.take("bootstrap_epic")
    report = {"epoch": run["epoch"], "result": {"commit": sha("evil")}}
    for method, path, body in (
        ("POST", f"cli-runs/{run['id']}/complete", report),
        ("POST", f"agent-sessions/{team.lead}/heartbeat", {}),
        ("DELETE", f"agent-sessions/{team.lead}", None),
        ("POST", f"teams/{team.id}/messages", {"messages": []}),
    ):
        assert await eve.refused(method, path, body, status=403) == "forbidden", path
    session = {"project_id": project, "role": "worker", "name": "mine", "worker_role": "dev"}
    mine = await eve.post("agent-sessions", session, status=201)
    await eve.delete(f"agent-sessions/{mine['id']}")
    # who is more than a member in this project leads here
    await eve.sign_in(
        (await rest.post("auth/invites", {"role": "lead", "project_id": project}, status=201))["token"],
        also=True,
    )
    await eve.post(f"cli-runs/{run['id']}/complete", report, status=204)


async def test_an_owner_takes_a_role_away_at_once(rest: Rest, enter: Enter) -> None:
    project = await rest.project()
    member = await enter("member", project)
    user = (await member.get("me"))["id"]
    assert {each["role"] for each in await rest.get(f"projects/{project}/members")} == {"owner", "member"}
    await rest.delete(f"projects/{project}/members/{user}")
    assert await member.refused("GET", "me", status=401) == "unauthenticated"
    assert await rest.refused("DELETE", f"projects/{project}/members/{user}", status=404) == "not_found"


async def test_another_invite_adds_a_role(rest: Rest, enter: Enter) -> None:
    one, two = await rest.project(), await rest.project("github:acme/other")
    member = await enter("member", one)
    invite = await rest.post("auth/invites", {"role": "lead", "project_id": two}, status=201)
    await member.sign_in(invite["token"], also=True)
    assert (await member.get("me"))["roles"] == {one: "member", two: "lead"}


async def test_an_invite_to_less_takes_nothing_away_and_one_to_more_gives_it(
    rest: Rest, enter: Enter
) -> None:
    project = await rest.project()
    lead = await enter("lead", project)
    for role, then in (("member", "lead"), ("architect", "architect"), ("lead", "architect")):
        body = {"role": role, "project_id": project}
        await lead.sign_in((await rest.post("auth/invites", body, status=201))["token"], also=True)
        assert (await lead.get("me"))["roles"] == {project: then}


@pytest.mark.parametrize("everywhere", [False, True])
async def test_logging_out_ends_tokens_at_once(rest: Rest, enter: Enter, everywhere: bool) -> None:
    member = await enter("member")
    await member.post("auth/logout", {"everywhere": everywhere}, status=204)
    assert await member.refused("GET", "me", status=401) == "unauthenticated"
    await rest.get("me")


async def test_who_logs_out_everywhere_leaves_no_invite_to_come_back_by(rest: Rest, enter: Enter) -> None:
    """A copied token may have made one."""
    member = await enter("owner")
    kept, made = [
        (await who.post("auth/invites", {"role": "owner"}, status=201))["token"] for who in (rest, member)
    ]
    await member.post("auth/logout", {"everywhere": True}, status=204)
    assert await rest.refused("POST", "auth/redeem", {"token": made, "name": "thief"}, status=401)
    await rest.post("auth/redeem", {"token": kept, "name": "guest"})


async def test_a_token_for_a_channel_can_listen_there_and_nothing_more(rest: Rest) -> None:
    project = await rest.project()
    channel = f"private-project.{project}"
    scoped = await rest.post("auth/token", {"channels": [channel]}, status=201)
    headers = {"authorization": f"Bearer {scoped['access_token']}"}

    async def listen(name: str) -> int:
        asked = {"socket_id": "1.2", "channel_name": name}
        return (await rest.http.post("/broadcasting/auth", json=asked, headers=headers)).status_code

    assert await listen(channel) == 200
    assert await listen("private-team.other") == 403
    assert (await rest.http.get("/api/v1/me", headers=headers)).status_code == 403
    assert await rest.refused("POST", "auth/token", {"channels": ["private-x"]}, status=403) == "forbidden"


async def test_a_channel_of_another_project_is_not_signed(rest: Rest, enter: Enter) -> None:
    here, elsewhere = await rest.project(), await rest.project("github:acme/other")
    guest = await enter("owner", here)
    for project, status in ((here, 200), (elsewhere, 403), ("x", 403)):
        asked = {"socket_id": "1.2", "channel_name": f"private-project.{project}"}
        assert (await guest.http.post("/broadcasting/auth", json=asked)).status_code == status


async def test_who_guesses_keeps_nobody_of_the_same_machine_out(rest: Rest, studio: Studio) -> None:
    tokens = await rest.sign_in(await studio.store.write(identity.invite))
    for _ in range(40):
        tokens = await rest.post("auth/refresh", {"refresh_token": tokens["refresh_token"]})
    # what was good has cost nothing of what those have who guess
    guess = {"refresh_token": "guess"}
    assert await rest.refused("POST", "auth/refresh", guess, status=401) == "unauthenticated"
    statuses = [(await rest.http.post("/api/v1/auth/refresh", json=guess)).status_code for _ in range(40)]
    assert statuses[-1] == 429
    await rest.post("auth/refresh", {"refresh_token": tokens["refresh_token"]})
    await rest.sign_in(await studio.store.write(identity.invite))


async def test_guessing_is_slow(stranger: Rest) -> None:
    statuses = set()
    for _ in range(40):
        answer = await stranger.http.post("/api/v1/auth/redeem", json={"token": "x"})
        statuses.add(answer.status_code)
    assert statuses == {401, 429}
    assert answer.json()["code"] == TooManyRequests(1).kind
    assert int(answer.headers["retry-after"]) >= 1


@pytest.mark.parametrize("name", ["auth/redeem", "auth/refresh"])
async def test_a_guess_too_many_is_looked_up_nowhere(stranger: Rest, studio: Studio, name: str) -> None:
    guess = {"token": "x"} if name == "auth/redeem" else {"refresh_token": "x"}
    for _ in range(30):
        await stranger.refused("POST", name, guess, status=401)
    with counting(studio) as statements:
        await stranger.refused("POST", name, guess, status=429)
    assert statements == []
