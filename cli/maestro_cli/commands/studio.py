"""`maestro studio`: the embedded server."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from maestro_cli import invocation
from maestro_cli.commands.auth import Name, Studio, known_identities, present
from maestro_cli.daemon_line import connect_or_start
from maestro_cli.render import out
from maestro_ray.config import Config
from maestro_ray.errors import Conflict
from maestro_ray.home import Home

File = Annotated[Path, typer.Argument(metavar="FILE", show_default=False)]

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


@app.command(
    "open", epilog="Example: maestro studio open    or, without a browser here: maestro studio open --print"
)
def open_page(
    only_print: Annotated[bool, typer.Option("--print", help="Print the link and open nothing.")] = False,
    studio: Studio = "",
    identity: Name = "",
) -> None:
    """Open Studio's page in a browser that is signed in: the link works once, within two minutes."""
    from maestro_ray.connection.account import Account
    from maestro_ray.connection.ask import ask

    identities = known_identities()
    who = present(identities, identity, studio)
    given = ask("POST", f"{who.studio}/api/v1/auth/page-link", {}, Account(identities, who).fresh_token())
    url = f"{who.studio}/sign-in?link={given['token']}"
    opened = not only_print and has_screen(os.environ, sys.platform) and _open(url)
    text = f"opened {who.studio}" if opened else url
    out.emit("studio", "open", "ok", text, url=url, expires_in=given["expires_in"], opened=opened)


def has_screen(environ: Mapping[str, str], platform: str) -> bool:
    """Whether a browser can be shown here. Without a screen Python would start one for terminals, in this terminal."""
    if "SSH_CONNECTION" in environ and "DISPLAY" not in environ:
        return False
    return platform in ("darwin", "win32") or "DISPLAY" in environ or "WAYLAND_DISPLAY" in environ


def _open(url: str) -> bool:
    import webbrowser

    return webbrowser.open(url)


@app.command(epilog="Example: maestro studio backup studio-backup.db")
def backup(
    file: File, force: Annotated[bool, typer.Option("--force", help="Overwrite a file that exists.")] = False
) -> None:
    """Copy Studio's database into a file, while Studio goes on; the copy is verified."""
    home, target = Home.find(), invocation.current.cwd.absolute() / file
    _only_for_a_file(home, ["pg_dump", "--format=custom", "--no-owner", f"--file={target}", "--dbname={}"])
    from maestro_ray.studio import backup as copies

    made = copies.make(home.studio_database, target, force=force)
    text = f"wrote {target}: schema {made.schema}, {made.size:,} bytes"
    out.emit("studio", "backup", "ok", text, path=str(target), schema=made.schema, bytes=made.size)


@app.command(epilog="Example: maestro studio restore studio-backup.db")
def restore(file: File) -> None:
    """Put a copy in the place of Studio's database; Studio must be stopped. What it replaces is kept."""
    home, source = Home.find(), invocation.current.cwd.absolute() / file
    options = ["--clean", "--if-exists", "--no-owner", "--single-transaction", "--dbname={}"]
    _only_for_a_file(home, ["pg_restore", *options, str(source)])
    from maestro_ray.studio import backup as copies

    home.prepare()
    done = copies.restore(home.studio_database, source)
    text = f"restored {home.studio_database} from {source}: schema {done.schema}"
    if done.kept:
        text += f"\nwhat it was before: {done.kept}"
    kept = str(done.kept) if done.kept else None
    out.emit("studio", "restore", "ok", text, path=str(home.studio_database), schema=done.schema, kept=kept)


def _only_for_a_file(home: Home, instead: list[str]) -> None:
    """Raises `Conflict`, whose hint is this command, when the database is on a PostgreSQL server."""
    if address := Config.load(home).studio_database:
        from maestro_ray.studio.database import shown

        place = f"--dbname={shown(address)}"
        hint = shlex.join([place if word == "--dbname={}" else word for word in instead])
        raise Conflict("Studio's database is on a PostgreSQL server, which has tools of its own", hint)
