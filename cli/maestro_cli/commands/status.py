"""`maestro status`: what runs, as it really is."""

from __future__ import annotations

import time
from typing import Any

import typer

from maestro_cli.daemon_line import connect, ray_runs_on
from maestro_cli.render import out
from maestro_cli.render.board import run_word
from maestro_ray.errors import DaemonUnavailable
from maestro_ray.home import Home
from maestro_ray.model.silence import sentence


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: maestro status --json")(status)


def status() -> None:
    """Show the daemon, Studio, Ray and every team with its workers' pids and lease ages. Starts nothing."""
    home = Home.find()
    try:
        with connect(home) as line:
            answer = line.call("status")
    except DaemonUnavailable:
        _without_daemon(home)
        return
    known = answer["teams_known"]
    out.emit("status", "show", "ok" if known else "unknown", _text(answer), **answer)
    if not known:
        raise typer.Exit(1)


def _without_daemon(home: Home) -> None:
    if not ray_runs_on(home):
        text = "the daemon is not running; `maestro team …` starts it"
        out.emit("status", "show", "not_running", text, home=str(home.root))
        return
    text = (
        "the daemon is not running, but Ray goes on, and with it the teams it has; "
        "any command that needs them takes them over, for example `maestro daemon start`"
    )
    out.emit("status", "show", "unsupervised", text, home=str(home.root))
    raise typer.Exit(1)


def _text(answer: dict[str, Any]) -> str:
    daemon, connections = answer["daemon"], answer["connections"]
    studio, ray = daemon["studio"], daemon["ray"]
    rows = [
        ["daemon", f"pid {daemon['pid']}, up {age(time.time() - daemon['started_at'])}, {daemon['home']}"],
        ["Studio", f"{studio['url']}, pid {studio['pid']}" if studio else "not started"],
        ["Ray", f"{ray['address']}, {'running' if ray['running'] else 'down'}" if ray else "not started"],
    ]
    if connections:
        pool, trouble = connections["pool"], connections["studio"]["trouble"]
        about = _trouble("Studio", trouble) if trouble else "connected to Studio"
        about += f", {connections['outbox']} reports waiting, {pool['blank']} of {pool['size']} slots warm"
        rows.append(["Connections", about])
        rows += [["", text] for text in _troubles_elsewhere(connections)]
    rows += [[f"{name}!", out.printable(text)] for name, text in daemon["trouble"].items()]
    teams = [team_text(team) for team in connections["teams"]] if connections else []
    none = "no team runs" if answer["teams_known"] else _unknown(daemon)
    return "\n\n".join([out.columns(rows), *(teams or [none])])


def _troubles_elsewhere(connections: dict[str, Any]) -> list[str]:
    """Of the Studios, but this machine's own, that some project's connection is cut from."""
    own = connections["studio"]["url"]
    found = {
        (each["studio"], each["trouble"]): None for each in connections["connections"] if each["trouble"]
    }
    return [_trouble(out.printable(url), trouble) for url, trouble in found if url != own]


def _trouble(studio: str, trouble: str) -> str:
    if trouble == "signed_out":
        return f"{studio}: signed out, `maestro auth INVITE` signs in again"
    return f"{studio} is {trouble}"


def _unknown(daemon: dict[str, Any]) -> str:
    if "ray" in daemon["trouble"]:
        return "which teams there are is not known: they need Ray, and it does not start; see `maestro daemon logs`"
    doing = "Connections does not answer" if daemon["ray"] else "Ray is being started"
    return f"which teams run is not known at the moment: {doing}"


def _doing(member: dict[str, Any]) -> str:
    if not member["run"]:
        return "idle"
    doing = f"{run_word(member['run']['purpose'])} {out.printable(member['run']['task'])}"
    if waits := member.get("waits"):
        return f"{doing}, waits for {waits['for']} since {age(waits['age'])}: see `maestro decide`"
    silent = None if member.get("by_hand") else member.get("silent")
    return f"{doing}, {sentence(silent['seconds'], out.printable(silent['last']))}" if silent else doing


def team_text(team: dict[str, Any]) -> str:
    """One team: its plans, then a line a member."""
    lines = [f"team {out.paint(team['name'], 'bold')}  {team['state']}  {out.printable(team['project'])}"]
    lines += [out.paint(f"! {out.printable(note)}", "red") for note in team.get("notes", ())]
    if team.get("goal") and not team["plans"]:
        lines.append(f"goal {out.printable(team['goal'])[:200]}: no plan is accepted yet")
    if burn := team.get("budget", {}).get("burn"):
        lines.append(f"used {burn}")
    for plan in team["plans"]:
        title = out.printable(plan["title"])
        lines.append(f"plan {title}: {plan['status']}, {plan['done']} of {plan['tasks']} tasks done")
        if plan["waiting"]:
            lines.append(f"     waits: {out.printable(plan['waiting'])}")
    rows = [
        [
            each["name"],
            each["state"],
            str(each["pid"] or "-"),
            # one that comes back after a restart has some time to show itself, and was not seen yet
            "-" if each["lease_age"] is None or each["lease_age"] < 0 else f"{each['lease_age']:.1f}s",
            _doing(each),
        ]
        for each in team["workers"]
    ]
    table = out.columns(rows, ["member", "state", "pid", "seen", "doing"])
    return "\n".join([*lines, table, *(_by_hand(each) for each in team["workers"] if each.get("by_hand"))])


def _by_hand(worker: dict[str, Any]) -> str:
    run = worker["by_hand"]
    return f"{worker['name']} waits for you, in {out.printable(run['worktree'])}: maestro task done {run['id'][-8:]}"


def age(seconds: float) -> str:
    """`42s`, `7m`, `3h`, `2d`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"
