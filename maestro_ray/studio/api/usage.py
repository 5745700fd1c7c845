"""What was used, in tokens and money: by project, plan or run."""

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
    sums = usage.sums(by, call.query("project_id"), call.query("plan_id"))
    return await call.rows(sa.select(sums), sums)


ROUTES = [
    Rest("GET", "usage", show, Action.READ, listing=True, query=("by", "project_id", "plan_id"), paged=True)
]
