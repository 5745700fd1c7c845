"""What is the caller's own: their tasks and their skills."""

from __future__ import annotations

from typing import Any

from maestro_ray.model.access import Action
from maestro_ray.studio import schema as t
from maestro_ray.studio import tasks
from maestro_ray.studio.api.call import Call, Rest
from maestro_ray.studio.api.shapes import bodies


async def my_tasks(call: Call) -> Any:
    """List the tasks that are mine, or my sessions'."""
    return await call.rows(tasks.mine(call.caller, call.query("status")), t.tasks)


async def my_skills(call: Call) -> Any:
    """Show my skills."""
    return await call.read(tasks.my_skills, call.caller.user)


async def set_my_skills(call: Call) -> Any:
    """Set my skills, which my sessions have unless they bring their own."""
    return await call.change(tasks.set_my_skills, call.caller.user, call.body.skills)


ROUTES = [
    Rest("GET", "me/tasks", my_tasks, Action.READ, listing=True, query=("status",), paged=True),
    Rest("GET", "me/skills", my_skills, Action.READ, listing=True),
    Rest("PUT", "me/skills", set_my_skills, Action.READ, body=bodies.MySkills, listing=True),
]
