"""`maestro connect`: join a team of this repository as one more session."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from maestro_cli import invocation
from maestro_cli.commands.team import environment
from maestro_cli.daemon_line import connect_or_start
from maestro_cli.render import out
from maestro_cli.streams import ReaderGone
from maestro_ray.errors import BadProvider, OutputFailed, UsageError
from maestro_ray.home import Home
from maestro_ray.model import channels

Leaving = dict[str, str]


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
    if role == "lead" and (with_skill or provider):
        raise UsageError("a lead has no provider and no skills here", "--role worker has them")
    home = Home.find()
    home.prepare()
    repo = invocation.current.here
    which = {"team": channels.team_in(team_channel) or team_channel} if team_channel else {"repo": repo}
    with _ending_with_the_terminal(ephemeral), connect_or_start(home) as line:
        leaving: Leaving
        if role == "worker":
            joined = _join(line, home, which, name, provider, with_skill)
            team = joined["team"]
            leaving = {"method": "team.leave", "team": team, "worker": joined["worker"]["name"]}
        else:
            team, ours = _lead(line, home, which, name)
            leaving = {"method": "team.stop", "team": team} if ours else {}
        _stay(line, team, leaving, ephemeral)


@contextmanager
def _ending_with_the_terminal(ephemeral: bool) -> Iterator[None]:
    """A terminal that is closed, and a program that is told to end, leave as Ctrl-C does."""
    numbers = (signal.SIGHUP, signal.SIGTERM) if ephemeral else ()

    def leave(_number: int, _frame: object) -> None:
        for number in numbers:  # a second one must not cut the leaving
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, leave) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _lead(line: Any, home: Home, which: dict[str, str], name: str) -> tuple[str, bool]:
    """The team that runs here, or a lead of its own that serves the project's plans and waits for workers.

    Its name, and whether it was started here and now.
    """
    teams = line.call("team.status", **which)
    if not teams:
        repo = Path(invocation.current.cwd)
        started = line.call("team.start", repo=str(repo), env=environment(home, repo), name=name, alone=True)
        out.say(f"connected as the lead of {started['team']['name']}; workers may join with --role worker")
        return str(started["team"]["name"]), True
    if len(teams) > 1:
        names = ", ".join(team["name"] for team in teams)
        raise UsageError(f"several teams run here: {names}", "name one with --team-channel")
    return str(teams[0]["name"]), False


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
        skills=skills.split(",") if skills else [],
        env=environment(home, Path(invocation.current.cwd)),
    )
    for warning in joined.get("warnings", ()):
        out.warn(warning)
    out.say(f"{joined['worker']['name']} joined {joined['team']}, pid {joined['worker']['pid']}")
    return joined


def _stay(line: Any, team: str, leaving: Leaving, ephemeral: bool) -> None:
    """Follow the team until it is over or the person leaves; with `ephemeral` the session ends then.

    `leaving` is the call that ends it, empty when the session is somebody else's.
    """
    try:
        _log(line, team)
    except (KeyboardInterrupt, ReaderGone, OutputFailed):
        if ephemeral and leaving:
            # first the call: where the words would go may be gone already
            with connect_or_start(Home.find()) as other:
                other.call(**leaving)
            out.say("\nthe session has ended")
        elif leaving:
            out.say("\nleft; the session goes on. End it with: maestro disconnect")
        else:
            out.say("\nleft; the team goes on")
        raise


def _log(line: Any, team: str) -> None:
    import sys

    from maestro_cli.following import follow_events
    from maestro_cli.render.board import Board

    board = Board({})
    for kind, value in follow_events(line, team):
        if kind == "team.event" and invocation.current.json:
            sys.stdout.write(out.json_line(value))
            sys.stdout.flush()
        elif kind == "team.event":
            for text in board.take(value):
                out.say(text)
