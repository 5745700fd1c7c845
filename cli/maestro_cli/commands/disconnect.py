"""`maestro disconnect`: end sessions in order."""

from __future__ import annotations

from typing import Annotated

import typer

from maestro_cli import invocation
from maestro_cli.daemon_line import connect_to_teams
from maestro_cli.render import out
from maestro_ray.errors import DaemonUnavailable
from maestro_ray.home import Home


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: maestro disconnect --all")(disconnect)


def disconnect(
    everything: Annotated[
        bool, typer.Option("--all", help="Every project's, not only this repository's.")
    ] = False,
) -> None:
    """End the sessions of this repository: agents are stopped and worktrees removed, the daemon stays."""
    try:
        with connect_to_teams(Home.find()) as line:
            where = {"all": True} if everything else {"repo": invocation.current.here}
            names = line.call("disconnect", **where)["teams"]
    except DaemonUnavailable:
        names = []
    out.emit(
        "session",
        "disconnect",
        "ok",
        f"ended: {', '.join(names)}" if names else "nothing was connected",
        teams=names,
    )
