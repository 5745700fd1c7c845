"""`maestro studio`: the embedded server."""

from __future__ import annotations

import typer

from maestro_cli.daemon_line import connect_or_start
from maestro_cli.render import out
from maestro_ray.home import Home

app = typer.Typer(no_args_is_help=True, help="The embedded Studio server.", rich_markup_mode=None)


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="studio")


@app.command(epilog="Example: maestro studio info --json")
def info() -> None:
    """Print where Studio is and how to connect to it, starting it when it does not run."""
    with connect_or_start(Home.find()) as line:
        found = line.call("studio.info")
    shown = {key: found[key] for key in ("url", "ws_url", "key", "auth_endpoint", "version")}
    out.emit(
        "studio", "info", "ok", out.columns([[key, str(value)] for key, value in shown.items()]), **shown
    )


@app.command(epilog="Example: maestro studio serve")
def serve() -> None:
    """Start Studio under the daemon and say where it is."""
    info()
