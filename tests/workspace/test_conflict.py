"""A conflict brought to its developer."""

from __future__ import annotations

import os
import threading

import pytest

from maestro_ray.workspace.conflict import begin_merge, unresolved
from maestro_ray.workspace.message import CommitMessage, Identity
from maestro_ray.workspace.repo import Repo
from maestro_ray.workspace.worktree import Worktrees

DEV = Identity("dev-1", "dev-1@maestro.invalid")


@pytest.fixture
def diverged(sample, tmp_path):
    """A worktree with one change of `both.txt`, and the commit of another."""
    worktrees = Worktrees(Repo.open(sample.path), tmp_path / "trees")
    base = worktrees.repo.tip("main")
    commits = []
    for name, text in (("mine", "mine\n"), ("theirs", "theirs\n")):
        path = worktrees.add(name, base)
        (path / "both.txt").write_text(text)
        (path / f"{name}.txt").write_text(text)
        commits.append(worktrees.commit_all(path, CommitMessage(name, DEV), base))
    return worktrees, worktrees.add("mine", commits[0]), commits


def test_the_developer_finds_markers_and_ends_the_merge(diverged):
    worktrees, path, (mine, theirs) = diverged
    files = begin_merge(worktrees, path, theirs, DEV)

    assert files == ("both.txt",)
    assert unresolved(path, files) == ["both.txt"]
    assert (path / "theirs.txt").read_text() == "theirs\n"
    (path / "both.txt").write_text("mine and theirs\n")
    assert unresolved(path, files) == []
    commit = worktrees.commit_all(path, CommitMessage("resolve", DEV), mine)
    parents = worktrees.repo.git.line("rev-list", "--parents", "-1", commit).split()[1:]
    assert parents == [mine, theirs]


def test_nothing_in_conflict_is_nothing_to_resolve(diverged):
    worktrees, path, (mine, _) = diverged
    base = worktrees.repo.tip("main")

    assert begin_merge(worktrees, path, base, DEV) == ()
    assert worktrees.commit_all(path, CommitMessage("none", DEV), mine) is None


def test_a_file_that_was_removed_is_resolved(diverged):
    worktrees, path, (_, theirs) = diverged
    files = begin_merge(worktrees, path, theirs, DEV)
    (path / "both.txt").unlink()

    assert unresolved(path, files) == []


def pipe_elsewhere(path):
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


@pytest.mark.parametrize("put", [os.mkfifo, pipe_elsewhere, os.mkdir])
def test_what_is_no_plain_file_is_not_read(tmp_path, put):
    put(tmp_path / "both.txt")
    found = []
    # a thread of its own, as reading one of these would not come back
    look = threading.Thread(target=lambda: found.append(unresolved(tmp_path, ("both.txt",))), daemon=True)
    look.start()
    look.join(60)

    assert found == [[]]
