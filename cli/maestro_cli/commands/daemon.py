"""`maestro daemon`: the process behind everything else."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from maestro_cli.daemon_line import connect, connect_or_start
from maestro_cli.render import out
from maestro_ray.errors import DaemonUnavailable
from maestro_ray.home import Home

app = typer.Typer(no_args_is_help=True, help="Start, stop and look into the daemon.", rich_markup_mode=None)


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="daemon")


@app.command(epilog="Example: maestro daemon start")
def start() -> None:
    """Start the daemon with Studio and Ray, so that the first team need not wait for them."""
    with connect_or_start(Home.find()) as line:
        for kind, value in line.stream("daemon.ensure"):
            if kind == "progress":
                out.say(f"{value['text']} …")
            elif not kind:
                out.emit("daemon", "start", "ok", f"running, pid {value['pid']}", **value)


@app.command(epilog="Example: maestro daemon stop")
def stop() -> None:
    """End every team in order, then Ray, Studio and the daemon; nothing of this home is left running."""
    home = Home.find()
    if (pid := stop_daemon(home)) is None:
        out.emit("daemon", "stop", "not_running", "the daemon is not running")
    else:
        out.emit("daemon", "stop", "ok", f"stopped, pid {pid}", pid=pid)


@app.command(epilog="Example: maestro daemon restart")
def restart() -> None:
    """Replace every process by a new one, as after an upgrade; teams go on where they were."""
    stop_daemon(Home.find(), keep_teams=True)
    start()


@app.command(epilog="Example: maestro daemon logs --lines 50")
def logs(lines: Annotated[int, typer.Option(help="How many of the last lines of each file.")] = 30) -> None:
    """Print the end of each log of this home."""
    home, found = Home.find(), {}
    for path in sorted(home.logs.glob("*.log")) if home.logs.is_dir() else []:
        found[path.name] = path.read_text("utf-8", "replace").splitlines()[-lines:]
    text = "\n".join(f"== {name}\n" + "\n".join(each) for name, each in found.items() if each)
    out.emit("daemon", "logs", "ok", text or f"no logs in {home.logs}", logs=found)


@app.command(epilog="Example: maestro daemon run")
def run() -> None:
    """Run the daemon in this terminal, for a service manager or to see what it says."""
    from maestro_ray.daemon.__main__ import serve

    serve(Home.find())
    out.emit("daemon", "run", "ok", "stopped")


def stop_daemon(home: Home, *, keep_teams: bool = False) -> int | None:
    """The pid of the daemon that was stopped, None when nothing ran. Returns when its process is gone.

    Kept teams are there again after the next start; what their agents did was cut, and is taken up again.
    What a daemon that was killed left running is taken over by a new one, and ended by that.
    """
    try:
        line = connect(home)
    except DaemonUnavailable:
        from maestro_ray.agent.sweep import find

        if not find(f"{home.instance}:"):
            return None
        line = connect_or_start(home)
    with line:
        pid = 0
        for kind, value in line.stream("daemon.stop", keep_teams=keep_teams):
            if kind == "progress":
                out.say(f"{value['text']} …")
            elif not kind:
                pid = int(value["pid"])
    _wait_for_end(pid)
    return pid


def _wait_for_end(pid: int) -> None:
    import select

    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    select.select([fd], [], [], 30)
    os.close(fd)
