from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.applications import Starlette

from maestro_ray.errors import Fault, IllegalEvent, NotFound, PlanFileError, StaleEpoch, Unauthenticated
from maestro_ray.studio import app as module
from maestro_ray.studio.app import CLOCK_JUMP, Studio, check_leases, problem
from maestro_ray.testing import FakeClock

from .pretend import PretendTeam, Rest, sha

PROJECT = {"key": "github:acme/shop", "name": "shop"}


# ── who may call ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "0.0.0.0", "", "localhost.:80@evil"]
)
async def test_a_foreign_host_reaches_nothing(rest: Rest, host: str) -> None:
    answer = await rest.http.get("/api/v1/projects", headers={"host": host})
    assert answer.status_code == 400
    assert "shop" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8001", "LOCALHOST", "[::1]:8001"])
async def test_the_loopback_names_are_accepted(rest: Rest, host: str) -> None:
    assert (await rest.http.get("/api/v1/projects", headers={"host": host})).status_code == 200


async def test_it_says_that_it_is_up_to_anybody(stranger: Rest) -> None:
    answer = await stranger.http.get("/up")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


# ── bodies ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "kind", ["text/plain", "", "application/x-www-form-urlencoded", "multipart/form-data"]
)
async def test_only_json_is_read(rest: Rest, kind: str) -> None:
    answer = await rest.http.post(
        "/api/v1/projects", content=b'{"key":"github:a/b","name":"b"}', headers={"content-type": kind}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")
    assert await rest.get("projects") == []


async def test_json_may_name_its_encoding(rest: Rest) -> None:
    answer = await rest.http.post(
        "/api/v1/projects",
        content=b'{"key":"github:a/b","name":"b"}',
        headers={"content-type": "Application/JSON; charset=utf-8"},
    )
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"key":"github:a/b"}',
        b'{"key":"github:a/b","name":7}',
        b'{"key":"nonsense","name":"b"}',
        b'{"key":"github:a/b","name":"b","extra":1}',
        b'{"key":"github:a/b","name":"b","name":"c"}',
        b'{"key":"github:a/b","name":"\xff"}',
        b'{"key":"github:a/b","name":"\\ud800"}',
        b'{"key":"github:a/b","name":"b"} x',
        b"[" * 100_000,
    ],
)
async def test_a_bad_body_is_refused_and_changes_nothing(rest: Rest, raw: bytes) -> None:
    answer = await rest.http.post(
        "/api/v1/projects", content=raw, headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")
    assert await rest.get("projects") == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
async def test_numbers_no_answer_could_carry_are_refused(rest: Rest, number: str) -> None:
    raw = f'{{"epoch": 1, "result": {{"exit_code": {number}}}}}'
    answer = await rest.http.post(
        "/api/v1/cli-runs/x/complete", content=raw, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400


async def test_an_oversized_body_is_refused_before_it_is_all_there(
    rest: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST_BODY", 1000)
    sent = 0

    async def endless():  # type: ignore[no-untyped-def]  # an async generator of bytes
        nonlocal sent
        while sent < 100:
            sent += 1
            yield b"x" * 100

    answer = await rest.http.post(
        "/api/v1/projects", content=endless(), headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")
    assert "larger than 1000 bytes" in answer.json()["detail"]
    assert sent < 100


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("run", "x"), 404),
        (IllegalEvent("run", "queued", "Claimed"), 409),
        (StaleEpoch("r", 1, 2), 409),
        (Unauthenticated("x"), 401),
        (PlanFileError("plan", 1, 1, "x"), 422),
        (Fault("x"), 500),
    ],
)
async def test_every_error_is_a_problem_document(error: Fault, status: int) -> None:
    answer = problem(error)
    assert (answer.status_code, answer.media_type) == (status, "application/problem+json")
    document = httpx.Response(status, content=bytes(answer.body)).json()
    assert document["code"] == error.kind
    assert document["detail"] == str(error)
    assert document["status"] == status


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/", 404, "not_found"),
        ("PATCH", "/api/v1/projects", 405, "method_not_allowed"),
    ],
)
async def test_also_what_no_route_answers(rest: Rest, method: str, path: str, status: int, code: str) -> None:
    answer = await rest.http.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_broken_plan_is_refused_with_its_sentence(rest: Rest) -> None:
    project = await rest.project()
    draft = {"title": "x", "tasks": [{"title": "a", "depends": ["ghost"]}]}
    answer = await rest.call("POST", "plans", {"project_id": project, "draft": draft}, status=422)
    assert answer["code"] == "plan_file_error"
    assert "ghost" in answer["detail"]


