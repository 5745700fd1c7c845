"""`maestro version`: what is installed here."""

from __future__ import annotations

import typer

from maestro_cli.render import out
from maestro_ray import __version__


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: maestro version --json")(version)


def version() -> None:
    """Print the versions of maestro, Ray, Python and the protocols."""
    import platform
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        ray = installed("ray")
    except PackageNotFoundError:
        ray = "not installed"
    versions = {
        "maestro": __version__,
        "ray": ray,
        "python": platform.python_version(),
        "protocol": "Pusher 7, JSON-RPC 2.0",
    }
    text = out.columns([[name, value] for name, value in versions.items()])
    out.emit("version", "show", "ok", text, **versions)


def print_short() -> None:
    out.emit("version", "show", "ok", f"maestro {__version__}", maestro=__version__)
