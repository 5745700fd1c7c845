"""The OpenAPI document of Studio's calls, made of the table that serves them."""

from __future__ import annotations

import functools
import inspect
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic.json_schema import models_json_schema

from maestro_ray import __version__
from maestro_ray.studio import bodies
from maestro_ray.studio.api.call import LONGEST_PAGE, USUAL_PAGE, Handler, Rest
from maestro_ray.studio.api.problem import STATUS

Json = dict[str, Any]

PREFIX = "/api/v1/"
_SECURED: list[Json] = [{"bearer": []}]
_REF = "#/components/schemas/{model}"

_ABOUT = {
    400: "The request cannot be read.",
    401: "The token is missing, forged, expired or revoked.",
    403: "The caller's role does not allow it.",
    404: "It does not exist, or the caller has no role there.",
    409: "The present state does not allow it, or the run belongs to somebody else.",
    412: "It has changed since it was read.",
    422: "It can be read and makes no sense.",
    429: "Too many requests; `Retry-After` says how many seconds to wait.",
}

PROBLEM: Json = {
    "type": "object",
    "description": "An RFC 9457 problem document. `code` is stable; `detail` and `hint` are for people.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer", "enum": sorted({*STATUS.values(), 405, 500})},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "hint": {"type": "string"},
    },
}


@functools.cache
def document(calls: tuple[Rest, ...]) -> bytes:
    """The document as JSON. It is made once: the calls of a process do not change."""
    return json.dumps(describe(calls), ensure_ascii=False, separators=(",", ":")).encode()


