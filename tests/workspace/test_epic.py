from __future__ import annotations

import pytest

from maestro_ray.errors import Conflict, GitFailed
from maestro_ray.workspace.epic import bootstrap_epic
from maestro_ray.workspace.merge import advance
from maestro_ray.workspace.repo import Repo
from maestro_ray.workspace.worktree import Worktrees

from .sample import Sample, committer, note

BEGIN = note("Begin the plan [BOOTSTRAP r1]", Maestro_Run="r1")


def test_an_epic_begins_with_an_empty_commit(sample: Sample) -> None:
    base = sample.sha("main")
    commit = bootstrap_epic(sample.repo, base, "epic/x-1", BEGIN)
    assert sample.sha("epic/x-1") == commit
    assert sample.git("rev-list", "--parents", "-1", commit).split() == [commit, base]
    assert sample.files(commit) == sample.files(base)
    assert (
        sample.git("log", "-1", "--format=%B", commit) == "Begin the plan [BOOTSTRAP r1]\n\nMaestro-Run: r1\n"
    )
    assert committer(sample, commit).count("maestro bot") == 2


def test_beginning_again_finds_the_beginning(sample: Sample, worktrees: Worktrees) -> None:
    base = sample.sha("main")
    commit = bootstrap_epic(sample.repo, base, "epic", BEGIN)
    assert bootstrap_epic(sample.repo, base, "epic", BEGIN) == commit
    advance(
        worktrees,
        "merge",
        "epic",
        worktrees.repo.tip("epic"),
        sample.side("work", new="x"),
        note("[BOOTSTRAP r2]"),
    )
    tip = sample.sha("epic")
    later = sample.commit("meanwhile")
    assert bootstrap_epic(sample.repo, later, "epic", BEGIN) == commit
    assert sample.sha("epic") == tip


def test_two_that_begin_at_the_same_moment_agree(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    base, real, won = sample.sha("main"), Repo.create_branch, []

    def late(self: Repo, name: str, sha: str) -> None:
        if not won:
            won.append("")
            won.append(bootstrap_epic(self, base, name, note("by another process [BOOTSTRAP r1]")))
        real(self, name, sha)

    monkeypatch.setattr(Repo, "create_branch", late)
    assert bootstrap_epic(sample.repo, base, "epic", BEGIN) == won[1] == sample.sha("epic")


def test_a_branch_of_somebody_else_is_not_taken_over(sample: Sample) -> None:
    base = sample.sha("main")
    theirs = sample.side("epic", work="x")
    with pytest.raises(Conflict, match="epic"):
        bootstrap_epic(sample.repo, base, "epic", BEGIN)
    bootstrap_epic(sample.repo, base, "mine", note("[BOOTSTRAP r10]"))
    with pytest.raises(Conflict):
        bootstrap_epic(sample.repo, base, "mine", BEGIN)
    assert sample.sha("epic") == theirs


def test_an_agent_cannot_claim_a_beginning(sample: Sample, worktrees: Worktrees) -> None:
    base = sample.sha("main")
    bootstrap_epic(sample.repo, base, "epic", note("[BOOTSTRAP r2]"))
    sample.git("checkout", "-q", "-b", "work")
    work = sample.commit("I say [BOOTSTRAP r1]", new="x")
    advance(worktrees, "merge", "epic", worktrees.repo.tip("epic"), work, note())
    with pytest.raises(Conflict):
        bootstrap_epic(sample.repo, base, "epic", BEGIN)


def test_a_branch_that_stands_in_the_way(sample: Sample) -> None:
    sample.git("branch", "epic")
    with pytest.raises(GitFailed, match="epic"):
        bootstrap_epic(sample.repo, sample.sha("main"), "epic/x", BEGIN)
