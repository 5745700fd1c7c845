"""`maestro task`: what a person does in a team with their own hands."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from maestro_cli.daemon_line import connect_to_teams
from maestro_cli.render import out
from maestro_cli.render.board import run_word
from maestro_ray.home import Home

group = typer.Typer(rich_markup_mode=None)


@group.command("list", epilog="Example: maestro task list --json")
def show_all() -> None:
    """List the runs that wait for a person, of every team."""
    with connect_to_teams(Home.find()) as line:
        runs = line.call("task.list")["runs"]
    text = "\n".join(map(_card, runs)) or "no run waits for a person"
    out.emit("task", "list", "ok", text, runs=runs)


@group.command(
    epilog='Example: maestro task done 3fa9c1d2    or: maestro task done 3fa9c1d2 --reject "a test is missing"'
)
def done(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="The end of the run's id or of its task's, or its id in the plan.",
            show_default=False,
        ),
    ],
    approve: Annotated[
        bool, typer.Option("--approve", help="Of a review or a test: it is right as it is.")
    ] = False,
    reject: Annotated[
        str | None, typer.Option("--reject", metavar="REASON", help="Of a review or a test: what is wrong.")
    ] = None,
) -> None:
    """Say that a run you do yourself is done. What you changed in its worktree is committed for you."""
    with connect_to_teams(Home.find()) as line:
        told = line.call(
            "task.done", id=run, approve=approve, **({} if reject is None else {"reject": reject})
        )
    title = out.printable(told["run"]["title"])
    out.emit("task", "done", "ok", f"done: {run_word(told['run']['purpose'])} {title}", **told)


def _card(run: dict[str, Any]) -> str:
    verdict = "" if run["purpose"] == "execute" else " --approve | --reject REASON"
    return "\n".join([
        f"{out.paint(run['id'][-8:], 'bold')}  {run_word(run['purpose'])} {out.printable(run['title'])}",
        f"          {run['team']} {run['worker']}, in {out.printable(run['worktree'])}",
        f"          maestro task done {run['id'][-8:]}{verdict}",
    ])  # fmt: skip
