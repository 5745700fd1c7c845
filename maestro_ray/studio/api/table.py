"""Every path Studio answers, in one list."""

from __future__ import annotations

from starlette.routing import Route, WebSocketRoute

from maestro_ray.studio.api import (
    auth,
    decisions,
    me,
    plans,
    projects,
    runs,
    sessions,
    steering,
    tasks,
    teams,
    usage,
    wire,
)
from maestro_ray.studio.api.call import Rest
from maestro_ray.studio.socket import serve_socket

CALLS: list[Rest] = [
    call
    for noun in (auth, me, projects, sessions, teams, steering, runs, plans, tasks, decisions, usage)
    for call in noun.ROUTES
]


def routes() -> list[Route | WebSocketRoute]:
    """Starlette answers GET routes for HEAD too."""
    return [
        Route("/up", wire.up),
        Route("/metrics", wire.metrics),
        Route("/api/v1/openapi.json", wire.openapi),
        Route("/broadcasting/auth", wire.broadcasting_auth, methods=["POST"]),
        WebSocketRoute("/app/{key}", serve_socket),
        *(Route(f"/api/v1/{call.path}", call.__call__, methods=[call.method]) for call in CALLS),
    ]
