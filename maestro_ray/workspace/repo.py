"""A person's repository: what it says, and the few refs we move in it, never its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from maestro_ray.errors import (
    BareRepository,
    BranchInUse,
    EmptyRepository,
    GitFailed,
    NotARepository,
    NotFound,
    RefMoved,
    UsageError,
)
from maestro_ray.workspace.checkout import Checkout, administrations, borrowed, checkouts, is_elsewhere
from maestro_ray.workspace.git import Git, presentable
from maestro_ray.workspace.lock import locked
from maestro_ray.workspace.refs import branch_ref, check_commit, check_ref, is_commit, loose, nothing


@dataclass(frozen=True)
class Repo:
    """`root` is the top of the checkout it was opened in; `git_common_dir` is shared by all its worktrees."""

    root: Path
    git_common_dir: Path

    @classmethod
    def open(cls, path: Path) -> Repo:
        """The repository around `path`, which may be a subdirectory, a linked worktree or a submodule.

        Raises `NotARepository`, `BareRepository`, `EmptyRepository`, `GitMissing`, and `GitFailed` when git refuses
        to work there (a repository of another user, for instance).
        """
        git = Git(path.absolute())
        asked = ("--is-inside-work-tree", "--show-toplevel", "--git-common-dir", "HEAD^{commit}")
        answers = git.run("rev-parse", "--path-format=absolute", *asked, check=False).split("\n")[:-1]
        if len(answers) == len(asked) and answers[0] == "true" and is_commit(answers[3]):
            return cls(Path(answers[1]), Path(answers[2]))
        return cls._open_step_by_step(git, path)

    @classmethod
    def _open_step_by_step(cls, git: Git, path: Path) -> Repo:
        """Finds out what is wrong, or opens a repository with a line break in its path."""
        try:
            bare, inside = git.line("rev-parse", "--is-bare-repository", "--is-inside-work-tree").split("\n")
        except GitFailed as error:
            if "not a git repository" in str(error) or not _is_directory(path):
                raise NotARepository(presentable(str(path))) from error
            raise
        if inside != "true":
            raise (BareRepository if bare == "true" else NotARepository)(presentable(str(path)))
        # on a branch without commits there may be others to work from
        born = git.run("rev-parse", "--verify", "-q", "HEAD^{commit}", check=False)
        if not born and not git.run("for-each-ref", "--count=1", "refs/heads"):
            raise EmptyRepository(presentable(str(path)))
        common = git.line("rev-parse", "--path-format=absolute", "--git-common-dir")
        return cls(Path(git.line("rev-parse", "--show-toplevel")), Path(common))

    @property
    def git(self) -> Git:
        return Git(self.root)

    @property
    def home(self) -> Path:
        """The directory that stays the same whichever worktree the repository was opened in."""
        return self.git_common_dir.parent if self.git_common_dir.name == ".git" else self.git_common_dir

    def branch(self) -> str | None:
        """The short name of the branch HEAD is attached to; None when it is detached (also during a rebase)."""
        ref = self.git.run("symbolic-ref", "-q", "HEAD", check=False).strip()
        return ref.removeprefix("refs/heads/") or None

    def default_base(self) -> str:
        """The branch a plan is released to unless told otherwise: the current one. `UsageError` when detached."""
        if (branch := self.branch()) is None:
            raise UsageError(
                f"{presentable(str(self.root))} is not on a branch", "name one with --base BRANCH"
            )
        return branch

    def tip(self, branch: str) -> str:
        """The commit a branch is at. Raises `NotFound`."""
        ref = branch_ref(branch)
        sha = loose(self.git_common_dir, ref) or self._actual(ref)
        if not sha:
            raise NotFound("branch", presentable(branch), "see `git branch --list`")
        return sha

    def dirty(self) -> list[str]:
        """What a `git status` in `root` would show, one `XY path` each: untracked files count, ignored ones do not."""
        return status(self.git)

    def checkouts(self) -> list[Checkout]:
        """Every place where this repository is checked out, the main one first."""
        with locked(self.git_common_dir, shared=True):  # git fails on a worktree that is half made
            return checkouts(self.git, self.git_common_dir)

    def update_ref(self, ref: str, new: str, old: str) -> None:
        """Move `ref` from `old` to `new` in one step; an empty `old` means it must not exist yet.

        Raises `RefMoved` when it is somewhere else and `BranchInUse` when a checkout holds it; nothing changes then.
        """
        ref = self._movable(ref)
        before = check_commit(old) if old else nothing(new)
        self._swap(ref, old, "update-ref", "-m", "maestro", ref, check_commit(new), before)

    def create_branch(self, name: str, sha: str) -> None:
        """Make a branch that does not exist yet; raises `RefMoved` when it does."""
        self.update_ref(branch_ref(name), sha, "")

    def delete_branch(self, name: str, expected_sha: str) -> bool:
        """Delete a branch that is still at `expected_sha`; False when it is gone already.

        Raises `RefMoved` when it has other commits and `BranchInUse` when a checkout holds it.
        """
        ref = self._movable(branch_ref(name))
        try:
            self._swap(ref, expected_sha, "update-ref", "-d", ref, check_commit(expected_sha))
        except RefMoved as moved:
            if moved.args[2]:
                raise
            return False
        return True

    def parents(self, commit: str) -> list[str]:
        """The commits it was made on, the first parent first."""
        return self.git.line("rev-list", "--max-count=1", "--parents", check_commit(commit), "--").split()[1:]

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether everything in `old` is also in `new`; a commit is its own ancestor."""
        return self.git.ask("merge-base", "--is-ancestor", check_commit(old), check_commit(new))

    def log(self, base: str, tip: str) -> list[str]:
        """The commits in `tip` that are not in `base`, newest first."""
        between = f"{check_commit(base)}..{check_commit(tip)}"
        return self.git.run("rev-list", "--topo-order", between, "--").split()

    def changed_files(self, base: str, commit: str) -> list[str]:
        """Paths that differ between `commit` and where it left `base`; of a renamed file both names."""
        ends = (check_commit(base), check_commit(commit))
        return self.git.records(
            "diff-tree", "-r", "-z", "--name-only", "--no-renames", "--merge-base", *ends, "--"
        )

    def _target(self, ref: str) -> str:
        """What is really moved: a branch may be a symbolic name for another one (master for main)."""
        return self.git.run("symbolic-ref", "-q", ref, check=False).strip() or ref

    def _movable(self, ref: str) -> str:
        if not check_ref(ref).startswith("refs/"):
            raise UsageError(f"{ref!r} is not a full ref", "for example refs/heads/main")
        if self._is_free(ref):
            return ref
        ref = self._target(ref)
        for place in self.checkouts():
            if place.holds(ref):
                raise BranchInUse(ref.removeprefix("refs/heads/"), presentable(str(place.path)))
        return ref

    def _is_free(self, ref: str) -> bool:
        """A quick look at git's files, where `checkouts` needs several processes; in doubt it says no."""
        common = self.git_common_dir
        if not loose(common, ref):
            return False
        with locked(common, shared=True):
            places = (common, *(admin for _, admin in administrations(common)))
            return all(is_elsewhere(place, common, ref) and ref not in borrowed(place) for place in places)

    def _swap(self, ref: str, old: str, *command: str) -> None:
        try:
            self.git.run(*command)
        except GitFailed:
            if (actual := self._actual(ref)) != old:
                raise RefMoved(ref, old, actual) from None
            raise

    def _actual(self, ref: str) -> str:
        return self.git.run("rev-parse", "--verify", "-q", ref, check=False).strip()


# how a line of `git status` begins for a file that git does not track
UNTRACKED = "?? "


def status(git: Git) -> list[str]:
    """What `git status` shows in a checkout, without touching its index; one `XY path` each."""
    return git.records("status", "--porcelain=v1", "-z", "--untracked-files=normal", "--no-renames")


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # such as a name that is too long
        return False
