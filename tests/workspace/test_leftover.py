"""What a run that was cut left in its worktree is never thrown away, and can be taken up again."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.actors.confinement import bench_of
from maestro_ray.agent.box import box_for
from maestro_ray.errors import DiskFull
from maestro_ray.workspace import leftover
from maestro_ray.workspace.leftover import KEPT, Owner, forget_plan, owner_of
from maestro_ray.workspace.worktree import Worktrees

from .sample import Sample, note


@pytest.fixture
def owner(sample: Sample) -> Owner:
    return Owner("plan-1", "run-1", sample.sha("main"))


@pytest.fixture
def cut(sample: Sample, worktrees: Worktrees, owner: Owner) -> Path:
    """A worktree in which an agent was cut: a file changed, one new, one gone, one with an ignored name."""
    path = worktrees.add("dev-1", owner.start)
    worktrees.claim(path, owner)
    sample.write("a.txt", "half done\n", at=path)
    sample.write("new/b.txt", "new\n", at=path)
    sample.write("x.log", "noise\n", at=path)
    (path / "b.txt").unlink()
    return path


def status(sample: Sample, path: Path) -> list[str]:
    return sorted(sample.exactly("status", "--porcelain", "-uall", cwd=path).splitlines())


def kept(sample: Sample) -> list[str]:
    return sample.git("for-each-ref", "--format=%(refname)", KEPT).split()


@pytest.mark.parametrize("how", ["the next run", "the team ends", "it is removed"])
def test_it_is_on_a_ref_before_the_files_go(
    sample: Sample, worktrees: Worktrees, owner: Owner, cut: Path, how: str
) -> None:
    """Red without `_rescue` in `Worktrees._prepare` and `remove`."""
    if how == "the next run":
        worktrees.add("dev-1", owner.start)
        assert status(sample, cut) == []
    elif how == "the team ends":
        worktrees.remove_all()
    else:
        worktrees.remove(cut)
    assert kept(sample) == [owner.ref]
    files = sample.files(owner.ref)
    assert (files["a.txt"], files["new/b.txt"]) == ("half done\n", "new\n")
    assert not files.keys() & {"b.txt", "x.log"}
    assert sample.git("log", "-1", "--format=%P", owner.ref) == owner.start


def test_it_is_taken_up_where_it_was(sample: Sample, worktrees: Worktrees, owner: Owner, cut: Path) -> None:
    before = status(sample, cut)
    path = worktrees.add("dev-1", owner.start)
    assert worktrees.take_up(path, owner)
    assert status(sample, path) == before
    assert (path / "a.txt").read_text() == "half done\n"
    work = worktrees.commit_all(path, note(), owner.start)
    assert work is not None
    assert sample.git("log", "-1", "--format=%P", work) == owner.start


def test_another_worker_takes_it_up_from_where_it_lies(
    sample: Sample, worktrees: Worktrees, owner: Owner, cut: Path
) -> None:
    path = worktrees.add("dev-2", owner.start)
    assert worktrees.take_up(path, owner)
    assert (path / "a.txt").read_text() == "half done\n"
    assert (path / "new/b.txt").exists()


def test_the_agents_own_commits_stay_commits(
    sample: Sample, worktrees: Worktrees, owner: Owner, cut: Path
) -> None:
    sample.git("add", "-A", cwd=cut)
    sample.git("commit", "-q", "-m", "by the agent", cwd=cut)
    own = sample.git("rev-parse", "HEAD", cwd=cut)
    sample.write("a.txt", "and more\n", at=cut)
    path = worktrees.add("dev-1", owner.start)
    assert worktrees.take_up(path, owner)
    assert sample.git("rev-parse", "HEAD", cwd=path) == own
    assert status(sample, path) == [" M a.txt"]


def test_an_agent_that_went_to_another_commit_is_kept_there(
    sample: Sample, worktrees: Worktrees, owner: Owner, cut: Path
) -> None:
    elsewhere = sample.git("commit-tree", "main^{tree}", "-m", "no parent")
    sample.git("checkout", "-q", "--force", elsewhere, cwd=cut)
    sample.write("a.txt", "there\n", at=cut)
    worktrees.remove(cut)
    assert sample.files(owner.ref)["a.txt"] == "there\n"


def test_nothing_done_leaves_no_ref(sample: Sample, worktrees: Worktrees, owner: Owner) -> None:
    path = worktrees.add("dev-1", owner.start)
    worktrees.claim(path, owner)
    worktrees.remove(path)
    assert kept(sample) == []
    assert not worktrees.take_up(worktrees.add("dev-1", owner.start), owner)


def test_what_is_safe_elsewhere_is_not_kept(
    sample: Sample, worktrees: Worktrees, owner: Owner, cut: Path
) -> None:
    assert worktrees.commit_all(cut, note(), owner.start)
    worktrees.release(cut)
    worktrees.remove(cut)
    assert kept(sample) == []


def test_a_second_cut_replaces_the_first_and_its_end_forgets_both(
    sample: Sample, worktrees: Worktrees, owner: Owner, cut: Path
) -> None:
    path = worktrees.add("dev-1", owner.start)
    worktrees.take_up(path, owner)
    worktrees.claim(path, owner)
    sample.write("a.txt", "more\n", at=path)
    path = worktrees.add("dev-1", owner.start)
    assert sample.files(owner.ref)["a.txt"] == "more\n"
    worktrees.take_up(path, owner)
    worktrees.claim(path, owner)
    worktrees.release(path)
    assert kept(sample) == []


def test_what_git_cannot_read_is_moved_aside_whole(
    sample: Sample, worktrees: Worktrees, owner: Owner, cut: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Red with the `quarantine` in `_rescue` taken out."""
    admin = worktrees.git(cut).git_dir
    assert admin is not None
    (admin / "index").write_bytes(b"no index")
    path = worktrees.add("dev-1", owner.start)
    assert status(sample, path) == []
    place = worktrees.directory.parent.parent / "quarantine" / worktrees.directory.name
    assert (place / "dev-1-1" / "a.txt").read_text() == "half done\n"
    assert str(place) in caplog.text


