"""What stands around the parts of a page: its title, the trail that leads to it, the channels it listens to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maestro_ray.model import channels
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Transaction

Trail = tuple[tuple[str, str], ...]


def of_project(
    tx: Transaction, project_id: str, title: str = "", *trail: tuple[str, str]
) -> Mapping[str, Any]:
    """The frame of a page about something in a project; `trail` leads from the project to it."""
    project = tx.get(t.projects, project_id)
    way: Trail = (("Projects", "/"), (project["name"], f"/projects/{project_id}"), *trail)
    return {
        "title": title or project["name"],
        "trail": way if title else way[:-1],
        "project": project,
        "channels": [channels.project(project_id)],
    }


def of_studio(title: str, project_ids: list[str]) -> Mapping[str, Any]:
    """The frame of a page about everything somebody may see; it listens to their latest projects."""
    newest = sorted(project_ids)[-MOST_CHANNELS:]
    return {
        "title": title,
        "trail": (),
        "project": None,
        "channels": [channels.project(identifier) for identifier in newest],
    }


# of the hundred that one connection may have
MOST_CHANNELS = 60
