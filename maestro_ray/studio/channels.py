"""The names of Studio's private channels."""

from __future__ import annotations


def project(project_id: str) -> str:
    return f"private-project.{project_id}"


def team(name: str) -> str:
    return f"private-team.{name}"
