"""`maestro steer` and `maestro clear-steering`: the operator's directives from outside the TUI."""

from __future__ import annotations

from typing import Annotated

import typer

from maestro_cli import invocation
from maestro_cli.daemon_line import connect_to_teams
from maestro_cli.render import out
from maestro_ray.home import Home

Team = Annotated[
    str, typer.Option("--team", help="The team, when several run; by default those of this repository.")
]


def register(app: typer.Typer) -> None:
    app.command(epilog='Example: maestro steer "keep the public API as it is"')(steer)
    app.command("clear-steering", epilog="Example: maestro clear-steering")(clear_steering)


def steer(
    text: Annotated[str, typer.Argument(help="One sentence for every agent of the team.")], team: Team = ""
) -> None:
    """Give a running team a directive: it reaches agents now where they can take it, and every later turn."""
    with connect_to_teams(Home.find()) as line:
        answer = line.call("steer", text=text, **_which(team))
    names = ", ".join(each["name"] for each in answer["teams"])
    out.emit("steering", "add", "ok", f"accepted by {names}: {out.printable(text)}", **answer)


def clear_steering(team: Team = "") -> None:
    """Withdraw every active directive: later turns no longer hear them."""
    with connect_to_teams(Home.find()) as line:
        answer = line.call("steering.clear", **_which(team))
    names = ", ".join(answer["teams"]) or "nobody: no team runs here"
    out.emit("steering", "clear", "ok", f"cleared for {names}", **answer)


def _which(team: str) -> dict[str, str]:
    return {"team": team} if team else {"repo": invocation.current.here}