# ── Idempotency-Key ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_request_repeated_with_its_key_gets_the_first_answer_and_does_nothing_more(
    rest: Rest,
) -> None:
    project = await rest.project()
    body = {"project_id": project, "role": "lead", "name": "maestro"}
    first = await rest.post("agent-sessions", body, status=201, key="k1")
    assert await rest.post("agent-sessions", body, status=201, key="k1") == first
    assert (await rest.post("agent-sessions", body, status=201, key="k2"))["id"] != first["id"]


async def test_a_repeated_report_takes_effect_once(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await rest.plan(project)
    run = await team.take("bootstrap_epic")
    body = {"epoch": run["epoch"], "result": {"commit": sha("epic")}}
    path = f"cli-runs/{run['id']}/complete"
    await rest.post(path, body, status=204, key="r1")
    held = await team.held()
    await rest.post(path, body, status=204, key="r1")
    assert await team.held() == held
    # without the key the same report is one too many, and is told so
    assert await rest.refused("POST", path, body) == "illegal_event"


async def test_a_key_counts_for_its_own_path_and_only_after_a_success(rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await rest.plan(project)
    run = await team.take("bootstrap_epic")
    path = f"cli-runs/{run['id']}"
    bad = {"epoch": run["epoch"], "result": {"commit": "HEAD"}}
    assert (await rest.post(f"{path}/complete", bad, status=409, key="k"))["code"] == "conflict"
    await rest.post(f"{path}/pause", {"epoch": run["epoch"]}, status=204, key="k")
    good = {"epoch": run["epoch"], "result": {"commit": sha("epic")}}
    await rest.post(f"{path}/complete", good, status=204, key="k")
    assert [run["purpose"] for run in await team.held()] == ["execute"]


# ── leases ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def status_of(rest: Rest, team: PretendTeam) -> set[str]:
    return {session["status"] for session in (await rest.get(f"teams/{team.id}"))["sessions"]}


async def test_leases_are_counted_anew_after_studio_was_away(
    rest: Rest, studio: Studio, clock: FakeClock
) -> None:
    team = await PretendTeam.join(rest, await rest.project())
    clock.advance(studio.config.session_lease * 3)
    ahead = await check_leases(studio, None)
    assert await status_of(rest, team) == {"connected"}
    clock.advance(studio.config.session_lease)
    await check_leases(studio, ahead)
    assert await status_of(rest, team) == {"interrupted"}


async def test_a_jump_of_the_wall_clock_ends_no_lease(rest: Rest, studio: Studio, clock: FakeClock) -> None:
    team = await PretendTeam.join(rest, await rest.project())
    ahead = await check_leases(studio, None)
    for jump in (studio.config.session_lease * 3, -studio.config.session_lease * 6, CLOCK_JUMP * 2):
        clock.jump(jump)
        ahead = await check_leases(studio, ahead)
        assert await status_of(rest, team) == {"connected"}
    clock.advance(studio.config.session_lease)
    await check_leases(studio, ahead)
    assert await status_of(rest, team) == {"interrupted"}


async def test_the_watch_begins_with_the_application_and_ends_with_it(
    app: Starlette, rest: Rest, studio: Studio, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = asyncio.Event()

    async def look(_studio: Studio, ahead: float | None) -> float:
        looked.set()
        return 0.0

    monkeypatch.setattr(module, "check_leases", look)
    async with app.router.lifespan_context(app):
        await asyncio.wait_for(looked.wait(), 5)
    assert len(asyncio.all_tasks()) == 1
