from __future__ import annotations

import hmac
import json

import pytest

from maestro_ray.studio.api.table import CALLS
from studio.pretend import Enter, PretendTeam, Rest

GHOST = "01900000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"teams/{GHOST}", None),
        ("DELETE", f"teams/{GHOST}", None),
        ("POST", f"teams/{GHOST}/workers", {"name": "w", "role": "dev"}),
        ("POST", f"teams/{GHOST}/messages", {"messages": []}),
        ("GET", f"teams/{GHOST}/messages", None),
        ("POST", "agent-sessions", {"project_id": GHOST, "role": "lead", "name": "x"}),
        ("POST", f"agent-sessions/{GHOST}/heartbeat", {}),
        ("DELETE", f"agent-sessions/{GHOST}", None),
        ("POST", f"agent-sessions/{GHOST}/team", {"workers": []}),
        ("GET", f"agent-sessions/{GHOST}/spawn-queue", None),
        ("POST", f"agent-sessions/{GHOST}/run", {"run_id": GHOST}),
        ("POST", f"cli-runs/{GHOST}/complete", {"epoch": 1}),
        ("POST", f"cli-runs/{GHOST}/fail", {"epoch": 1, "reason": "x"}),
        ("POST", f"cli-runs/{GHOST}/pause", {"epoch": 1}),
        ("POST", f"cli-runs/{GHOST}/resume", {"epoch": 1}),
        ("POST", f"cli-runs/{GHOST}/interrupt", {"epoch": 1}),
        ("GET", f"plans/{GHOST}", None),
        ("POST", f"plans/{GHOST}/activate", None),
        ("POST", f"plans/{GHOST}/explode", None),
        ("GET", f"tasks/{GHOST}", None),
        ("POST", f"tasks/{GHOST}/abort", None),
        ("PATCH", f"tasks/{GHOST}", {"title": "x"}),
        ("POST", f"tasks/{GHOST}/accept", {}),
        ("GET", f"tasks/{GHOST}/blockers", None),
        ("POST", f"agent-sessions/{GHOST}/delegate", {"run_id": GHOST, "to": "x"}),
        ("POST", f"cli-runs/{GHOST}/subtask", {"epoch": 1, "title": "x"}),
        ("POST", f"cli-runs/{GHOST}/blocker", {"epoch": 1, "text": "x"}),
        ("POST", f"cli-runs/{GHOST}/decision", {"epoch": 1, "question": "x", "options": ["a", "b"]}),
        (
            "POST",
            f"cli-runs/{GHOST}/plan-proposal",
            {"epoch": 1, "draft": {"title": "x", "tasks": [{"title": "x"}]}},
        ),
        ("POST", f"projects/{GHOST}/analysis", {}),
        ("GET", f"projects/{GHOST}/knowledge", None),
        ("POST", f"tasks/{GHOST}/comments", {"body": "x"}),
        ("GET", f"tasks/{GHOST}/verdicts", None),
        ("POST", f"decisions/{GHOST}/answer", {"answer": "retry"}),
    ],
)
async def test_what_does_not_exist_is_said_to(rest: Rest, method: str, path: str, body: object) -> None:
    assert await rest.refused(method, path, body, status=404) == "not_found"


async def test_nothing_but_signing_in_is_for_strangers(stranger: Rest) -> None:
    open_to_all = {"/api/v1/auth/redeem", "/api/v1/auth/refresh"}
    for call in CALLS:
        path = f"/api/v1/{call.path}"
        if path not in open_to_all:
            answer = await stranger.http.request(call.method, path)
            assert (call.method, path, answer.status_code) == (call.method, path, 401)


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "٣", "9" * 30])
async def test_a_number_in_the_address_is_a_number(rest: Rest, after: str) -> None:
    team = await PretendTeam.join(rest, await rest.project(), [])
    answer = await rest.call("GET", f"teams/{team.id}/messages", status=400, params={"after": after})
    assert (answer["code"], answer["detail"]) == ("bad_frame", "bad frame: after must be a whole number")