@pytest.mark.parametrize("words", [b"\xff\xfe", b"--all", b"0" * 40])
def test_a_merge_that_is_none_does_not_keep_the_worktree_for_ever(
    worktrees: Worktrees, owner: Owner, cut: Path, words: bytes
) -> None:
    """An agent can write its MERGE_HEAD. Red, with the worktree of no use to anybody, when bytes are not replaced."""
    admin = worktrees.git(cut).git_dir
    assert admin is not None
    (admin / "MERGE_HEAD").write_bytes(words)
    path = worktrees.add("dev-1", owner.start)
    assert (path / "a.txt").read_text() != "half done\n"
    (found,) = worktrees.directory.parent.parent.glob("quarantine/*/dev-1-1/a.txt")
    assert found.read_text() == "half done\n"


@pytest.mark.parametrize(
    "mark", ["", "{}", '{"plan": "..", "run": "/../heads/main", "start": "x"}', "[1]", "\0"]
)
def test_a_mark_somebody_else_wrote_means_nothing(
    sample: Sample, worktrees: Worktrees, owner: Owner, cut: Path, mark: str
) -> None:
    place = worktrees._mark(cut)
    place.write_text(mark)
    assert owner_of(place) is None
    worktrees.remove(cut)
    assert kept(sample) == []


def test_a_plan_that_is_over_needs_nothing_of_it(
    sample: Sample, worktrees: Worktrees, owner: Owner, cut: Path
) -> None:
    worktrees.remove(cut)
    forget_plan(sample.repo.git, "plan-10")
    assert kept(sample) == [owner.ref]
    forget_plan(sample.repo.git, "plan-1")
    assert kept(sample) == []
    forget_plan(sample.repo.git, "plan-1")


