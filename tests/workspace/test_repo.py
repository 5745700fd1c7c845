from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from maestro_ray.errors import (
    BareRepository,
    BranchInUse,
    EmptyRepository,
    NotARepository,
    NotFound,
    RefMoved,
    UsageError,
)
from maestro_ray.workspace.repo import Repo

from .sample import Sample, checked_out, fingerprint

NOWHERE = "1" * 40


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(NotARepository, match="nowhere is not inside a git repository"):
        Repo.open(tmp_path / "nowhere")
    with pytest.raises(NotARepository):
        Repo.open(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotARepository):
        Repo.open(tmp_path / "file")
    empty = Sample(tmp_path / "empty")
    empty.path.mkdir()
    empty.git("init", "-q")
    with pytest.raises(EmptyRepository):
        empty.repo  # noqa: B018
    empty.git("init", "-q", "--bare", str(tmp_path / "bare"))
    with pytest.raises(BareRepository):
        Repo.open(tmp_path / "bare")


def test_the_inside_of_git_is_no_place_to_work(sample: Sample) -> None:
    with pytest.raises(NotARepository):
        Repo.open(sample.path / ".git")


@pytest.mark.parametrize("name", ["with space", "ünïcödé", "new\nline\n", "-dash", "quote'\"$x", "colon:a@b"])
def test_any_path_opens(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = Sample.make(tmp_path / name, **{"sub dir/x\ny": "1"})
    repo = Repo.open(sample.path / "sub dir")
    assert (repo.root, repo.git_common_dir, repo.home) == (sample.path, sample.path / ".git", sample.path)
    assert checked_out(repo, "main") == [sample.path]
    monkeypatch.chdir(tmp_path)
    assert Repo.open(Path(name)) == repo


def test_a_linked_worktree_knows_its_repository(sample: Sample, tmp_path: Path) -> None:
    linked = tmp_path / "linked tree\n"
    sample.git("worktree", "add", "-q", "-b", "other", str(linked))
    repo = Repo.open(linked)
    assert (repo.root, repo.git_common_dir, repo.home) == (linked, sample.path / ".git", sample.path)
    assert repo.branch() == "other"
    assert checked_out(repo, "other") == [linked]
    assert checked_out(repo, "main") == [sample.path]


def test_a_bare_repository_is_fine_through_its_worktree(sample: Sample, tmp_path: Path) -> None:
    sample.git("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    sample.git(
        "--git-dir", str(tmp_path / "bare.git"), "worktree", "add", "-q", str(tmp_path / "tree"), "main"
    )
    repo = Repo.open(tmp_path / "tree")
    assert checked_out(repo, "main") == [tmp_path / "tree"]


def test_a_submodule_is_a_repository_of_its_own(sample: Sample, tmp_path: Path) -> None:
    outer = Sample.make(tmp_path / "outer")
    outer.git("submodule", "--quiet", "add", str(sample.path), "vendor")
    repo = Repo.open(outer.path / "vendor")
    assert repo.root == outer.path / "vendor"
    assert repo.git_common_dir == outer.path / ".git/modules/vendor"
    assert checked_out(repo, "main") == [outer.path / "vendor"]


def test_a_shallow_clone(sample: Sample, tmp_path: Path) -> None:
    tip = sample.commit("second")
    sample.git("clone", "-q", "--depth", "1", f"file://{sample.path}", str(tmp_path / "shallow"))
    repo = Repo.open(tmp_path / "shallow")
    assert repo.tip("main") == tip
    assert repo.default_base() == "main"


def test_the_current_branch_is_the_base_and_detached_asks_for_one(sample: Sample) -> None:
    assert sample.repo.branch() == sample.repo.default_base() == "main"
    sample.git("checkout", "-q", "--detach")
    assert sample.repo.branch() is None
    with pytest.raises(UsageError) as caught:
        sample.repo.default_base()
    assert "--base" in caught.value.hint


def test_tip_is_only_about_branches(sample: Sample) -> None:
    sample.git("tag", "v1")
    assert sample.repo.tip("main") == sample.sha("main")
    with pytest.raises(NotFound):
        sample.repo.tip("v1")


def test_dirty_counts_untracked_files_and_not_ignored_ones(sample: Sample) -> None:
    repo = sample.repo
    sample.git("config", "status.showUntrackedFiles", "no")
    assert repo.dirty() == []
    sample.write("noise.log", "x")
    assert repo.dirty() == []
    sample.write("new\nfile é", "x")
    sample.write("a.txt", "changed")
    sample.git("mv", "b.txt", "c.txt")
    assert sorted(repo.dirty()) == [" M a.txt", "?? new\nfile é", "A  c.txt", "D  b.txt"]


def test_looking_changes_nothing(sample: Sample) -> None:
    os.utime(sample.path / "a.txt", (1, 1))  # git would like to write the new time into its index
    before = fingerprint(sample)
    repo = sample.repo
    repo.dirty()
    repo.checkouts()
    assert fingerprint(sample) == before


def test_a_ref_moves_by_compare_and_swap(sample: Sample) -> None:
    repo, first = sample.repo, sample.sha("main")
    second = sample.side("other")
    repo.create_branch("epic/x", first)
    repo.update_ref("refs/heads/epic/x", second, first)
    assert repo.tip("epic/x") == second
    with pytest.raises(RefMoved) as caught:
        repo.update_ref("refs/heads/epic/x", first, first)
    assert caught.value.args == ("refs/heads/epic/x", first, second)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert repo.tip("epic/x") == second


def test_a_branch_is_made_once(sample: Sample) -> None:
    repo, first = sample.repo, sample.sha("main")
    repo.create_branch("epic", first)
    with pytest.raises(RefMoved) as caught:
        repo.create_branch("epic", first)
    assert caught.value.args == ("refs/heads/epic", "", first)
    with pytest.raises(RefMoved, match="missing"):
        repo.update_ref("refs/heads/none", first, first)


@pytest.mark.parametrize("name", ["-D", "--force", "a..b", "HEAD", "x y"])
def test_bad_branch_names_never_reach_git(sample: Sample, name: str) -> None:
    repo, first = sample.repo, sample.sha("main")
    for act in (repo.create_branch, repo.delete_branch):
        with pytest.raises(UsageError):
            act(name, first)


def test_only_full_refs_and_hashes_are_moved(sample: Sample) -> None:
    repo, first = sample.repo, sample.sha("main")
    for ref, new in (
        ("HEAD", first),
        ("epic", first),
        ("refs/heads/epic", "HEAD"),
        ("refs/heads/epic", first[:12]),
    ):
        with pytest.raises(UsageError):
            repo.update_ref(ref, new, "")


def test_a_branch_is_deleted_at_the_expected_commit(sample: Sample) -> None:
    repo, first = sample.repo, sample.sha("main")
    second = sample.side("gone")
    with pytest.raises(RefMoved):
        repo.delete_branch("gone", first)
    assert repo.tip("gone") == second
    assert repo.delete_branch("gone", second) is True
    assert repo.delete_branch("gone", second) is False


def test_a_branch_that_is_checked_out_is_not_moved(sample: Sample) -> None:
    repo, first = sample.repo, sample.sha("main")
    second = sample.side("other")
    with pytest.raises(BranchInUse) as caught:
        repo.update_ref("refs/heads/main", second, first)
    assert caught.value.args == ("main", str(sample.path))
    with pytest.raises(BranchInUse):
        repo.delete_branch("main", first)
    assert repo.tip("main") == first


def test_another_name_for_a_branch_that_is_checked_out(sample: Sample) -> None:
    repo, first = sample.repo, sample.sha("main")
    second = sample.side("other")
    sample.git("symbolic-ref", "refs/heads/master", "refs/heads/main")
    with pytest.raises(BranchInUse):
        repo.update_ref("refs/heads/master", second, first)


def test_is_ancestor(sample: Sample) -> None:
    repo, first = sample.repo, sample.sha("main")
    second = sample.commit("second")
    assert repo.is_ancestor(first, second)
    assert repo.is_ancestor(first, first)
    assert not repo.is_ancestor(second, first)


def test_log_is_newest_first(sample: Sample) -> None:
    repo, first = sample.repo, sample.sha("main")
    second = sample.commit("second\n\nwith a body\n\nMaestro-Run: r1")
    third = sample.commit("third")
    assert repo.log(first, third) == [third, second]
    assert repo.log(third, third) == []


def test_changes_are_counted_from_where_the_branch_left(sample: Sample) -> None:
    repo = sample.repo
    work = sample.side("work", **{"new\nname é": "x", "b.txt": "B\n"})
    base = sample.commit("meanwhile", **{"a.txt": "elsewhere\n"})
    assert repo.changed_files(base, work) == ["b.txt", "new\nname é"]
