"""What is known of a repository, told to its project's Studio, and asked of an analyst."""

from __future__ import annotations

from typing import Any

from maestro_ray.actors.params import Params, text
from maestro_ray.connection.client import StudioClient
from maestro_ray.errors import UsageError

# who says it; another survey of the same repository replaces it
SOURCE = "survey"
# the role of who surveys and does nothing else
ANALYST = "analyst"


async def learn(rest: StudioClient, key: str, params: Params) -> dict[str, Any]:
    """`{project, items, changed, gone}` after Studio has taken `items`. Makes the project when there is none."""
    items = params.get("items")
    if not isinstance(items, list):
        raise UsageError("items must be a list", "")
    project = await _project(rest, key)
    body = {"source": SOURCE, "items": items}
    told = await rest.call("PUT", f"projects/{project}/knowledge", body=body)
    return {"project": {"id": project, "key": key}, **told}


async def analyse(rest: StudioClient, key: str, params: Params) -> dict[str, Any]:
    """The run in which an analyst looks at the repository; one that is alive for the same `note` is it already."""
    body = {"purpose": "repo_analysis", "note": text(params, "note"), "role": ANALYST}
    return dict(await rest.post(f"projects/{await _project(rest, key)}/analysis", body))


async def _project(rest: StudioClient, key: str) -> str:
    found = await rest.post("projects", {"key": key, "name": key.rpartition("/")[2] or key})
    return str(found["id"])
