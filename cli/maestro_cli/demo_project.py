"""Laying out the demo: a repository of its own with one commit, and beside it the plan, the script and the reviewer."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from maestro_ray.errors import UsageError

_IDENTITY = [
    "-c",
    "user.name=maestro demo",
    "-c",
    "user.email=demo@maestro.invalid",
    "-c",
    "commit.gpgsign=false",
]


@dataclass(frozen=True)
class DemoProject:
    """Absolute paths, and the providers of a team that plays the demo."""

    repo: Path
    plan_file: Path
    providers: dict[str, str]


def prepare(directory: Path) -> DemoProject:
    """Make the project in a directory that is empty or not there yet. Raises `UsageError`."""
    directory = directory.absolute()
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise UsageError(f"{directory} is not empty", "name a directory that does not exist yet")
    repo = directory / "wordkit"
    try:
        with as_file(files("maestro_cli") / "demo") as source:
            shutil.copytree(source / "project", repo, ignore=shutil.ignore_patterns("__pycache__"))
            for name in ("plan.toml", "script.toml", "reviewer.py"):
                shutil.copyfile(source / name, directory / name)
    except OSError as error:
        raise UsageError(f"the demo cannot be made in {directory}: {error.strerror or error}", "") from error
    (repo / "gitignore").rename(repo / ".gitignore")
    _first_commit(repo)
    reviewer = (
        shlex.join([sys.executable, str(directory / "reviewer.py")]).replace("{", "{{").replace("}", "}}")
    )
    providers = {
        "dev": f"scripted:{directory / 'script.toml'}",
        "review": f"command:{reviewer}",
        "test": "command",
    }
    return DemoProject(repo, directory / "plan.toml", providers)


def _first_commit(repo: Path) -> None:
    for arguments in (
        ["init", "-q", "-b", "main"],
        ["add", "-A"],
        [*_IDENTITY, "commit", "-q", "-m", "wordkit, unfinished"],
    ):
        subprocess.run(["git", *arguments], cwd=repo, check=True, capture_output=True)
