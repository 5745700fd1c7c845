"""The page that makes a plan: from fields, or from TOML as it stands in a plan file."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from maestro_ray.errors import MaestroError, PlanFileError
from maestro_ray.model import plan_file
from maestro_ray.model.access import Action
from maestro_ray.model.plan_file import PlanDraft
from maestro_ray.studio import schema as t
from maestro_ray.studio.api import plans
from maestro_ray.studio.api.problem import status_of
from maestro_ray.studio.api.shapes import bodies
from maestro_ray.studio.browser import Browser
from maestro_ray.studio.page import form, frame
from maestro_ray.studio.page.headers import guard
from maestro_ray.studio.page.view import Ask, View, refusal
from maestro_ray.studio.store import Transaction
from maestro_ray.studio.studio import Studio

FILE = "plan.toml"
PLAN_FIELDS = ("title", "description", "base", "test")
TASK_FIELDS = ("title", "description", "id", "depends", "role", "skill", "proficiency", "priority", "test")
MOST_TASKS = 100
SKELETON = """\
title = ""
base = "main"
test = ""

[[tasks]]
id = "first"
title = ""
description = ""

[[tasks]]
title = ""
depends = ["first"]
"""


@dataclass(frozen=True)
class Editor:
    """What stands in the form, and what is wrong with it. `line` and `column` are 0 when that is no place in a text."""

    toml: bool = False
    text: str = SKELETON
    fields: Mapping[str, str] = field(default_factory=dict)
    tasks: Sequence[Mapping[str, str]] = ({}, {})
    error: str = ""
    line: int = 0
    column: int = 0

    @property
    def excerpt(self) -> str:
        """The line that is wrong."""
        lines = self.text.splitlines()
        return lines[self.line - 1] if 0 < self.line <= len(lines) else ""


def read(fields: form.Fields) -> Editor:
    """The editor as the browser sent it."""
    if "toml" in fields:
        return Editor(True, fields["toml"])
    count = min(MOST_TASKS, 1 + max((_number(name) for name in fields), default=0))
    tasks = [{key: fields.get(f"task-{n}-{key}", "").strip() for key in TASK_FIELDS} for n in range(count)]
    return Editor(False, "", {key: fields.get(key, "").strip() for key in PLAN_FIELDS}, tasks)


def draft(editor: Editor) -> PlanDraft:
    """The plan that was written. Raises `PlanFileError`."""
    if editor.toml:
        return plan_file.parse_plan(editor.text, FILE)
    written = [task for task in editor.tasks if any(task.values())]
    top = {key: text for key, text in editor.fields.items() if text}
    return plan_file.from_json({**top, "tasks": [_task(task) for task in written]})


async def save(request: Request) -> Response:
    """Add an empty task to the form, or make the plan, or show what is wrong with it."""
    studio: Studio = request.app.state.studio
    try:
        who, fields = await form.signed(studio, request)
        ask = await VIEW.ask(studio, request, who)
    except MaestroError as error:
        return refusal(request, error)
    editor, status = read(fields), 200
    if fields.get("do") == "add":
        editor = Editor(False, "", editor.fields, [*editor.tasks, {}])
    else:
        try:
            made = await _make(studio, request, who, ask.id, editor, begin=fields.get("do") == "activate")
            return guard(request, RedirectResponse(f"/plans/{made}", 303))
        except PlanFileError as error:
            editor, status = _mistaken(editor, error), 422
        except MaestroError as error:
            editor, status = Editor(**{**vars(editor), "error": str(error)}), status_of(error)
    return guard(request, HTMLResponse(await VIEW.page(studio, request, who, ask, editor=editor), status))


async def _make(
    studio: Studio, request: Request, who: Browser, project: str, editor: Editor, *, begin: bool
) -> str:
    """The id of the new plan, which is active at once when it is to `begin`."""
    # a megabyte of TOML takes seconds, and nobody else waits for them
    written = await asyncio.to_thread(lambda: plan_file.to_json(draft(editor)))
    body = bodies.NewPlan(project_id=project, draft=written)
    plan = await form.perform(studio, request, plans.CREATE, who, body)
    if begin:
        await form.perform(studio, _start_of(request, plan["id"]), plans.ACT, who, None)
    return str(plan["id"])


def _start_of(request: Request, plan: str) -> Request:
    """The form that starts this plan, as the plan's own page would have sent it."""
    named = {"id": plan, "word": "activate"}
    return Request({**request.scope, "path": f"/do/plans/{plan}/activate", "path_params": named})


def _mistaken(editor: Editor, error: PlanFileError) -> Editor:
    _, line, column, message = error.args
    place = {"line": line, "column": column} if editor.toml else {}
    return Editor(**{**vars(editor), "error": str(message), **place})


def _task(task: Mapping[str, str]) -> dict[str, Any]:
    """A task as a plan file has it; what is empty is left out."""
    made: dict[str, Any] = {key: text for key, text in task.items() if text}
    if "depends" in made:
        made["depends"] = [word for word in made["depends"].replace(",", " ").split() if word]
    for key in ("priority", "proficiency"):
        if made.get(key, "").removeprefix("-").isdecimal():
            made[key] = int(made[key])
    return made


def _number(name: str) -> int:
    word, _, rest = name.partition("-")
    number = rest.partition("-")[0]
    return int(number) if word == "task" and number.isascii() and number.isdigit() and len(number) < 5 else -1


def _frame(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    return {
        **frame.of_project(tx, ask.project, "New plan"),
        "editor": Editor(toml=ask.query.get("as") == "toml"),
    }


VIEW = View("plan_editor", "/projects/{id}/plans/new", _frame, {}, Action.PLAN, t.projects)
