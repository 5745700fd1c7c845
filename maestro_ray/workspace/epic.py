"""A plan's epic branch: the empty commit it begins with."""

from __future__ import annotations

import re

from maestro_ray.errors import Conflict, RefMoved
from maestro_ray.workspace.commit import commit_tree
from maestro_ray.workspace.message import CommitMessage
from maestro_ray.workspace.refs import branch_ref, check_commit
from maestro_ray.workspace.repo import Repo


def bootstrap_epic(
    repo: Repo,
    base_sha: str,
    branch: str,
    message: CommitMessage,
) -> str:
    """The empty commit on `base_sha` that the branch begins with; `message` holds the marker `[BOOTSTRAP <id>]`.

    A branch that has a commit with this very marker is ours from a run that was cut: its commit is the answer, also
    when tasks have been merged since. Raises `Conflict` for a branch of that name that is not ours.
    """
    marker = re.search(r"\[BOOTSTRAP [^\]\s]+\]", message.text)
    assert marker, "the message names no run"
    tree = repo.git.line("rev-parse", "--verify", f"{check_commit(base_sha)}^{{tree}}")
    if found := _begun(repo, branch, base_sha, marker[0]):
        return found
    commit = commit_tree(repo.git, tree, [base_sha], message)
    try:
        repo.create_branch(branch, commit)
    except RefMoved:
        if found := _begun(repo, branch, base_sha, marker[0]):
            return found
        raise Conflict(
            f"there is a branch {branch} already that is not this plan's", "rename or delete it"
        ) from None
    return commit


def _begun(repo: Repo, branch: str, base_sha: str, marker: str) -> str:
    ref = branch_ref(branch)
    if not repo.git.run("rev-parse", "--verify", "-q", ref, check=False):
        return ""
    # first parents only: what agents write in their own messages begins no plan
    search = ("--first-parent", "--fixed-strings", f"--grep={marker}", "--max-count=1")
    return repo.git.line("rev-list", *search, ref, f"^{base_sha}", "--")
