"""Every address of the page, in one list."""

from __future__ import annotations

from starlette.routing import BaseRoute, Mount, Route

from maestro_ray.studio.api.table import CALLS
from maestro_ray.studio.page import (
    audit,
    decisions,
    knowledge,
    plan,
    plan_editor,
    project,
    projects,
    sign_in,
    task,
    team,
)
from maestro_ray.studio.page.form import Form
from maestro_ray.studio.page.static_files import PageFiles
from maestro_ray.studio.page.view import View

VIEWS: list[View] = [
    projects.VIEW,
    decisions.VIEW,
    audit.ALL,
    audit.OF_PROJECT,
    knowledge.VIEW,
    plan_editor.VIEW,
    project.VIEW,
    team.VIEW,
    plan.VIEW,
    task.VIEW,
]


def _forms() -> list[Form]:
    """What can be done from the page: each of these REST calls has a form at `/do/` and its path."""
    calls = {f"{call.method} {call.path}": call for call in CALLS}
    forms = [Form(path, calls[f"POST {path}"]) for path in POSTED]
    # a form can only post
    cleared = "agent-sessions/{id}/steering"
    return [*forms, Form(f"{cleared}/clear", calls[f"DELETE {cleared}"])]


POSTED = (
    "projects/{id}/analysis",
    "plans/{id}/{word}",
    "tasks/{id}/pause",
    "tasks/{id}/resume",
    "tasks/{id}/complete",
    "tasks/{id}/abort",
    "tasks/{id}/priority",
    "tasks/{id}/comments",
    "decisions/{id}/answer",
    "agent-sessions/{id}/steering",
)
FORMS = _forms()


def routes() -> list[BaseRoute]:
    return [
        Route("/sign-in", sign_in.ask),
        Route("/sign-in", sign_in.enter, methods=["POST"]),
        Route("/sign-out", sign_in.leave, methods=["POST"]),
        Route("/theme", sign_in.choose_theme, methods=["POST"]),
        Route("/projects/{id}/plans/new", plan_editor.save, methods=["POST"]),
        *(Route(view.path, view.__call__) for view in VIEWS),
        *(Route(f"/do/{form.path}", form.__call__, methods=["POST"]) for form in FORMS),
        Mount("/static", PageFiles(), name="static"),
    ]
