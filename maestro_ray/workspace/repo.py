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
from maestro_ray.workspace.checkout import Checkout, administrations, borrowed, checkouts
from maestro_ray.workspace.git import Git, presentable
from maestro_ray.workspace.lock import locked
from maestro_ray.workspace.refs import branch_ref, check_commit, check_ref, is_commit, nothing


@dataclass(frozen=True)
class Commit:
    """One commit; `time` is when it was committed, in Unix seconds, `message` the whole text."""

    sha: str
    author: str
    email: str
    time: int
    message: str

    @property
    def subject(self) -> str:
        return self.message.partition("\n")[0]


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

    def head(self) -> str:
        """The commit that is checked out here."""
        return self.git.line("rev-parse", "--verify", "HEAD^{commit}")

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

    def resolve(self, ref: str) -> str:
        """The commit of a branch (first of all), ref or hash. Raises `NotFound`, and `UsageError` for a bad name."""
        check_ref(ref)
        for name in (f"refs/heads/{ref}", ref):
            if sha := self.git.run("rev-parse", "--verify", "-q", f"{name}^{{commit}}", check=False).strip():
                return sha
        raise NotFound("branch or commit", presentable(ref), "see `git branch --list`")

    def tip(self, branch: str) -> str:
        """The commit a branch is at. Raises `NotFound`."""
        sha = self._actual(branch_ref(branch))
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

    def checked_out(self, branch: str) -> list[Path]:
        """The worktrees that hold a branch, also those that will come back to it after a rebase or bisect."""
        ref = self._target(branch_ref(branch))
        return [place.path for place in self.checkouts() if place.holds(ref)]

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

    def log(self, base: str, tip: str) -> list[Commit]:
        """The commits in `tip` that are not in `base`, newest first."""
        shape = "--format=%H%x00%an%x00%ae%x00%ct%x00%B%x00"
        between = f"{check_commit(base)}..{check_commit(tip)}"
        text = self.git.run("log", "--topo-order", "--no-notes", shape, between, "--")
        fields = text.encode("utf-8", "replace").decode().split("\0")[:-1]
        rows = zip(*[iter(fields)] * 5, strict=True)
        return [
            Commit(sha.strip(), who, mail, int(when), body.strip()) for sha, who, mail, when, body in rows
        ]

    def changed_files(self, base: str, commit: str) -> list[str]:
        """Paths that differ between `commit` and where it left `base`; of a renamed file both names."""
        ends = (check_commit(base), check_commit(commit))
        return self.git.records(
            "diff-tree", "-r", "-z", "--name-only", "--no-renames", "--merge-base", *ends, "--"
        )

    def diff(self, base: str, commit: str, limit: int) -> str:
        """The change of `commit` since it left `base` as a patch.

        At most `limit` bytes of it, and then a line that says so. Bytes that are not UTF-8 are shown as U+FFFD;
        binary files are only named.
        """
        plain = ("--no-color", "--no-ext-diff", "--no-textconv", "-M")
        ends = (check_commit(base), check_commit(commit))
        data, cut = self.git.beginning(limit, "diff-tree", "-r", "-p", *plain, "--merge-base", *ends, "--")
        mark = f"\n[the diff is longer than {limit} bytes and was cut here]\n" if cut else ""
        return data.decode("utf-8", "replace") + mark

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
        """A quick look, with one process where `checkouts` needs several; in doubt it says no."""
        common = self.git_common_dir
        with locked(common, shared=True):
            shape = "--format=%(refname)%00%(symref)%00%(worktreepath)%00"
            found = self.git.run("for-each-ref", "--count=1", shape, ref).split("\0")
            operations = [
                borrowed(place) for place in (common, *(admin for _, admin in administrations(common)))
            ]
        return found[:3] == [ref, "", ""] and not any(ref in refs for refs in operations)

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
