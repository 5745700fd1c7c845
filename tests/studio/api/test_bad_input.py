"""Whatever is sent to REST, call by call: the right code, a problem document, and nothing has changed."""

from __future__ import annotations

from typing import Any

import jwt

from maestro_ray.studio import identity
from maestro_ray.studio.api.call import Rest as Route
from maestro_ray.studio.api.table import CALLS
from maestro_ray.studio.studio import Studio
from maestro_ray.testing import FakeClock
from studio.conftest import Count
from studio.pretend import Enter, PretendTeam, Rest

CLOSED = [call for call in CALLS if call.action is not None]
GHOST = "01900000-0000-7000-8000-000000000000"


def body_of(call: Route) -> dict[str, Any] | None:
    """As much as its body needs."""
    if call.body is None:
        return None
    if call.path == "auth/channels":
        return {"channels": [{"socket_id": "1.2", "channel_name": "private-team.x"}]}
    given: dict[str, Any] = {
        "key": "github:a/b",
        "workers": [], "messages": [], "epoch": 1, "priority": 1, "channels": ["private-team.x"], "skills": {}, "items": [], "options": ["a", "b"],
        "role": "lead", "draft": {"title": "x", "tasks": [{"title": "x"}]},
    }  # fmt: skip
    return {
        name: given.get(name, "x") for name, field in call.body.model_fields.items() if field.is_required()
    }


async def ask(rest: Rest, call: Route, token: str, **headers: str) -> tuple[int, str]:
    path = call.path.format(id=GHOST, user="x", word="pause")
    all_headers = {"authorization": f"Bearer {token}", **headers}
    answer = await rest.http.request(call.method, f"/api/v1/{path}", json=body_of(call), headers=all_headers)
    assert answer.headers["content-type"] == "application/problem+json", (path, answer.text)
    assert "eyJ" not in answer.text
    return answer.status_code, answer.json()["code"]


async def bad_tokens(rest: Rest, studio: Studio, enter: Enter) -> dict[str, str]:
    """Whatever is no access token of somebody who is signed in now."""
    door, now = studio.door, studio.clock.wall()
    mine = rest.http.headers["authorization"].split()[1]
    caller = await door.caller(mine)
    claims = jwt.decode(mine, options={"verify_signature": False})
    invite = await studio.store.write(identity.invite)
    other = await enter("owner")
    tokens = await other.sign_in(await studio.store.write(identity.invite))
    await other.post("auth/logout", status=204)
    head, middle, signature = mine.split(".")
    return {
        "no token at all": "x",
        "another secret": identity._access_token("another" * 8, caller.user, caller.family, {"*": "owner"}, now, 900),
        "no signature": jwt.encode(claims, None, algorithm="none"),
        "the signature of another": f"{head}.{middle}.{tokens['access_token'].split('.')[2]}",
        "claims of its own": f"{head}.{jwt.encode({**claims, 'roles': {'*': 'owner'}, 'sub': 'x'}, 'y' * 32).split('.')[1]}.{signature}",
        "for somebody else": jwt.encode({**claims, "aud": "elsewhere"}, door.secret, algorithm="HS256"),
        "without an end": jwt.encode({k: v for k, v in claims.items() if k != "exp"}, door.secret),
        "an end in words": jwt.encode({**claims, "exp": "never"}, door.secret),
        "expired": identity._access_token(door.secret, caller.user, caller.family, caller.roles, now - 901, 900),
        "logged out": tokens["access_token"],
        "a refresh token": tokens["refresh_token"],
        "an invite": invite,
        "the metrics token": identity.scrape_token(door.secret),
        "the app's own secret": studio.hub.secret,
    }  # fmt: skip


async def test_a_token_that_is_none_opens_nothing(
    rest: Rest, studio: Studio, enter: Enter, rows: Count
) -> None:
    tokens = await bad_tokens(rest, studio, enter)
    before = await rows()
    for call in CLOSED:
        for name, token in tokens.items():
            assert await ask(rest, call, token) == (401, "unauthenticated"), (name, call.path)
    assert await rows() == before
    await rest.get("me")


async def test_a_token_for_channels_opens_nothing_else(rest: Rest, rows: Count) -> None:
    channel = f"private-project.{await rest.project()}"
    token = (await rest.post("auth/token", {"channels": [channel]}, status=201))["access_token"]
    before = await rows()
    for call in CLOSED:
        assert await ask(rest, call, token) == (403, "forbidden"), call.path
    assert await rows() == before


async def test_a_token_that_was_shown_twice_takes_its_family_along_and_nobody_else(
    rest: Rest, enter: Enter, studio: Studio, rows: Count
) -> None:
    thief = await enter("owner")
    tokens = await thief.sign_in(await studio.store.write(identity.invite))
    fresh = await rest.post("auth/refresh", {"refresh_token": tokens["refresh_token"]})
    fresh = await rest.post("auth/refresh", {"refresh_token": fresh["refresh_token"]})
    stolen = {"refresh_token": tokens["refresh_token"]}
    assert await rest.refused("POST", "auth/refresh", stolen, status=401) == "unauthenticated"
    assert await ask(rest, CLOSED[0], fresh["access_token"]) == (401, "unauthenticated")
    await rest.get("me")


