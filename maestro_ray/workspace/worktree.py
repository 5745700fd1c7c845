"""Worktrees for agents and merges: always detached, in a directory of maestro's own, far from anybody's checkout.

An agent may do anything to the files in its worktree, the `.git` file included. git is therefore always pointed at the
worktree's directory in the repository, never at what that file says.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from maestro_ray.errors import GitFailed, MaestroError, NotFound, NotWritable, UsageError
from maestro_ray.room import missing
from maestro_ray.workspace import leftover
from maestro_ray.workspace.checkout import OPERATIONS, administrations, canonical
from maestro_ray.workspace.commit import commit_all
from maestro_ray.workspace.git import Git, presentable
from maestro_ray.workspace.leftover import Owner
from maestro_ray.workspace.lock import locked
from maestro_ray.workspace.message import CommitMessage
from maestro_ray.workspace.refs import check_commit
from maestro_ray.workspace.repo import Repo
from maestro_ray.workspace.tree import remove_traps, remove_tree

log = logging.getLogger(__name__)

# what a git that was killed leaves behind
_LOCKS = ("index.lock", "HEAD.lock", "ORIG_HEAD.lock")
_MESSAGES = ("MERGE_MSG", "MERGE_MODE", "SQUASH_MSG", "AUTO_MERGE")


class Worktrees:
    """The worktrees of one repository below `directory`, which holds nothing else and is made when needed.

    Safe for any number of threads and processes: a lock on the repository guards its list of worktrees, a lock
    per name guards making one. While an agent runs in a worktree its caller must not reset or remove it.
    """

    def __init__(self, repo: Repo, directory: Path) -> None:
        self.repo = repo
        self.directory = directory.absolute()
        self._settled: set[str] = set()

    def path(self, name: str) -> Path:
        """Where the worktree of that name is or would be. Raises `UsageError` for what is not a plain file name."""
        if not name or name[0] in ".-" or "/" in name or "\0" in name:
            raise UsageError(f"{name!r} cannot be the name of a worktree", "use letters, digits and dashes")
        return self.directory / name

    def git(self, path: Path) -> Git:
        """git for one of these worktrees, pinned to its own git directory. Raises `NotFound`."""
        admin = self._administration(path)
        if admin is None or not path.is_dir():
            raise NotFound("worktree", presentable(str(path)), "it was removed, or its repository was")
        # git writes through a link, and the agent can make one of any file here
        remove_traps(admin, links=True)
        # files kept in Git LFS stay the pointers they are: no network, nothing to change by accident
        return replace(Git(path), git_dir=admin, extra={"GIT_LFS_SKIP_SMUDGE": "1"})

    def add(self, name: str, commit: str) -> Path:
        """A worktree with exactly the files of `commit`, detached at it; the path is absolute.

        One that is there already is reset, a broken one is removed and made again.
        """
        path = self.path(name)
        with self._hold(name):
            self._settled.discard(name)
            self._prepare(path, check_commit(commit))
        return path

    def reset(self, path: Path, commit: str) -> None:
        """Back to exactly the files of `commit`: changes, untracked and ignored files and unfinished operations go."""
        self._settled.discard(path.name)
        self._reset(path, check_commit(commit))

    def commit_all(self, path: Path, message: CommitMessage, start: str) -> str | None:
        """What was done in the worktree since `start`, as a commit; see `commit.commit_all`.

        The new HEAD, or None when nothing differs from `start`. Raises `HeadMoved`, `TooMuchLeft` and `GitFailed`.
        """
        git = self.git(path)
        self._clear(git, _LOCKS)
        done = commit_all(git, message, start)
        self._clear(git, (*OPERATIONS, *_MESSAGES))
        return done

    def claim(self, path: Path, owner: Owner) -> None:
        """The worktree is this run's: until `release`, what is in it is kept on the run's ref before it goes."""
        leftover.write_owner(self._mark(path), owner)

    def release(self, path: Path) -> None:
        """What is in the worktree is safe somewhere else, or worth nothing, and so is what was kept of it before."""
        if (owner := leftover.owner_of(self._mark(path))) is not None:
            self._mark(path).unlink()
            leftover.forget(self.repo.git, owner)

    def take_up(self, path: Path, owner: Owner) -> bool:
        """What this run had done before it was cut, in whichever worktree, is put into this one; False for nothing."""
        for other in self.list():
            if other != path and self._owner(other) == owner:
                with self._hold(other.name):
                    self._rescue(other, waits=True)
        return leftover.restore(self.git(path), owner)

    @contextmanager
    def borrow(self, name: str, commit: str) -> Iterator[Git]:
        """git in the worktree `name` at `commit`, held against everybody else until the block ends.

        The block must leave a clean worktree when it ends without an error: the next borrower at the commit it
        ended at gets it as it is, which saves half the time of a merge.
        """
        path = self.path(name)
        with self._hold(name):
            ready = (
                name in self._settled and self._administration(path) and self.head(self.git(path)) == commit
            )
            self._settled.discard(name)
            if not ready:
                self._prepare(path, check_commit(commit))
            yield self.git(path)
            self._settled.add(name)

    def head(self, git: Git) -> str:
        """The commit a worktree is at; from its file when that says so, a process takes a hundred times as long."""
        assert git.git_dir is not None
        found = _read(git.git_dir / "HEAD")
        return found if re.fullmatch(r"[0-9a-f]{40,64}", found) else git.line("rev-parse", "--verify", "HEAD")

    def list(self) -> list[Path]:
        """The paths of all worktrees of the repository below `directory`, sorted."""
        admins = administrations(self.repo.git_common_dir)
        return sorted(
            self.directory / path.name for path, _ in admins if path == canonical(self.directory / path.name)
        )

    def remove(self, path: Path) -> None:
        """Remove a worktree and what the repository knows about it; one that is gone is fine."""
        self._settled.discard(path.name)
        if not self.repo.git_common_dir.is_dir():  # deleted, or on a disk that is not here now
            if path in leftover.owned(self.directory):
                self._quarantine(path)
            _remove_tree(path)
            self._mark(path).unlink(missing_ok=True)
            return
        self._rescue(path)
        self._mark(path).unlink(missing_ok=True)
        with locked(self.repo.git_common_dir):
            admin = self._administration(path)
            _remove_tree(path)
            if admin is not None:
                # not `git worktree prune`: that would also forget worktrees of the user whose disk is not mounted now
                self.repo.git.run("worktree", "remove", "--force", "--force", "--", str(path), check=False)
                _remove_tree(admin)

    def remove_all(self) -> None:
        """Remove every worktree, half-made ones and other left-overs included, and then the directory itself.

        One that cannot be removed keeps no other from being rescued.
        """
        stuck: MaestroError | None = None
        for path in self.list():
            try:
                self.remove(path)
            except MaestroError as error:
                stuck = error
        if stuck is not None:
            raise stuck
        for path in leftover.owned(self.directory):  # the repository is not there now
            self._quarantine(path)
        _remove_tree(self.directory)

    @contextmanager
    def _hold(self, name: str) -> Iterator[None]:
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise NotWritable(str(self.directory), error.strerror or str(error)) from error
        with locked(self.directory / f".{name}.lock"):
            yield

    def _prepare(self, path: Path, commit: str) -> None:
        self._rescue(path, waits=True)
        if self._healthy(path):
            with suppress(GitFailed, NotWritable, OSError):  # whatever is wrong with it, a new one is right
                self._reset(path, commit)
                return
        self.remove(path)
        try:
            # the files come afterwards: writing them is the long part and needs no lock
            with locked(self.repo.git_common_dir):
                self.repo.git.run(
                    "worktree", "add", "--detach", "--no-checkout", "--quiet", "--", str(path), commit
                )
            self._reset(path, commit)
        except GitFailed:
            self.remove(path)
            raise

    def _rescue(self, path: Path, *, waits: bool = False) -> None:
        """Keep what a run that was cut left there, or all of the directory when git cannot.

        Whoever `waits` for room on the disk is told that there is none, and nothing has changed.
        """
        owner = self._owner(path)
        if owner is None:
            return
        try:
            git = self.git(path)
            self._clear(git, _LOCKS)
            if leftover.keep(git, owner):
                log.warning("what run %s left in %s is kept as %s", owner.run, path.name, owner.ref)
        except (MaestroError, OSError) as error:
            if waits and missing(error):
                raise
            self._quarantine(path, error)
        self._mark(path).unlink()

    def _quarantine(self, path: Path, why: Exception | str = "its repository is not there") -> None:
        place = self.directory.parent.parent / "quarantine" / self.directory.name
        log.error("%s is moved to %s: %s", presentable(str(path)), presentable(str(place)), why)
        leftover.quarantine(path, place)

    def _owner(self, path: Path) -> Owner | None:
        admin = self._administration(path)
        return None if admin is None or not path.is_dir() else leftover.owner_of(self._mark(path))

    def _mark(self, path: Path) -> Path:
        """Where it is written whose worktree this is: beside it, for in its git directory an agent can write."""
        return self.directory / f".{path.name}.run"

    def _healthy(self, path: Path) -> bool:
        admin, pointer = self._administration(path), path / ".git"
        if admin is None or path.is_symlink() or pointer.is_symlink() or not pointer.is_file():
            return False
        return canonical(Path(_read(pointer).removeprefix("gitdir: "))) == canonical(admin)

    def _reset(self, path: Path, commit: str) -> None:
        git = self.git(path)
        remove_traps(path)
        self._clear(git, (*_LOCKS, *OPERATIONS, *_MESSAGES))
        self._distrust_index(git)
        git.run("checkout", "--quiet", "--force", "--detach", commit, "--")
        git.run("clean", "-ffdxq")
        self._empty_submodules(git)

    def _distrust_index(self, git: Git) -> None:
        """Undo what `checkout --force` would believe: files marked as unchanged, and submodules somebody filled."""
        assert git.git_dir is not None
        sparse = None
        for entry in git.records("ls-files", "-v", "--stage", "-z"):
            tag, mode, path = entry[0], entry[2:8], entry.partition("\t")[2]
            if tag == "S" and sparse is None:
                sparse = (
                    git.run("config", "--type=bool", "core.sparseCheckout", check=False).strip() == "true"
                )
            if tag.islower() or (tag == "S" and not sparse):
                (git.git_dir / "index").unlink(missing_ok=True)
                return
            # the agent wrote this index: a link in the worktree, or dots, would lead to somebody else's files
            place = git.directory / path
            if mode == "160000" and place.is_dir() and _is_below(place, git.directory):
                _remove_tree(place)

    def _empty_submodules(self, git: Git) -> None:
        """Also those that the index did not know before: git leaves in them what is there."""
        for entry in git.records("ls-files", "--stage", "-z"):
            place = git.directory / entry.partition("\t")[2]
            if entry.startswith("160000 ") and place.is_dir() and any(place.iterdir()):
                _remove_tree(place)
                place.mkdir()

    def _clear(self, git: Git, names: tuple[str, ...]) -> None:
        assert git.git_dir is not None
        for name in names:
            remove_tree(git.git_dir / name)

    def _administration(self, path: Path) -> Path | None:
        admins = administrations(self.repo.git_common_dir)
        return next((admin for found, admin in admins if found == canonical(path)), None)


def _is_below(path: Path, directory: Path) -> bool:
    """Whether it is in the directory wherever links and dots lead, and not the directory itself."""
    return directory.resolve() in path.resolve().parents


def _remove_tree(path: Path) -> None:
    try:
        remove_tree(path)
    except OSError as error:
        raise NotWritable(presentable(str(path)), error.strerror or str(error)) from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape").removesuffix("\n")
    except OSError:
        return ""
