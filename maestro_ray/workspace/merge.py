"""Merging one commit into a branch, at a detached HEAD in a worktree of its own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from maestro_ray.errors import GitFailed, RefMoved
from maestro_ray.model.tip import Tip, judge
from maestro_ray.workspace.git import Git, presentable
from maestro_ray.workspace.message import CommitMessage
from maestro_ray.workspace.refs import branch_ref, check_commit
from maestro_ray.workspace.repo import Repo
from maestro_ray.workspace.worktree import Worktrees

# Everything a person's configuration could change about a merge, said explicitly.
_STRICT = (
    "--no-ff",
    "--commit",
    "--no-edit",
    "--no-squash",
    "--no-stat",
    "--no-log",
    "--no-signoff",
    "--no-verify",
    "--no-verify-signatures",
    "--no-gpg-sign",
    "--no-autostash",
    "--no-rerere-autoupdate",
    "--no-progress",
    "--quiet",
    "--cleanup=whitespace",
    "--strategy=ort",
)


@dataclass(frozen=True)
class Merged:
    """A merge commit was made. `instead` is one that nobody had reported and that was taken back for it, or empty."""

    commit: str
    instead: str = ""


@dataclass(frozen=True)
class AlreadyMerged:
    """Nothing to do: the branch, at `commit`, holds it already."""

    commit: str


@dataclass(frozen=True)
class MergeConflict:
    """Both sides changed the same places; nothing was changed. `files` are paths as git knows them."""

    files: tuple[str, ...]

    @property
    def reason(self) -> str:
        """One line for people and for Studio, which knows a conflict by its first two words."""
        shown = ", ".join(presentable(file) for file in self.files[:10])
        more = f" and {len(self.files) - 10} more" if len(self.files) > 10 else ""
        return f"MERGE CONFLICT in {shown}{more}"


MergeResult = Merged | AlreadyMerged | MergeConflict


def merge(
    worktrees: Worktrees,
    name: str,
    into: str,
    sha: str,
    message: CommitMessage,
) -> MergeResult:
    """Merge exactly the commit `sha` into the commit `into`, in the worktree `name`; no ref moves.

    The worktree is clean afterwards: at the merge commit, or at `into` when there was a conflict. Merges in one
    worktree wait for each other. Raises `GitFailed` for what is neither a merge nor a conflict (unrelated histories).
    """
    with worktrees.borrow(name, check_commit(into)) as git:
        text = message.full(git)
        try:
            git.run("merge", *_STRICT, "-m", text, check_commit(sha), env=message.by.environment())
        except GitFailed:
            files = _conflicts(git)
            worktrees.reset(git.directory, into)
            if not files:
                raise
            return MergeConflict(files)
        commit = worktrees.head(git)
    return AlreadyMerged(into) if commit == into else Merged(commit)


def advance(
    worktrees: Worktrees,
    name: str,
    branch: str,
    expected: str,
    sha: str,
    message: CommitMessage,
    cut: Collection[str] = (),
) -> MergeResult:
    """Merge `sha` into a branch that is at `expected`, and move the branch by compare-and-swap.

    A branch that is elsewhere has commits nobody has reviewed, unless they are one merge that was made before and
    never heard of: this very one, or that of a commit in `cut`, which is taken back. Raises `RefMoved` for all else,
    `NotFound` without the branch, `BranchInUse` when a checkout holds it.
    """
    repo, ref, instead = worktrees.repo, branch_ref(branch), ""
    tip = repo.tip(branch)
    if tip != expected:
        match _settle(worktrees, name, expected, tip, sha, cut, message):
            case Tip.DONE:
                return AlreadyMerged(tip)
            case Tip.CUT:
                repo.update_ref(ref, expected, tip)
                instead = tip
            case _:
                raise RefMoved(ref, expected, tip)
    result = merge(worktrees, name, expected, sha, message)
    if isinstance(result, Merged):
        try:
            repo.update_ref(ref, result.commit, expected)
        except RefMoved:
            # a lead that was given up may still be at it: what it made at the last moment is settled, too
            return advance(worktrees, name, branch, expected, sha, message, cut)
        return replace(result, instead=instead)
    return result


def _settle(
    worktrees: Worktrees,
    name: str,
    expected: str,
    tip: str,
    sha: str,
    cut: Collection[str],
    message: CommitMessage,
) -> Tip:
    """What the tip is; FOREIGN also when it holds more than git makes of its parents."""
    parents = worktrees.repo.parents(tip)
    found = judge(expected, tip, parents, sha, cut)
    if found is Tip.FOREIGN:
        return found
    made = merge(worktrees, name, expected, parents[1], message)
    same = isinstance(made, Merged) and _same_files(worktrees.repo, tip, made.commit)
    return found if same else Tip.FOREIGN


def _same_files(repo: Repo, one: str, other: str) -> bool:
    trees = [repo.git.line("rev-parse", "--verify", f"{commit}^{{tree}}") for commit in (one, other)]
    return trees[0] == trees[1]


def _conflicts(git: Git) -> tuple[str, ...]:
    entries = git.records("ls-files", "--unmerged", "-z")
    return tuple(dict.fromkeys(entry.partition("\t")[2] for entry in entries))