async def test_what_a_page_of_another_site_could_post_without_asking_does_nothing(
    rest: Rest, rows: Count
) -> None:
    before = await rows()
    for call in CALLS:
        if call.body is None:
            continue
        path = call.path.format(id=GHOST, user="x", word="pause")
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            answer = await rest.http.request(
                call.method, f"/api/v1/{path}", content=b"{}",
                headers={"content-type": kind, "origin": "https://evil.example"},
            )  # fmt: skip
            assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame"), path
    assert await rows() == before


async def test_no_call_lets_a_page_of_another_site_read_its_answer(rest: Rest) -> None:
    for call in CALLS:
        path = call.path.format(id=GHOST, user="x", word="pause")
        for method in (call.method, "OPTIONS"):
            answer = await rest.http.request(
                method,
                f"/api/v1/{path}",
                headers={"origin": "https://evil.example", "access-control-request-method": call.method},
            )
            assert not [name for name in answer.headers if name.startswith("access-control-")], path
            assert method != "OPTIONS" or answer.status_code == 405


# ── ids of other projects, where a body or a query names them ────────────────────────────────────────────────────────


async def test_a_body_that_names_something_of_another_project_changes_nothing_there(
    rest: Rest, enter: Enter, studio: Studio, clock: FakeClock
) -> None:
    here, there = await rest.project(), await rest.project("github:acme/other")
    guest = await enter("owner", here)
    theirs = await PretendTeam.join(rest, there)
    plan = await rest.plan(there)
    (run,) = await theirs.held()
    their_task = plan["tasks"][0]["id"]
    mine = await PretendTeam.join(guest, here)
    own = await guest.plan(here)
    own_task = own["tasks"][0]["id"]
    draft = {"title": "x", "tasks": [{"title": "x"}]}
    events: list[Any] = []
    studio.hub.watch = lambda name, params: events.append((name, params))
    asked: list[tuple[str, str, Any]] = [
        ("POST", "agent-sessions", {"project_id": there, "role": "lead", "name": "x"}),
        ("POST", "plans", {"project_id": there, "draft": draft}),
        ("POST", "plans", {"project_id": here, "draft": draft, "team_id": theirs.id}),
        ("POST", "auth/invites", {"project_id": there, "role": "member"}),
        ("POST", f"agent-sessions/{mine.lead}/run", {"run_id": run["id"]}),
        ("POST", f"agent-sessions/{mine.lead}/delegate", {"run_id": run["id"], "to": mine.lead}),
        ("POST", f"agent-sessions/{mine.lead}/delegate", {"task_id": their_task, "to": mine.lead}),
        ("POST", f"agent-sessions/{mine.lead}/delegate", {"task_id": own_task, "to": theirs.lead}),
        ("PATCH", f"tasks/{own_task}", {"depends_on": [their_task]}),
        ("PATCH", f"tasks/{own_task}", {"assignee": theirs.lead}),
        ("POST", f"tasks/{own_task}/accept", {"session_id": theirs.lead}),
        ("POST", "auth/token", {"channels": [f"private-project.{there}"]}),
        ("POST", "auth/token", {"channels": [f"presence-team.{theirs.name}"]}),
    ]
    for method, path, body in asked:
        answer = await guest.http.request(method, f"/api/v1/{path}", json=body)
        assert answer.status_code in (403, 404, 409, 422), (path, body, answer.status_code, answer.text)
    before = (await rest.get(f"teams/{theirs.id}"))["sessions"]
    clock.advance(1)
    await guest.http.post(
        f"/api/v1/agent-sessions/{mine.lead}/heartbeat", json={"sessions": list(theirs.sessions.values())}
    )
    assert (await rest.get(f"teams/{theirs.id}"))["sessions"] == before
    assert not [params for _, params in events if there in str(params) or theirs.id in str(params)]
    assert [each["state"] for each in await theirs.held()] == ["dispatched"]


async def test_a_query_that_names_another_project_finds_nothing(rest: Rest, enter: Enter) -> None:
    here, there = await rest.project(), await rest.project("github:acme/other")
    team = await PretendTeam.join(rest, there)
    plan = await rest.plan(there)
    await team.fail(await team.take("bootstrap_epic"), "x", hold=True)
    guest = await enter("owner", here)
    for noun in ("projects", "plans", "tasks", "teams", "decisions", "usage", "audit", "me/tasks"):
        for query in (
            {"project_id": there},
            {"plan_id": plan["id"]},
            {"team_id": team.id},
            {"key": "github:acme/other"},
        ):
            answer = await guest.http.get(f"/api/v1/{noun}", params=query)
            assert answer.status_code in (200, 403, 404), (noun, query)
            for secret in (there, plan["id"], team.id, "acme/other"):
                assert answer.status_code != 200 or secret not in answer.text, (noun, query)
