"""`maestro init`: the files by which a repository tells a team about itself, made once and never overwritten."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from maestro_cli import invocation
from maestro_cli.render import out
from maestro_ray.errors import NotWritable, UsageError

_CONFIG = """\
# Settings of this repository for everybody who runs a team on it. Your own config.toml wins over them.
# All keys: docs/reference/configuration.md

# [team]
# revision_cap = 3
"""
_GUIDE = """\
# For those who work here

What a team of agents should know before it changes anything. It is read at the beginning of each task.

## How it is tested

{tests}

## What to mind

Write here what is not plain from the code: what must not change, how names are chosen, what is generated.
"""
_TESTS = "Write here the command that must pass before a change is good."


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: maestro init --dry-run")(init)


def init(
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would be made, and make nothing."),
) -> None:
    """Make .maestro/ and MAESTRO.md in this repository. What is there is kept; run it as often as you like."""
    from maestro_ray.workspace.repo import Repo

    root = Repo.open(invocation.current.cwd).root
    created, kept = [], []
    for name, text in _scaffold(root).items():
        if _put(root, name, text, dry_run):
            created.append(name)
        else:
            kept.append(name)
    lines = [f"{'would create' if dry_run else 'created'} {name}" for name in created] + [
        f"kept {name}" for name in kept
    ]
    out.emit(
        "init", "create", "ok", "\n".join(lines), root=str(root), created=created, kept=kept, dry_run=dry_run
    )


def _scaffold(root: Path) -> dict[str, str]:
    return {
        ".maestro/config.toml": _CONFIG,
        ".maestro/skills/.gitkeep": "",
        ".maestro/agents/.gitkeep": "",
        "MAESTRO.md": _GUIDE.format(tests=_tests(root)),
    }


def _tests(root: Path) -> str:
    from maestro_ray.analysis.survey import survey
    from maestro_ray.workspace.git import Git

    git = Git(root)
    # a branch without commits says nothing yet
    head = git.run("rev-parse", "--verify", "-q", "HEAD^{commit}", check=False).strip()
    found = survey(git, head).commands if head else ()
    known = [f"`{each.command}`" for each in found if each.kind == "test"]
    return known[0] if known else _TESTS


def _put(root: Path, name: str, text: str, dry_run: bool) -> bool:
    """Whether it was not there. Raises `NotWritable`, and `UsageError` where a link leads out of the repository."""
    path = root / name
    if os.path.lexists(path):
        return False
    if not path.parent.resolve().is_relative_to(root.resolve()):
        raise UsageError(
            f"{path.parent} is a link that leads out of the repository", "nothing was written there"
        )
    if not dry_run:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise NotWritable(str(path), error.strerror or str(error)) from error
    return True
