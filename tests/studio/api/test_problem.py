from __future__ import annotations

import json

import httpx
import pytest

from maestro_ray.errors import (
    Fault,
    IllegalEvent,
    NotFound,
    PlanFileError,
    StaleEpoch,
    Unauthenticated,
    UsageError,
)
from maestro_ray.studio.api.problem import problem
from studio.pretend import Rest

pytestmark = pytest.mark.sqlite_only("a problem is put into words without a database")

PROJECT = {"key": "github:acme/shop", "name": "shop"}


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
        ("GET", "/nothing", 404, "not_found"),
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


def test_a_problem_holds_no_secret() -> None:
    """Without `redact` in `_document` it does."""
    told = json.loads(problem(UsageError("no https://me:s3cret@h/x", "say token=abc123def456")).body)
    assert (told["detail"], told["hint"]) == ("no https://***@h/x", "say token=***")
