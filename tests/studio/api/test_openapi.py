from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
import textwrap
from typing import Any

import pytest
from openapi_spec_validator import validate
from starlette.routing import Route

from maestro_ray.studio import bodies
from maestro_ray.studio.api import openapi
from maestro_ray.studio.api.call import Call, Rest
from maestro_ray.studio.api.openapi import describe, document, repeatable, summary
from maestro_ray.studio.api.table import CALLS, routes
from studio.pretend import Rest as Client

DOCUMENT = describe(CALLS)
BESIDE = ("/up", "/metrics", "/broadcasting/auth", "/api/v1/openapi.json")


def operation(method: str, path: str) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][path][method.lower()]
    return found


def parameters(method: str, path: str) -> set[str]:
    return {each["name"] for each in operation(method, f"/api/v1/{path}")["parameters"]}


def test_it_is_a_valid_document() -> None:
    validate(DOCUMENT)


def test_it_has_every_route_and_no_other() -> None:
    served = {
        (method, route.path)
        for route in routes()
        if isinstance(route, Route) and (route.path.startswith("/api/v1/") or route.path in BESIDE)
        for method in route.methods or ()
        if method != "HEAD"
    }
    told = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert told == served


def test_operations_have_names_of_their_own_and_say_what_they_do() -> None:
    found = [each for item in DOCUMENT["paths"].values() for each in item.values()]
    assert len({each["operationId"] for each in found}) == len(found)
    assert all(each["summary"] for each in found)


async def no_docstring(call: Call) -> Any:
    return call


def test_a_summary_is_the_docstring_or_else_the_name() -> None:
    assert (
        operation("POST", "/api/v1/agent-sessions/{id}/run")["summary"] == "Claim a run under a fresh epoch"
    )
    assert summary(no_docstring) == "No docstring"


def source(call: Rest) -> str:
    return inspect.getsource(call.handler)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method} {call.path}")
def test_the_table_says_what_the_handler_does(call: Rest) -> None:
    """What stands in the table only to be told must be so: the handler's source is the witness."""
    text = source(call)
    asked = {*re.findall(r'call\.(?:query|number|request\.query_params\.getlist)\("(\w+)"', text)}
    asked |= {
        name
        for names in re.findall(r"for name in \(([^)]*)\)", text)
        for name in re.findall(r'"(\w+)"', names)
    }
    assert {*call.query} == asked
    assert call.paged == ("call.rows(" in text)
    assert call.guarded == ("call.unchanged(" in text)
    assert repeatable(call) == (not call.secret and bool(re.search(r"call\.(change|write)\(", text)))
    returns = [
        node
        for node in ast.walk(ast.parse(textwrap.dedent(text)))
        if isinstance(node, ast.Return) and node.value
    ]
    assert bool(returns) == (call.handler.__annotations__["return"] != "None")


def test_headers_and_pages_stand_where_they_count() -> None:
    assert parameters("POST", "cli-runs/{id}/complete") == {"id", "Idempotency-Key"}
    assert parameters("POST", "plans/{id}/{word}") == {"id", "word", "Idempotency-Key", "If-Match"}
    assert parameters("GET", "plans/{id}") == {"id", "If-None-Match"}
    assert parameters("GET", "teams") == {"project_id", "status", "name", "limit", "cursor"}
    assert parameters("POST", "auth/redeem") == set()


def test_security_is_that_of_the_doors() -> None:
    free = {
        path for path, item in DOCUMENT["paths"].items() for each in item.values() if not each["security"]
    }
    assert free == {"/up", "/api/v1/openapi.json", "/api/v1/auth/redeem", "/api/v1/auth/refresh"}


def test_bodies_are_those_that_are_decoded() -> None:
    body = operation("POST", "/api/v1/cli-runs/{id}/fail")["requestBody"]["content"]["application/json"][
        "schema"
    ]
    assert body == {"$ref": "#/components/schemas/Fail"}
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["Fail"]["additionalProperties"] is False
    assert set(schemas["Fail"]["properties"]) == set(bodies.Fail.model_fields)
    # what a body holds is there too
    assert schemas["NewTeam"]["properties"]["workers"]["items"] == {"$ref": "#/components/schemas/NewWorker"}


def test_answers_are_told_with_their_status() -> None:
    assert set(operation("POST", "/api/v1/plans")["responses"]) >= {
        "201",
        "400",
        "401",
        "403",
        "404",
        "409",
        "default",
    }
    assert "204" in operation("DELETE", "/api/v1/teams/{id}")["responses"]
    assert "412" in operation("POST", "/api/v1/plans/{id}/{word}")["responses"]
    problem = DOCUMENT["components"]["responses"]["404"]["content"]
    assert problem == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


async def test_anybody_may_read_it_and_it_is_made_once(stranger: Client) -> None:
    first = await stranger.http.get("/api/v1/openapi.json")
    assert first.headers["content-type"] == "application/json"
    assert first.json() == DOCUMENT
    assert document(tuple(CALLS)) is document(tuple(CALLS))


async def test_problems_are_as_they_are_described(stranger: Client) -> None:
    from openapi_schema_validator import OAS31Validator

    answer = await stranger.http.get("/api/v1/me")
    OAS31Validator(openapi.PROBLEM).validate(answer.json())


def test_a_start_does_not_wait_for_it() -> None:
    code = "import sys, maestro_ray.studio.app; print('maestro_ray.studio.api.openapi' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert done.stdout.strip() == b"False"
