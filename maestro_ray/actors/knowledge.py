"""What a survey of a repository found, told to its project's Studio."""

from __future__ import annotations

from typing import Any

from maestro_ray.actors.params import Params
from maestro_ray.connection.client import StudioClient
from maestro_ray.errors import UsageError

# who says it; another survey of the same repository replaces it
SOURCE = "survey"


async def learn(rest: StudioClient, key: str, params: Params) -> dict[str, Any]:
    """`{project, items, changed, gone}` after Studio has taken `items`. Makes the project when there is none."""
    items = params.get("items")
    if not isinstance(items, list):
        raise UsageError("items must be a list", "")
    project = await rest.post("projects", {"key": key, "name": key.rpartition("/")[2] or key})
    body = {"source": SOURCE, "items": items}
    told = await rest.call("PUT", f"projects/{project['id']}/knowledge", body=body)
    return {"project": {"id": project["id"], "key": key}, **told}