@given(st.binary(max_size=60) | st.builds(lambda plan, run, start: json.dumps(
    {"plan": plan, "run": run, "start": start}).encode(), st.text(max_size=8), st.text(max_size=8),
    st.sampled_from(["0" * 40, "x"])) | st.just(b"[" * 5_000))  # fmt: skip
def test_any_mark_is_an_owner_or_none(content: bytes) -> None:
    with TemporaryDirectory() as directory:
        (Path(directory) / "mark").write_bytes(content)
        found = owner_of(Path(directory) / "mark")
    assert found is None or found.ref == f"{KEPT}/{found.plan}/{found.run}"


def test_a_mark_that_is_a_trap_is_none(tmp_path: Path) -> None:
    """Where there is no box an agent can write there. With `read_text` the end of a team would wait for it."""
    os.mkfifo(tmp_path / "mark")
    assert owner_of(tmp_path / "mark") is None


def test_no_agent_says_whose_worktree_it_is(
    sample: Sample, worktrees: Worktrees, owner: Owner, cut: Path, tmp_path: Path
) -> None:
    """Red with the mark in the git directory: a run could put its files on another's ref, or delete what that left."""
    box = box_for(bench_of(worktrees, cut, tmp_path / "scratch"), "execute", state=(), person=tmp_path)
    mark = worktrees._mark(cut)
    assert owner_of(mark) == owner
    assert not [place for place in box.writable if mark.is_relative_to(place)]


def test_who_comes_next_by_that_name_owns_nothing_of_it(
    sample: Sample, worktrees: Worktrees, owner: Owner, cut: Path
) -> None:
    """Red without `unlink` in `remove`: what a reviewer leaves would be kept as the work of a run that is over."""
    shutil.rmtree(cut)
    path = worktrees.add("dev-1", owner.start)
    sample.write("a.txt", "of somebody else\n", at=path)
    worktrees.remove(path)
    assert kept(sample) == []


def test_a_link_in_place_of_the_mark_is_not_written_through(
    worktrees: Worktrees, owner: Owner, cut: Path, tmp_path: Path
) -> None:
    """Red with `write_text` in place of `put_small` in `write_owner`."""
    (tmp_path / "theirs").write_text("theirs")
    mark = worktrees._mark(cut)
    mark.unlink()
    mark.symlink_to(tmp_path / "theirs")
    worktrees.claim(cut, owner)
    assert (tmp_path / "theirs").read_text() == "theirs"
    assert owner_of(mark) == owner


def test_on_a_full_disk_the_next_run_waits_for_room_and_nothing_is_moved_aside(
    sample: Sample, worktrees: Worktrees, owner: Owner, cut: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red (its agent goes on with its session, without its files) with the `raise` in `_rescue` taken out."""

    def keep(*_: object) -> None:
        raise DiskFull("add", 128, "No space left on device", str(cut))

    with monkeypatch.context() as full:
        full.setattr(leftover, "keep", keep)
        with pytest.raises(DiskFull):
            worktrees.add("dev-1", owner.start)
        with pytest.raises(DiskFull):
            worktrees.take_up(worktrees.add("dev-2", owner.start), owner)
    path = worktrees.add("dev-2", owner.start)
    assert worktrees.take_up(path, owner)
    assert (path / "a.txt").read_text() == "half done\n"
    assert not (worktrees.directory.parent.parent / "quarantine").exists()


def test_a_team_ends_on_a_full_disk_all_the_same(
    worktrees: Worktrees, cut: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To move a directory takes no room."""

    def keep(*_: object) -> None:
        raise DiskFull("add", 128, "No space left on device", str(cut))

    monkeypatch.setattr(leftover, "keep", keep)
    worktrees.remove(cut)
    assert not cut.exists()
    place = worktrees.directory.parent.parent / "quarantine" / worktrees.directory.name
    assert (place / "dev-1-1" / "a.txt").read_text() == "half done\n"