def describe(calls: Sequence[Rest]) -> Json:
    """An OpenAPI 3.1 document of these calls, and of those beside `/api/v1` that programs use."""
    taken = {getattr(bodies, call.body.__name__) for call in calls if call.body} | {bodies.ChannelAuth}
    models = sorted(taken, key=lambda model: model.__name__)
    _, schemas = models_json_schema([(model, "validation") for model in models], ref_template=_REF)
    paths: dict[str, Json] = {}
    for call in calls:
        paths.setdefault(PREFIX + call.path, {})[call.method.lower()] = _operation(call)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "maestro Studio",
            "version": __version__,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": {**paths, **_beside()},
        "components": {
            "schemas": {**schemas.get("$defs", {}), "Problem": PROBLEM},
            "responses": {str(status): _problem(about) for status, about in _ABOUT.items()}
            | {"default": _problem("Whatever else goes wrong.")},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _operation(call: Rest) -> Json:
    noun = call.handler.__module__.rpartition(".")[2]
    found: Json = {
        "operationId": f"{noun}_{call.handler.__name__}",
        "summary": summary(call.handler),
        "tags": [noun],
        "parameters": [*_path(call), *_query(call), *_headers(call)],
        "security": _SECURED if call.action else [],
        "responses": {**_success(call), **_problems(call)},
    }
    if call.body:
        schema = {"$ref": _REF.format(model=call.body.__name__)}
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return found


def summary(handler: Handler) -> str:
    """The first line of its docstring, else its name in words."""
    told = inspect.getdoc(handler) or handler.__name__.replace("_", " ").capitalize()
    return told.splitlines()[0].rstrip(".")


# ── parameters ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _path(call: Rest) -> list[Json]:
    names = re.findall(r"{(\w+)}", call.path)
    return [_parameter("path", name, {"type": "string"}, required=True) for name in names]


def _query(call: Rest) -> list[Json]:
    found = [_parameter("query", name, {"type": "string"}) for name in call.query]
    if call.paged:
        size = {"type": "integer", "minimum": 1, "maximum": LONGEST_PAGE, "default": USUAL_PAGE}
        found.append(_parameter("query", "limit", size, "The size of a page."))
        found.append(_parameter("query", "cursor", {"type": "string"}, "From the `Link` of the last page."))
    return found


def _headers(call: Rest) -> list[Json]:
    word = {"type": "string"}
    found = []
    if repeatable(call):
        about = "A request repeated with the same key gets the first answer and does nothing more."
        found.append(_parameter("header", "Idempotency-Key", word, about))
    if call.guarded:
        found.append(_parameter("header", "If-Match", word, "The `ETag` the change is based on."))
    if call.tagged:
        found.append(_parameter("header", "If-None-Match", word, "The `ETag` that is known already."))
    return found


def repeatable(call: Rest) -> bool:
    """Whether an `Idempotency-Key` counts: for changes that are written down, but those of the sign-in itself."""
    of_the_sign_in = call.listing and call.method == "POST"
    return (
        call.method != "GET"
        and call.action is not None
        and not of_the_sign_in
        and not call.soft
        and not call.secret
    )


def _parameter(place: str, name: str, schema: Json, about: str = "", *, required: bool = False) -> Json:
    found: Json = {"name": name, "in": place, "required": required, "schema": schema}
    return found | ({"description": about} if about else {})


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _success(call: Rest) -> Json:
    if call.handler.__annotations__["return"] in (None, "None"):
        return {"204": {"description": "Done."}}
    schema: Json = {"type": "array", "items": {"type": "object"}} if call.paged else {}
    answer: Json = {"description": "Done.", "content": {"application/json": {"schema": schema}}}
    headers: Json = {}
    if call.paged:
        headers["Link"] = _header('The next page, `rel="next"`, as long as there is one.')
    if call.tagged:
        headers["ETag"] = _header("What this state of it is called.")
    found = {str(call.status): answer | ({"headers": headers} if headers else {})}
    return found | ({"304": {"description": "It has not changed."}} if call.tagged else {})


def _header(about: str) -> Json:
    return {"description": about, "schema": {"type": "string"}}


def _problems(call: Rest) -> Json:
    changes = call.method != "GET"
    possible = {
        400: call.body is not None or bool(call.query) or call.paged,
        401: True,
        403: call.action is not None,
        404: "{" in call.path or call.of == "body",
        409: changes and call.action is not None,
        412: call.guarded,
        422: call.body is not None and call.action is not None,
        429: call.action is None,
    }
    found = {
        str(status): {"$ref": f"#/components/responses/{status}"} for status, so in possible.items() if so
    }
    return found | {"default": {"$ref": "#/components/responses/default"}}


def _problem(about: str) -> Json:
    schema = {"$ref": _REF.format(model="Problem")}
    return {"description": about, "content": {"application/problem+json": {"schema": schema}}}


# ── beside /api/v1 ───────────────────────────────────────────────────────────────────────────────────────────────────


def _beside() -> Mapping[str, Json]:
    text: Json = {"text/plain": {"schema": {"type": "string"}}}
    anything: Json = {"application/json": {"schema": {}}}
    asked = {"schema": {"$ref": _REF.format(model="ChannelAuth")}}
    forms = {"application/json": asked, "application/x-www-form-urlencoded": asked}
    return {
        "/up": {
            "get": _simple("up", "Health: version and database", anything, public=True)
            | {"responses": {"200": _answer(anything), "503": _answer(anything)}}
        },
        "/metrics": {"get": _simple("metrics", "Counts for Prometheus", text)},
        "/broadcasting/auth": {
            "post": _simple("broadcasting_auth", "The signature of a private channel", anything)
            | {"requestBody": {"required": True, "content": forms}}
        },
        f"{PREFIX}openapi.json": {"get": _simple("openapi", "This document", anything, public=True)},
    }


def _simple(name: str, about: str, content: Json, *, public: bool = False) -> Json:
    problems = {} if public else {"401": {"$ref": "#/components/responses/401"}}
    return {
        "operationId": f"wire_{name}",
        "summary": about,
        "tags": ["wire"],
        "security": [] if public else _SECURED,
        "responses": {"200": _answer(content), **problems},
    }


def _answer(content: Json) -> Json:
    return {"description": "Done.", "content": content}
