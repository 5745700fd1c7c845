"""`maestro connect`: join a team of this repository as one more session."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from maestro_cli import invocation
from maestro_cli.commands.team import environment
from maestro_cli.daemon_line import connect_or_start
from maestro_cli.render import out
from maestro_ray.errors import BadProvider, UsageError
from maestro_ray.home import Home


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: maestro connect --no-tui --role worker --provider dev=scripted:script.toml")(
        connect
    )


def connect(
    no_tui: Annotated[bool, typer.Option("--no-tui", help="Log lines instead of a screen.")] = False,
    role: Annotated[
        str, typer.Option(help="`lead` watches and steers, `worker` adds a worker to the team.")
    ] = "lead",
    with_skill: Annotated[str, typer.Option(metavar="A,B", help="Skills of the worker.")] = "",
    name: Annotated[str, typer.Option(metavar="BOT", help="The worker's name.")] = "",
    team_channel: Annotated[str, typer.Option(metavar="NAME", help="The team, when several run here.")] = "",
    provider: Annotated[
        str, typer.Option(metavar="ROLE=NAME[:ARG]", help="What the worker does, and with what.")
    ] = "",
    ephemeral: Annotated[
        bool, typer.Option("--ephemeral", help="End the session with this terminal.")
    ] = False,
) -> None:
    """Join the team that runs on this repository: as its lead's eyes and ears, or as one more worker."""
    if not no_tui:
        raise UsageError("the screen is not available yet", "use --no-tui")
    if role not in ("lead", "worker"):
        raise UsageError(f"there is no session role {role!r}", "lead or worker")
    home = Home.find()
    home.prepare()
    repo = invocation.current.here
    which = {"team": team_channel.removeprefix("private-team.")} if team_channel else {"repo": repo}
    with connect_or_start(home) as line:
        if role == "worker":
            joined = _join(line, home, which, name, provider, with_skill)
            which = {"team": joined["team"]}
            leaving = {"method": "team.leave", **which, "worker": joined["worker"]["name"]}
        else:
            which = {"team": _lead(line, home, which, name)}
            leaving = {"method": "team.stop", **which}
        _log(line, which, leaving if ephemeral else None)


def _lead(line: Any, home: Home, which: dict[str, str], name: str) -> str:
    """The team that runs here, or a lead of its own that serves the project's plans and waits for workers."""
    teams = line.call("team.status", **which)
    if not teams:
        repo = Path(invocation.current.cwd)
        started = line.call("team.start", repo=str(repo), env=environment(home, repo), name=name, alone=True)
        out.say(f"connected as the lead of {started['team']['name']}; workers may join with --role worker")
        return str(started["team"]["name"])
    if len(teams) > 1:
        names = ", ".join(team["name"] for team in teams)
        raise UsageError(f"several teams run here: {names}", "name one with --team-channel")
    return str(teams[0]["name"])


def _join(
    line: Any, home: Home, which: dict[str, str], name: str, provider: str, skills: str
) -> dict[str, Any]:
    worker_role, _, choice = provider.partition("=")
    if not choice:
        raise BadProvider(provider or "(none)", "a worker needs one, and with it its role")
    joined: dict[str, Any] = line.call(
        "team.join",
        **which,
        role=worker_role,
        name=name,
        providers={worker_role: choice},
        skills=[skill.strip() for skill in skills.split(",") if skill.strip()],
        env=environment(home, Path(invocation.current.cwd)),
    )
    out.say(f"{joined['worker']['name']} joined {joined['team']}, pid {joined['worker']['pid']}")
    return joined


def _log(line: Any, which: dict[str, str], leaving: dict[str, str] | None) -> None:
    """Print what happens until the team is over or the person leaves; `leaving` is the call that ends the session."""
    import json
    import sys

    from maestro_cli.render.board import Board

    board = Board({})
    try:
        for kind, value in line.stream("team.watch", **which):
            if kind == "team.event" and invocation.current.json:
                sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
                sys.stdout.flush()
            elif kind == "team.event":
                for text in board.take(value):
                    out.say(text)
    except KeyboardInterrupt:
        if leaving:
            with connect_or_start(Home.find()) as other:
                other.call(**leaving)
            out.say("\nthe session has ended")
        else:
            out.say("\nleft; the session goes on. End it with: maestro disconnect")
        raise