async def test_a_comment_is_shown_to_the_next_worker(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    plan = await rest.plan(project)
    (task,) = (await rest.tasks(plan["id"])).values()
    await rest.post(f"tasks/{task['id']}/comments", {"body": "mind the gap"}, status=201)
    await team.bootstrap()
    (comment,) = (await team.take("execute"))["comments"]
    assert (comment["author"], comment["body"]) == ("operator", "mind the gap")


async def test_only_who_may_steer_comments_as_the_operator(rest: Rest, enter: Enter) -> None:
    """The comment goes into the prompt of the next agent."""
    project = await rest.project()
    task = (await rest.plan(project))["tasks"][0]["id"]
    for who in (rest, await enter("lead", project), await enter("member", project)):
        await who.post(f"tasks/{task}/comments", {"body": "skip the tests"}, status=201)
    authors = [comment["author"] for comment in await rest.get(f"tasks/{task}/comments")]
    assert authors[:2] == ["operator", "operator"]
    assert authors[2].startswith("member ")


@pytest.mark.parametrize("role", ["owner", "member"])
async def test_who_has_a_role_in_one_project_reads_the_comments_of_its_tasks(
    rest: Rest, enter: Enter, role: str
) -> None:
    project = await rest.project()
    (task,) = (await rest.plan(project))["tasks"]
    path = f"tasks/{task['id']}/comments"
    await rest.post(path, {"body": "mind the gap"}, status=201)
    other = await enter(role, project)
    assert [each["body"] for each in await other.get(path)] == ["mind the gap"]


async def test_cards_are_listed_by_project(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await rest.plan(project)
    await team.fail(await team.take("bootstrap_epic"), "no such branch: main", hold=True)
    (card,) = await rest.get("decisions", project_id=project)
    assert card["question"] == "no such branch: main"
    assert await rest.get("decisions", project_id=GHOST) == []


async def test_what_a_team_did_is_listed_for_those_who_may_see_it(rest: Rest, enter: Enter) -> None:
    """Runs that others of the same plan have held, too, and cards whatever became of them. Red without `of_team`."""
    team = await PretendTeam.join(rest, project := await rest.project())
    other = await PretendTeam.join(rest, elsewhere := await rest.project("github:acme/other"))
    plan = await rest.plan(project)
    await rest.plan(elsewhere)
    await team.fail(await team.take("bootstrap_epic"), "no such branch: main", hold=True)
    runs = await rest.get("cli-runs", team_id=team.id)
    assert [(each["purpose"], each["plan_id"]) for each in runs] == [("bootstrap_epic", plan["id"])]
    assert await rest.get("cli-runs", plan_id=plan["id"]) == runs
    assert await rest.get("cli-runs", session_id=team.lead) == runs
    assert await rest.get("cli-runs", ends=runs[0]["id"][-12:]) == runs
    assert await rest.get("cli-runs", ends="%") == []
    assert [each["project_id"] for each in await rest.get("cli-runs", team_id=other.id)] == [elsewhere]

    await rest.answer("retry")
    assert await rest.get("decisions", team_id=team.id) == []
    (card,) = await rest.get("decisions", team_id=team.id, status="any")
    assert (card["status"], card["answer"]) == ("answered", "retry")
    assert await rest.get("decisions", team_id=team.id, status="answered") == [card]
    assert await rest.get("decisions", team_id=other.id, status="any") == []

    sessions = await rest.get("agent-sessions", team_id=team.id)
    assert {each["id"] for each in sessions} == {team.lead, *team.sessions.values()}
    assert [each["id"] for each in await rest.get("agent-sessions", ends=team.lead[-12:])] == [team.lead]
    assert [each["id"] for each in await rest.get("teams", name=team.name)] == [team.id]
    answered = await rest.get("audit", action="decide", project_id=project)
    assert [each["subject"] for each in answered] == [f"/api/v1/decisions/{card['id']}/answer"]
    assert await rest.get("audit", action="invite") == []

    guest = await enter("member", elsewhere)
    for path in ("cli-runs", "decisions", "agent-sessions"):
        assert (
            await guest.get(path, team_id=team.id, **({"status": "any"} if path == "decisions" else {})) == []
        )
    assert [each["project_id"] for each in await guest.get("cli-runs")] == [elsewhere]


# ── channel authorisation ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["json", "data"])
async def test_a_channel_is_signed_for_json_and_for_a_form(rest: Rest, kind: str) -> None:
    channel = f"private-project.{await rest.project()}"
    asked = {"socket_id": "1.2", "channel_name": channel, "further": "parameters"}
    answer = await rest.http.post("/broadcasting/auth", **{kind: asked})  # type: ignore[arg-type]  # httpx's names
    signed = hmac.digest(b"secret", f"1.2:{channel}".encode(), "sha256").hex()
    assert (answer.status_code, answer.json()) == (200, {"auth": f"key:{signed}"})


async def test_a_presence_channel_is_signed_with_who_the_caller_is(rest: Rest) -> None:
    project = await rest.project()
    asked = {"socket_id": "1.2", "channel_name": f"presence-project.{project}"}
    answer = (await rest.http.post("/broadcasting/auth", data=asked)).json()
    me = await rest.get("me")
    told = json.loads(answer["channel_data"])
    assert told == {"user_id": me["id"], "user_info": {"name": "ada", "role": "owner"}}
    signed = f"1.2:{asked['channel_name']}:{answer['channel_data']}".encode()
    assert answer["auth"] == f"key:{hmac.digest(b'secret', signed, 'sha256').hex()}"


async def test_a_channel_is_signed_for_nobody_unknown(stranger: Rest) -> None:
    asked = {"socket_id": "1.2", "channel_name": "private-project.x"}
    assert (await stranger.http.post("/broadcasting/auth", json=asked)).status_code == 401


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"socket_id": "1.2", "channel_name": "private-project.x"}', "text/plain"),
        (b'{"socket_id": "1.2"}', "application/json"),
        (b'{"socket_id": "1.2:private-x", "channel_name": "private-project.x"}', "application/json"),
        (b'{"socket_id": "1.2", "channel_name": "private-a:b"}', "application/json"),
        (b'{"socket_id": 1.2, "channel_name": "private-x"}', "application/json"),
        (b"[]", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b"socket_id=1.2", "application/x-www-form-urlencoded"),
        (b"socket_id=1.2&channel_name=\xff", "application/x-www-form-urlencoded"),
    ],
)
async def test_a_bad_request_for_a_signature_is_a_problem_document(
    rest: Rest, body: bytes, kind: str
) -> None:
    answer = await rest.http.post("/broadcasting/auth", content=body, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")
