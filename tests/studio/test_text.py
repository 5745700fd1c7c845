"""Text of all kinds in every field: it is stored and returned as it came, or refused with the right code."""

from __future__ import annotations

import logging
from urllib.parse import quote

import httpx
import pytest
import sqlalchemy as sa

from maestro_ray.config import Config
from maestro_ray.studio import identity
from maestro_ray.studio import schema as t
from maestro_ray.studio.api.table import CALLS
from maestro_ray.studio.app import create_app
from maestro_ray.studio.store import Transaction
from maestro_ray.studio.studio import Studio
from maestro_ray.testing import FakeClock

from .postgres import Server
from .pretend import PretendTeam, Rest, sha

HOSTILE = [
    "'; DROP TABLE runs; --",
    '" OR 1=1 UNION SELECT value FROM settings --',
    "<script>alert(1)</script><img src=x onerror=alert(1)>&amp;",
    "%s %(x)s {0} {x} ${x} {{7*7}} :name ? $1 \\ \\' \\n \\u0000",
    "ünï 🐙 e\u0301 \u202e \u2028 \ufeff \ufffd \x7f",
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_every_text_is_stored_and_returned_as_it_is(rest: Rest, studio: Studio, text: str) -> None:
    # people and projects
    project = await rest.post("projects", {"key": f"local:{text}", "name": text}, status=201)
    assert (project["key"], project["name"]) == (f"local:{text}", text)
    assert await rest.get("projects", key=f"local:{text}") == [project]
    mine = rest.http.headers.pop("authorization")
    invite = await studio.store.write(identity.invite)
    await rest.post("auth/redeem", {"token": invite, "name": text})
    rest.http.headers["authorization"] = mine
    assert text in {row["name"] for row in await rest.get(f"projects/{project['id']}/members")}

    # sessions and teams
    lead = await rest.post(
        "agent-sessions",
        {"project_id": project["id"], "role": "lead", "name": text, "worker_role": text, "skills": {text: 3}},
        status=201,
    )
    assert (lead["name"], lead["worker_role"], lead["skills"]) == (text, text, {text: 3})
    workers = [{"name": text, "role": text, "skills": {text: 5}}, {"name": "dev-1", "role": "dev"}]
    given = await rest.post(
        f"agent-sessions/{lead['id']}/team",
        {"workers": workers, "workspace": text, "serves_all": True},
        status=201,
    )
    shown = await rest.get(f"teams/{given['id']}")
    assert (shown["workspace"], shown["sessions"][1]["name"], shown["sessions"][1]["skills"]) == (
        text,
        text,
        {text: 5},
    )
    team = PretendTeam(rest, lead["id"], given)

    # messages
    message = {"number": 10**17, "sender": text, "kind": text, "body": {text: [text, {"x": text}]}, "at": 1.5}
    await rest.post(f"teams/{given['id']}/messages", {"messages": [message]}, status=204)
    (kept,) = await rest.get(f"teams/{given['id']}/messages", after=str(10**17 - 1))
    assert kept == {**message, "team_id": given["id"]}

    # plans, reports and comments
    draft = {"title": "p", "description": text, "tasks": [{"title": "a", "description": text, "id": "a"}]}
    body = {"project_id": project["id"], "draft": draft, "workspace": text, "base_branch": text}
    plan = await rest.post("plans", body, status=201)
    assert [plan[name] for name in ("description", "workspace", "base_branch")] == [text] * 3
    assert plan["tasks"][0]["description"] == text
    await rest.post(f"plans/{plan['id']}/activate")
    await team.bootstrap()
    run = await team.take("execute")
    await rest.post(
        f"cli-runs/{run['id']}/complete",
        {"epoch": run["epoch"], "result": {"commit": sha("x"), text: text}},
        status=204,
    )
    assert (await rest.get(f"cli-runs/{run['id']}"))["result"][text] == text
    comment = await rest.post(f"tasks/{run['task']['id']}/comments", {"body": text}, status=201)
    comments = {row["id"]: row["body"] for row in await rest.get(f"tasks/{run['task']['id']}/comments")}
    assert comments[comment["id"]] == text

    # and a reason, which goes into a card and from there into its question
    other = await rest.plan(project["id"], workspace=text)
    await team.fail(await team.take("bootstrap_epic"), text, hold=True)
    card = next(card for card in await rest.cards() if card["plan_id"] == other["id"])
    assert text.strip() in card["question"]
    assert await rest.refused("POST", f"decisions/{card['id']}/answer", {"answer": text[:200]}) == "conflict"
    # nothing has been dropped
    assert await studio.store.read(lambda tx: len(tx.all(sa.select(t.runs)))) > 2


async def test_a_nul_in_a_body_is_refused_before_anything_is_done(rest: Rest, studio: Studio) -> None:
    project = await rest.project()
    before = await studio.store.read(_count)
    for call in CALLS:
        path = call.path.format(id=project, user="x", word="x")
        for raw in (b'{"x": "a\\u0000b"}', b'{"a\\u0000b": 1}', b'{"x": [{"y": {"z": ["\\u0000"]}}]}'):
            if call.body:
                answer = await rest.http.request(
                    call.method, f"/api/v1/{path}", content=raw, headers={"content-type": "application/json"}
                )
                assert (call.path, answer.status_code) == (call.path, 400)
                assert answer.json()["detail"].endswith("a text holds a NUL character")
    assert await studio.store.read(_count) == before


async def test_a_nul_in_an_address_is_refused(rest: Rest) -> None:
    nul = quote("a\0b")
    for call in CALLS:
        plain, bad = (call.path.format(id=word, user=word, word=word) for word in ("x", nul))
        for address in {bad, f"{plain}?cursor={nul}", f"{plain}?key={nul}"} - {plain}:
            answer = await rest.http.request(call.method, f"/api/v1/{address}", json={})
            assert (address, answer.status_code) == (address, 400)
            assert answer.json()["code"] == "bad_frame"


@pytest.mark.parametrize("kind", ["json", "data"])
async def test_a_nul_in_a_channel_is_refused(rest: Rest, kind: str) -> None:
    asked = {"socket_id": "1.2", "channel_name": "private-team.a\0b"}
    answer = await rest.http.post("/broadcasting/auth", **{kind: asked})  # type: ignore[arg-type]  # httpx's names
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")


async def test_six_letters_that_only_look_like_a_nul_are_text(rest: Rest) -> None:
    project = await rest.post("projects", {"key": "local:x", "name": "a\\u0000b"}, status=201)
    assert project["name"] == "a\\u0000b"


async def test_a_database_that_is_away_for_a_while_is_said_to_be(
    empty_postgres: str, postgres_server: Server, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    studio = await Studio.open(empty_postgres, Config(), clock)
    transport = httpx.ASGITransport(create_app(studio))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8001", trust_env=False
    ) as http:
        rest = Rest(http)
        await rest.sign_in(await studio.store.write(identity.invite))
        postgres_server.do("ALTER DATABASE empty ALLOW_CONNECTIONS false")
        postgres_server.cut_all("empty")
        body = {"key": "github:acme/shop", "name": "shop"}
        with caplog.at_level(logging.CRITICAL):
            assert await rest.refused("POST", "projects", body, status=503) == "database_unavailable"
            assert await rest.refused("GET", "projects", status=503) == "database_unavailable"
        postgres_server.do("ALTER DATABASE empty ALLOW_CONNECTIONS true")
        await rest.post("projects", body, status=201)
    await studio.store.close()


def _count(tx: Transaction) -> dict[str, int]:
    return {
        name: tx.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        for name, table in t.metadata.tables.items()
    }
