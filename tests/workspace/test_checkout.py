from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from maestro_ray.errors import BranchInUse
from maestro_ray.workspace.checkout import is_elsewhere

from .sample import Sample, checked_out


def refuses_to_move(sample: Sample, branch: str) -> None:
    tip = sample.sha(branch)
    with pytest.raises(BranchInUse):
        sample.repo.update_ref(f"refs/heads/{branch}", tip, tip)


def conflicting(sample: Sample) -> None:
    """`topic` and `main` both change a.txt; `topic` is checked out."""
    sample.side("topic", **{"a.txt": "topic\n"})
    sample.commit("mine", **{"a.txt": "main\n"})
    sample.git("checkout", "-q", "topic")


def test_a_branch_being_rebased_is_held_although_head_is_detached(sample: Sample) -> None:
    conflicting(sample)
    sample.git("rebase", "main", check=False)
    assert sample.repo.branch() is None
    assert checked_out(sample.repo, "topic") == [sample.path]
    assert checked_out(sample.repo, "main") == []
    refuses_to_move(sample, "topic")
    assert [place.operation() for place in sample.repo.checkouts()] == ["rebase"]
    sample.git("rebase", "--abort")
    assert [place.operation() for place in sample.repo.checkouts()] == [None]


def test_branches_carried_along_by_a_rebase_are_held(sample: Sample) -> None:
    conflicting(sample)
    sample.git("branch", "below")
    sample.commit("above", **{"c.txt": "c"})
    sample.git("rebase", "--update-refs", "main", check=False)
    assert checked_out(sample.repo, "below") == [sample.path]
    refuses_to_move(sample, "below")


def test_a_branch_being_bisected_is_held(sample: Sample) -> None:
    first = sample.sha("main")
    sample.commit("second")
    sample.commit("third")
    sample.git("bisect", "start", "HEAD", first)
    assert sample.repo.branch() is None
    assert checked_out(sample.repo, "main") == [sample.path]
    assert sample.repo.checkouts()[0].operation() == "bisect"
    refuses_to_move(sample, "main")


def test_operations_are_seen(sample: Sample) -> None:
    conflicting(sample)
    for command in ("merge", "cherry-pick"):
        sample.git(command, "main", check=False)
        assert sample.repo.checkouts()[0].operation() == command
        sample.git(command, "--abort")
    sample.commit("later", **{"a.txt": "later\n"})
    sample.git("revert", "--no-edit", "HEAD~1", check=False)
    assert sample.repo.checkouts()[0].operation() == "revert"


def test_a_linked_worktree_in_a_rebase(sample: Sample, tmp_path: Path) -> None:
    conflicting(sample)
    linked = tmp_path / "linked\nplace"
    sample.git("checkout", "-q", "main")
    sample.git("worktree", "add", "-q", str(linked), "topic")
    sample.git("rebase", "main", check=False, cwd=linked)
    assert checked_out(sample.repo, "topic") == [linked]


def test_a_worktree_that_is_gone_holds_nothing_but_a_locked_one_does(sample: Sample, tmp_path: Path) -> None:
    linked = tmp_path / "stick"
    sample.git("worktree", "add", "-q", "-b", "away", str(linked))
    shutil.rmtree(linked)
    assert checked_out(sample.repo, "away") == []
    sample.git("worktree", "lock", str(linked))
    assert checked_out(sample.repo, "away") == [linked]


def test_a_checkout_is_elsewhere_when_its_head_says_so_for_sure(sample: Sample) -> None:
    common = sample.repo.git_common_dir
    assert is_elsewhere(common, common, "refs/heads/other")
    assert not is_elsewhere(common, common, "refs/heads/main")
    sample.git("checkout", "-q", "--detach")
    assert is_elsewhere(common, common, "refs/heads/main")


def test_a_head_that_is_another_name_for_the_branch_is_not_elsewhere(sample: Sample) -> None:
    common = sample.repo.git_common_dir
    sample.git("symbolic-ref", "refs/heads/alias", "refs/heads/main")
    sample.git("symbolic-ref", "HEAD", "refs/heads/alias")
    assert not is_elsewhere(common, common, "refs/heads/main")


def test_a_head_that_is_a_link_or_no_head_is_for_git_to_read(sample: Sample) -> None:
    common = sample.repo.git_common_dir
    (common / "HEAD").unlink()
    (common / "HEAD").symlink_to("refs/heads/main")
    assert not is_elsewhere(common, common, "refs/heads/other")
    (common / "HEAD").unlink()
    assert not is_elsewhere(common, common, "refs/heads/other")
