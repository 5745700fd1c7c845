"""A card of the kind `permission`: who asks for what, with the whole command, safe for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maestro_cli.render.out import printable
from maestro_ray.model.plain_text import exposed

PERMISSION = "permission"


def permission_lines(card: Mapping[str, Any]) -> list[str]:
    """The whole command, each of its lines behind a bar, which nothing in it can pass for."""
    about = card["about"]
    agent = f"{printable(about['worker'])} ({printable(about['agent'])})"
    head = f"{agent} asks for leave to use {printable(about['tool'])}"
    # `exposed` leaves only blanks, tabs and line feeds that a terminal would not print
    command = [f"| {line}" for line in exposed(str(about["command"])).replace("\t", "    ").split("\n")]
    return [
        head,
        *command,
        f"sha256 {printable(about['hash'])}, {about['length']} characters",
        printable(about["why"]),
    ]


def permission_text(card: Mapping[str, Any]) -> str:
    """The same as one text, indented below its head."""
    return "\n          ".join(permission_lines(card))
