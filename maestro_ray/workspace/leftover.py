"""What a run left in its worktree when it was cut: a commit on a ref of its own, before the files go."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from maestro_ray.errors import HeadMoved, UsageError
from maestro_ray.small_file import put_small, read_small
from maestro_ray.workspace.commit import commit_all
from maestro_ray.workspace.git import Git
from maestro_ray.workspace.message import CommitMessage, Identity
from maestro_ray.workspace.refs import check_commit, check_ref

KEPT = "refs/maestro/kept"
_KEEPER = Identity("maestro", "maestro@localhost")


@dataclass(frozen=True)
class Owner:
    """Whose worktree it is: a run of a plan, whose work began at the commit `start`."""

    plan: str
    run: str
    start: str

    @property
    def ref(self) -> str:
        return f"{KEPT}/{self.plan}/{self.run}"


def owner_of(mark: Path) -> Owner | None:
    """Who is written in this file; None for nobody, and for what is none of ours."""
    try:
        found = Owner(**json.loads(read_small(mark)))
        check_ref(found.ref)
        check_commit(found.start)
    except (OSError, ValueError, TypeError, RecursionError, UsageError):
        return None
    return found


def owned(directory: Path) -> list[Path]:
    """The worktrees below this directory that hold work of a run."""
    marks = directory.glob(".*.run")
    found = {directory / mark.name[1:].removesuffix(".run"): owner_of(mark) for mark in marks}
    return sorted(path for path, owner in found.items() if owner is not None and path.is_dir())


def write_owner(mark: Path, owner: Owner) -> None:
    """Write it down, in one step."""
    put_small(mark, json.dumps(asdict(owner)).encode())


def keep(git: Git, owner: Owner) -> str | None:
    """Commit what the worktree holds and point the owner's ref to it; None when there is nothing. Raises `GitFailed`.

    What the agent committed itself is kept as it is, the rest in a commit upon it.
    """
    message = CommitMessage(f"What run {owner.run} had done when it was cut", _KEEPER)
    try:
        commit = commit_all(git, message, owner.start)
    except HeadMoved:  # the agent went somewhere else: then that is what there is
        head = git.line("rev-parse", "--verify", "HEAD^{commit}")
        commit = commit_all(git, message, head) or head
    if commit is not None:
        git.run("update-ref", "-m", "maestro", owner.ref, commit)
    return commit


def restore(git: Git, owner: Owner) -> bool:
    """Put back what was kept: the agent's own commits as such, the rest uncommitted. False when nothing was."""
    kept = git.run("rev-parse", "--verify", "-q", owner.ref, check=False).strip()
    if not kept:
        return False
    ours = git.line("show", "--no-patch", "--format=%ae", kept) == _KEEPER.email
    head = git.line("rev-parse", "--verify", f"{kept}^1") if ours else kept
    git.run("checkout", "--quiet", "--force", "--detach", head, "--")
    git.run("read-tree", "--reset", "-u", kept)
    git.run("read-tree", head)
    return True


def forget(git: Git, owner: Owner) -> None:
    """Nobody needs what was kept of this run any more."""
    git.run("update-ref", "-d", owner.ref)


def forget_plan(git: Git, plan: str) -> None:
    """The same of all runs of a plan."""
    refs = git.run("for-each-ref", "--format=delete %(refname)", f"{KEPT}/{plan}/")
    if refs:
        git.run("update-ref", "--stdin", stdin=refs)


def quarantine(path: Path, place: Path) -> None:
    """Move a worktree aside that git cannot read: nobody knows what is in it."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = 1
    while (goal := place / f"{path.name}-{number}").exists():
        number += 1
    with suppress(FileNotFoundError):
        path.rename(goal)
