"""The names of Studio's private and presence channels: two for each project, two for each team."""

from __future__ import annotations

_PROJECT = ("private-project.", "presence-project.")
_TEAM = ("private-team.", "presence-team.")


def project(project_id: str) -> str:
    return f"{_PROJECT[0]}{project_id}"


def team(name: str) -> str:
    return f"{_TEAM[0]}{name}"


def is_ours(channel: str) -> bool:
    """Whether the name is of one of the four forms; who may listen is another question."""
    return channel.startswith(_PROJECT + _TEAM)


def project_in(channel: str) -> str | None:
    """The id of the project whose channel this is; None when it is no project's."""
    return channel.partition(".")[2] if channel.startswith(_PROJECT) else None


def team_in(channel: str) -> str | None:
    """The name of the team whose channel this is; None when it is no team's."""
    return channel.partition(".")[2] if channel.startswith(_TEAM) else None
