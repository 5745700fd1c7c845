"""The end of a plan: its epic merged into the base branch, without harm to a checkout of that branch."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from maestro_ray.errors import BranchInUse, GitFailed, RefMoved
from maestro_ray.workspace.checkout import Checkout
from maestro_ray.workspace.git import Git, presentable
from maestro_ray.workspace.merge import AlreadyMerged, MergeConflict, merge
from maestro_ray.workspace.message import CommitMessage
from maestro_ray.workspace.refs import branch_ref, check_commit
from maestro_ray.workspace.repo import UNTRACKED, Repo, status
from maestro_ray.workspace.worktree import Worktrees

# Ignored files are a person's too (.env!), and a plain `git merge` overwrites them in silence.
_FAST_FORWARD = (
    "merge",
    "--ff-only",
    "--no-overwrite-ignore",
    "--no-autostash",
    "--no-verify-signatures",
    "--no-stat",
    "--no-progress",
    "--quiet",
)


@dataclass(frozen=True)
class Prepared:
    """The release commit, checked out in `path` and published nowhere; `base_sha` is what the base was at."""

    base: str
    base_sha: str
    commit: str
    path: Path


@dataclass(frozen=True)
class Published:
    """The base holds the release. `how` says what was done: "moved ref", "fast-forwarded PATH" or "already there"."""

    how: str
    commit: str


@dataclass(frozen=True)
class Waiting:
    """Not one file and no ref was changed; `command`, for a shell, finishes it once `reason` is dealt with."""

    reason: str
    command: str


def prepare_release(
    worktrees: Worktrees,
    name: str,
    base: str,
    epic_sha: str,
    message: CommitMessage,
) -> Prepared | AlreadyMerged | MergeConflict:
    """Merge the epic's commit into the base's, `--no-ff`, in the worktree `name`, for the plan's test to run there.

    Moves nothing. `AlreadyMerged` when the base holds the epic: there is nothing to publish.
    The worktree must stay until the release is published: only its HEAD keeps the commit from being collected.
    """
    base_sha = worktrees.repo.tip(base)
    result = merge(worktrees, name, base_sha, epic_sha, message)
    if isinstance(result, AlreadyMerged | MergeConflict):
        return result
    return Prepared(base, base_sha, result.commit, worktrees.add(name, result.commit))


def publish_release(repo: Repo, base: str, base_sha: str, commit: str) -> Published | Waiting:
    """Let the base branch take up a release commit that was made on `base_sha`.

    A base that nobody has checked out is moved by compare-and-swap; one that is checked out in a clean place is
    fast-forwarded there; in every other case nothing happens and the answer says why and how to go on.
    Safe to repeat. Raises `NotFound` without the base branch.
    """
    tip = repo.tip(base)
    places = [place for place in repo.checkouts() if place.holds(branch_ref(base))]
    if _holds_release(repo, tip, check_commit(commit)):
        return Published("already there", tip)
    if tip != check_commit(base_sha):
        reason = f"{base} moved from {base_sha[:12]} to {tip[:12]} after the release was prepared"
        return Waiting(reason, _by_hand(repo, places, base, commit))
    if places:
        return _fast_forward(repo, places, base, commit)
    try:
        repo.update_ref(branch_ref(base), commit, base_sha)
    except (RefMoved, BranchInUse):
        return publish_release(repo, base, base_sha, commit)  # what was seen above is no longer so
    return Published("moved ref", commit)


def _fast_forward(repo: Repo, places: list[Checkout], base: str, commit: str) -> Published | Waiting:
    place = places[0]
    git = Git(place.path)
    shown = presentable(str(place.path))
    command = f"git -C {shlex.quote(str(place.path))} merge --ff-only {commit}"
    if len(places) > 1:
        every = ", ".join(presentable(str(other.path)) for other in places)
        return Waiting(f"{base} is checked out in {len(places)} places: {every}", command)
    if operation := place.operation():
        return Waiting(f"a {operation} is in progress in {shown}; finish or abort it first", command)
    if (place.git_dir / "index.lock").exists():
        return Waiting(f"a git is at work in {shown}, or was killed there and left index.lock", command)
    try:
        # what git does not track is left as it is wherever the release has nothing
        if changes := [change for change in status(git) if not change.startswith(UNTRACKED)]:
            return Waiting(f"{_counted(changes)} in {shown}; commit or stash first", command)
        if found := _in_the_way(git, commit):
            return Waiting(
                f"files in {shown} that are not git's would be overwritten: {presentable(', '.join(found))}",
                command,
            )
    except GitFailed as error:
        return Waiting(f"git would not look at {shown}: {error.args[2]}", command)
    with tempfile.TemporaryDirectory(prefix="maestro-", dir=place.git_dir) as directory:
        kept = _keep(git, commit, Path(directory))
        try:
            git.run(*_FAST_FORWARD, commit)
        except GitFailed as error:
            left = _take_back(git, commit, kept)
            also = f"; look at {presentable(', '.join(left))}, which git was writing" if left else ""
            return Waiting(f"git would not fast-forward {shown}: {error.args[2]}{also}", command)
    if repo.tip(base) != commit:
        return Waiting(f"{base} was moved in {shown} at the same moment", command)
    return Published(f"fast-forwarded {shown}", commit)


def _in_the_way(git: Git, commit: str) -> list[str]:
    """Paths the release adds where the checkout has something untracked or ignored. git would notice too, but later."""
    added = git.records(
        "diff-tree", "-r", "-z", "--name-only", "--no-renames", "--diff-filter=A", "HEAD", commit, "--"
    )
    return [name for name in added if os.path.lexists(git.directory / name)][:10]


def _keep(git: Git, commit: str, directory: Path) -> dict[str, Path | None]:
    """What the release will change here, each with the file as it is now, or None where there is none.

    A second name for the file is enough: git writes a new one and takes the old name away.
    """
    names = git.records("diff-tree", "-r", "-z", "--name-only", "--no-renames", "HEAD", commit, "--")
    kept: dict[str, Path | None] = {}
    for number, name in enumerate(names):
        path, second = git.directory / name, directory / str(number)
        if path.is_dir() and not path.is_symlink():
            continue  # a submodule: git moves none of its files
        kept[name] = second if os.path.lexists(path) else None
        if kept[name]:
            try:
                os.link(path, second, follow_symlinks=False)
            except OSError:
                shutil.copy2(path, second, follow_symlinks=False)
    return kept


def _take_back(git: Git, commit: str, kept: Mapping[str, Path | None]) -> list[str]:
    """Undo what a fast-forward that failed half-way has written, and name what is still not as it was.

    Only what is as the release has it, or gone, was git's doing for sure; a person may be at work here too.
    """
    left = []
    for name, before in kept.items():
        path = git.directory / name
        try:
            gone = not os.path.lexists(path)
            if before is None and not gone and _is_as_in(git, commit, name):
                path.unlink()
            elif before is not None and (
                gone or (not _is_old(path, before) and _is_as_in(git, commit, name))
            ):
                path.parent.mkdir(parents=True, exist_ok=True)
                before.rename(path)
            elif not (gone if before is None else _is_old(path, before)):
                left.append(name)
        except (OSError, GitFailed):
            left.append(name)
    return left


def _is_old(path: Path, before: Path) -> bool:
    """Whether git has not come to this file yet."""
    here, kept = path.lstat(), before.lstat()
    return here.st_ino == kept.st_ino or (here.st_mtime_ns, here.st_size) == (kept.st_mtime_ns, kept.st_size)


def _is_as_in(git: Git, commit: str, name: str) -> bool:
    """Whether the file here, with the repository's filters undone, is the one of the commit."""
    path = git.directory / name
    entry = git.run("ls-tree", "-z", commit, "--", f":(literal){name}").partition("\t")[0].split()
    if len(entry) < 3 or not os.path.lexists(path):
        return False
    if path.is_symlink():
        return git.line("hash-object", "--stdin", stdin=str(path.readlink())) == entry[2]
    return git.line("hash-object", f"--path={name}", "--", str(path)) == entry[2]


def _by_hand(repo: Repo, places: list[Checkout], base: str, commit: str) -> str:
    where = shlex.quote(str(places[0].path if places else repo.root))
    switch = "" if places else f"git -C {where} switch {shlex.quote(base)} && "
    return f"{switch}git -C {where} merge --no-ff --no-edit {commit}"


def _holds_release(repo: Repo, tip: str, commit: str) -> bool:
    """Also true when somebody merged the epic, which is the release commit's second parent, by hand."""
    return any(repo.is_ancestor(wanted, tip) for wanted in (commit, *repo.parents(commit)[1:2]))


def _counted(changes: list[str]) -> str:
    shown = ", ".join(presentable(change[3:]) for change in changes[:3])
    plural = "s" if len(changes) > 1 else ""
    return f"{len(changes)} uncommitted change{plural} ({shown}{', …' if len(changes) > 3 else ''})"
