"""Where a command about extensions looks and writes, and how it asks before it changes something."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from maestro_cli import invocation
from maestro_cli.render import out
from maestro_ray.errors import UsageError
from maestro_ray.extensions.installed import surroundings
from maestro_ray.extensions.places import Surroundings, top_of
from maestro_ray.home import Home
from maestro_ray.ports import RunsGit

User = Annotated[
    bool, typer.Option("--user", help="Your own, for every repository, instead of this repository's.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def here() -> Surroundings:
    """From the directory of this invocation, installed plugins among them."""
    return surroundings(invocation.current.cwd.resolve(), Home.find().root)


def place(kind: str, user: bool) -> Path:
    """The directory that an addition goes into: `kind` below `.maestro` of the repository, or the operator's own.

    Raises `UsageError` where a link would lead elsewhere.
    """
    return Home.find().root / kind if user else _kept_inside(top() / ".maestro" / kind)


def own_places(kind: str) -> list[Path]:
    """The directories that maestro adds to, and may remove from."""
    found = top_of(invocation.current.cwd.resolve())
    theirs = [found / ".maestro" / kind] if found else []
    inside = [each for each in theirs if found and each.resolve().is_relative_to(found)]
    return [*inside, Home.find().root / kind]


def top() -> Path:
    """The top of this repository. Raises `UsageError` outside of one."""
    found = top_of(invocation.current.cwd.resolve())
    if found is None:
        raise UsageError(
            "this is no repository, whose own it could become", "with --user it is yours everywhere"
        )
    return found


def config_file(user: bool) -> Path:
    """The config.toml that an addition is written into. Raises `UsageError` where a link would lead elsewhere."""
    path = Home.find().root / "config.toml" if user else _kept_inside(top() / ".maestro/config.toml")
    path.parent.mkdir(mode=0o700 if user else 0o755, parents=True, exist_ok=True)
    return path


def _kept_inside(path: Path) -> Path:
    if not path.resolve().is_relative_to(top()):
        raise UsageError(f"{path} is a link that leads out of the repository", "nothing was written")
    return path


def git(directory: Path) -> RunsGit:
    from maestro_ray.workspace.git import Git

    return Git(directory)


def ask(question: str, yes: bool) -> None:
    """Go on only when the person says so. Raises `UsageError` where nobody can be asked, `typer.Exit` for a no."""
    if yes:
        return
    if invocation.current.json or not sys.stdin.isatty():
        raise UsageError(f"{question} Nobody can be asked here, and nothing was changed", "say it with --yes")
    if not typer.confirm(question):
        out.say("nothing was changed")
        raise typer.Exit(1)
