"""What was used, in tokens and money: by project, plan or run, and by team, day, role or model."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from maestro_ray.errors import BadFrame
from maestro_ray.model.access import Action
from maestro_ray.studio import usage
from maestro_ray.studio.api.call import Call, Rest


async def show(call: Call) -> Any:
    """Sum up tokens and money."""
    by = call.query("by") or "project"
    if by not in usage.BY:
        raise BadFrame(f"by must be one of {', '.join(usage.BY)}")
    project, plan, team = call.query("project_id"), call.query("plan_id"), call.query("team_id")
    if by in ("day", "role", "model") and not project:
        raise BadFrame(f"by={by} needs a project_id")
    sums = usage.sums(by, project, plan, team)
    return await call.rows(sa.select(sums), sums)


QUERY = ("by", "project_id", "plan_id", "team_id")
ROUTES = [Rest("GET", "usage", show, Action.READ, listing=True, query=QUERY, paged=True)]
