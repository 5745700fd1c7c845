"""The places where a repository is checked out: which branch each one holds, and what is going on in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from maestro_ray.workspace.git import Git
from maestro_ray.workspace.refs import is_commit

# file or directory in a checkout's git directory -> the operation that is under way while it is there
OPERATIONS = {
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "sequencer": "cherry-pick",
    "BISECT_LOG": "bisect",
    "BISECT_START": "bisect",
}


@dataclass(frozen=True)
class Checkout:
    """One worktree, the main one included. `branch` is the full ref HEAD is attached to, or None."""

    path: Path
    git_dir: Path
    branch: str | None

    def holds(self, ref: str) -> bool:
        """Whether moving `ref` from outside would pull the ground from under this checkout.

        Also true while it is being rebased or bisected, when HEAD itself is detached.
        """
        return ref == self.branch or ref in borrowed(self.git_dir)

    def operation(self) -> str | None:
        """The unfinished operation, for example "rebase"."""
        return next((word for name, word in OPERATIONS.items() if (self.git_dir / name).exists()), None)


def checkouts(git: Git, common_dir: Path) -> list[Checkout]:
    """Every living checkout, the main one first; those whose directory is gone for good are left out."""
    admins = dict(administrations(common_dir))
    found = []
    for number, entry in enumerate(git.run("worktree", "list", "--porcelain", "-z").split("\0\0")):
        facts = {key: value for key, _, value in (line.partition(" ") for line in entry.split("\0"))}
        if not facts.get("worktree") or "bare" in facts or "prunable" in facts:
            continue
        path = Path(facts["worktree"])
        git_dir = admins.get(canonical(path)) if number else common_dir
        if git_dir is not None:
            found.append(Checkout(path if number else _main(path), git_dir, facts.get("branch")))
    return found


def administrations(common_dir: Path) -> Iterator[tuple[Path, Path]]:
    """Pairs of a linked worktree's canonical path and its directory below `.git/worktrees`."""
    for pointer in sorted(common_dir.glob("worktrees/*/gitdir")):
        try:
            text = os.fsdecode(pointer.read_bytes()).removesuffix("\n")
        except OSError:  # being removed at this moment
            continue
        yield canonical((pointer.parent / text).parent), pointer.parent


def canonical(path: Path) -> Path:
    """The one spelling by which two worktrees are compared; the last component may have become a link since."""
    return Path(os.path.realpath(path.parent)) / path.name


def _main(listed: Path) -> Path:
    """A submodule's main checkout is listed as its git directory; the configuration there knows better."""
    if (listed / ".git").exists():
        return listed
    top = Git(listed).run("rev-parse", "--show-toplevel", check=False).removesuffix("\n")
    return Path(top) if top else listed


def is_elsewhere(git_dir: Path, common_dir: Path, ref: str) -> bool:
    """Whether HEAD of this checkout is surely not on the ref: detached, or on a branch that is no name for another."""
    head = git_dir / "HEAD"
    if head.is_symlink():  # as git itself made them long ago
        return False
    text = _read(head)
    branch = text.removeprefix("ref: ")
    if branch == text:
        return is_commit(text)
    target = common_dir / branch
    return branch != ref and not target.is_symlink() and not _read(target).startswith("ref:")


def borrowed(git_dir: Path) -> set[str]:
    """The refs that git refuses to move because a rebase or a bisect in this checkout will come back to them."""
    refs = {_read(git_dir / name) for name in ("rebase-merge/head-name", "rebase-apply/head-name")}
    refs.add(f"refs/heads/{_read(git_dir / 'BISECT_START')}")
    # `rebase --update-refs` keeps triples of lines: ref, old hash, new hash
    refs.update(_read(git_dir / "rebase-merge" / "update-refs").splitlines()[::3])
    return refs


def _read(path: Path) -> str:
    try:
        return os.fsdecode(path.read_bytes()).strip()
    except OSError:
        return ""
