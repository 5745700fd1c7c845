from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.errors import GitFailed, NotFound, NotWritable, UsageError
from maestro_ray.workspace.leftover import Owner
from maestro_ray.workspace.tree import remove_tree
from maestro_ray.workspace.worktree import Worktrees

from .sample import Sample, checked_out, head, note


def contents(path: Path) -> dict[str, str]:
    found = (file for file in path.rglob("*") if file.is_file() and file != path / ".git")
    return {str(file.relative_to(path)): file.read_text() for file in found}


def test_a_worktree_holds_exactly_the_files_of_its_commit(sample: Sample, worktrees: Worktrees) -> None:
    old = sample.sha("main")
    sample.commit("later", **{"a.txt": "later\n"})
    path = worktrees.add("dev-1", old)
    assert path == worktrees.directory / "dev-1"
    assert contents(path) == sample.files(old)
    assert head(path) == old
    assert sample.git("symbolic-ref", "-q", "HEAD", check=False, cwd=path) == "", "detached"
    assert sample.git("status", "--porcelain", cwd=path) == ""
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_one_that_is_there_is_reset(sample: Sample, worktrees: Worktrees) -> None:
    first = sample.sha("main")
    second = sample.commit("second", **{"c.txt": "c", "a.txt": "2\n"})
    path = worktrees.add("dev", second)
    inode = path.stat().st_ino
    (path / "a.txt").write_text("broken")
    (path / "b.txt").unlink()
    sample.write("untracked/deep", "x", at=path)
    sample.write("ignored.log", "x", at=path)
    sample.git("add", "-A", cwd=path)
    shutil.copytree(sample.path, path / "nested")
    assert worktrees.add("dev", first) == path
    assert path.stat().st_ino == inode
    assert contents(path) == sample.files(first)
    assert sample.git("status", "--porcelain", "--ignored", cwd=path) == ""


def test_what_a_killed_git_left_is_no_obstacle(sample: Sample, worktrees: Worktrees) -> None:
    path = worktrees.add("dev", sample.sha("main"))
    inode = path.stat().st_ino
    git_dir = worktrees.git(path).git_dir
    assert git_dir is not None
    for name in ("index.lock", "HEAD.lock"):
        (git_dir / name).write_text("")
    assert worktrees.add("dev", sample.sha("main")).stat().st_ino == inode


@pytest.mark.parametrize("operation", ["merge", "rebase", "cherry-pick"])
def test_an_operation_the_agent_left_is_forgotten(
    sample: Sample, worktrees: Worktrees, operation: str
) -> None:
    other = sample.side("other", **{"a.txt": "other\n"})
    mine = sample.commit("mine", **{"a.txt": "mine\n"})
    path = worktrees.add("dev", mine)
    sample.git(operation, other, check=False, cwd=path)
    assert "a.txt" in sample.git("diff", "--name-only", "--diff-filter=U", cwd=path)
    worktrees.reset(path, mine)
    assert sample.git("status", cwd=path).splitlines()[1:] == ["nothing to commit, working tree clean"]


def test_a_branch_the_agent_checked_out_is_left_alone(sample: Sample, worktrees: Worktrees) -> None:
    first = sample.sha("main")
    topic = sample.side("topic", **{"t.txt": "t"})
    path = worktrees.add("dev", first)
    sample.git("checkout", "-q", "topic", cwd=path)
    worktrees.reset(path, first)
    assert sample.sha("topic") == topic
    assert checked_out(sample.repo, "topic") == []


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_files_the_agent_hid_from_git_are_restored(sample: Sample, worktrees: Worktrees, flag: str) -> None:
    path = worktrees.add("dev", sample.sha("main"))
    sample.git("update-index", flag, "a.txt", cwd=path)
    (path / "a.txt").write_text("hidden")
    worktrees.reset(path, sample.sha("main"))
    assert contents(path) == sample.files("main")


def test_a_sparse_checkout_stays_sparse(sample: Sample, worktrees: Worktrees) -> None:
    commit = sample.commit("wide", **{"in/x": "x", "out/y": "y"})
    sample.git("sparse-checkout", "set", "in")
    path = worktrees.add("dev", commit)
    worktrees.reset(path, commit)
    assert (path / "in/x").exists()
    assert not (path / "out").exists()


def break_pointer(path: Path, sample: Sample) -> None:
    (path / ".git").write_text(f"gitdir: {sample.path}/.git\n")


def break_pointer_away(path: Path, sample: Sample) -> None:
    (path / ".git").unlink()


def break_directory(path: Path, sample: Sample) -> None:
    shutil.rmtree(path)


def break_into_link(path: Path, sample: Sample) -> None:
    shutil.rmtree(path)
    path.symlink_to(sample.path)


def break_index(path: Path, sample: Sample) -> None:
    (sample.path / ".git/worktrees/dev/index").write_bytes(b"DIRC garbage")


def break_head(path: Path, sample: Sample) -> None:
    (sample.path / ".git/worktrees/dev/HEAD").write_text("")


def break_registration(path: Path, sample: Sample) -> None:
    shutil.rmtree(sample.path / ".git/worktrees/dev")


def lock(path: Path, sample: Sample) -> None:
    sample.git("worktree", "lock", str(path))
    (path / ".git").unlink()


BREAKS = [
    break_pointer,
    break_pointer_away,
    break_directory,
    break_into_link,
    break_index,
    break_head,
    break_registration,
    lock,
]


@pytest.mark.parametrize("damage", BREAKS, ids=lambda damage: damage.__name__)
def test_a_broken_one_is_made_again(sample: Sample, worktrees: Worktrees, damage: object) -> None:
    path = worktrees.add("dev", sample.sha("main"))
    assert callable(damage)
    damage(path, sample)
    assert worktrees.add("dev", sample.sha("main")) == path
    assert not path.is_symlink()
    assert contents(path) == sample.files("main")
    assert sample.git("status", "--porcelain", cwd=path) == ""
    assert (sample.path / "a.txt").read_text() == "1\n2\n3\n"
    assert worktrees.list() == [path]


def test_git_is_not_led_elsewhere_by_the_worktree(sample: Sample, worktrees: Worktrees) -> None:
    path = worktrees.add("dev", sample.sha("main"))
    break_pointer(path, sample)
    assert worktrees.git(path).line("rev-parse", "--git-dir") == str(sample.path / ".git/worktrees/dev")


def test_submodules_the_agent_filled_are_emptied(
    sample: Sample, worktrees: Worktrees, tmp_path: Path
) -> None:
    vendor = Sample.make(tmp_path / "vendor")
    sample.git("submodule", "--quiet", "add", str(vendor.path), "vendor")
    commit = sample.commit("with a submodule")
    path = worktrees.add("dev", commit)
    assert [*(path / "vendor").iterdir()] == []
    for known in (True, False):
        sample.git("submodule", "--quiet", "update", "--init", cwd=path)
        sample.write("vendor/a.txt", "changed", at=path)
        if not known:  # red without `_empty_submodules`
            sample.git("rm", "--cached", "--quiet", "vendor", cwd=path)
        worktrees.reset(path, commit)
        assert [*(path / "vendor").iterdir()] == []
    assert sample.git("status", "--porcelain", cwd=path) == ""
    sample.git("submodule", "--quiet", "update", "--init", cwd=path)
    worktrees.remove(path)
    assert worktrees.list() == []


def test_a_submodule_beyond_a_link_is_somebody_elses(
    sample: Sample, worktrees: Worktrees, tmp_path: Path
) -> None:
    """An agent can write any path into the index of its worktree. The switch: without `_is_below` the person's
    directory is removed."""
    precious = tmp_path / "home of a person" / "precious"
    precious.mkdir(parents=True)
    start = sample.sha("main")
    path = worktrees.add("dev", start)
    sample.git("update-index", "--add", "--cacheinfo", f"160000,{start},link/precious", cwd=path)
    (path / "link").symlink_to(precious.parent)
    worktrees.reset(path, start)
    assert precious.is_dir()
    assert not (path / "link").is_symlink()


@pytest.mark.parametrize("name", ["index", "logs/HEAD", "logs"])
def test_git_writes_through_no_link_of_the_agents(
    sample: Sample, worktrees: Worktrees, tmp_path: Path, name: str
) -> None:
    """The git directory of its worktree is the agent's: a reflog that is a link would be written to a person's file,
    with the words the agent has named its branch with. The switch: without `remove_traps` in `Worktrees.git`."""
    start = sample.sha("main")
    path = worktrees.add("dev", start)
    admin = worktrees.git(path).git_dir
    assert admin is not None
    theirs = tmp_path / "theirs"
    if name == "logs":
        theirs.mkdir()
    remove_tree(admin / name)
    (admin / name).parent.mkdir(exist_ok=True)
    (admin / name).symlink_to(theirs)
    if name == "logs/HEAD":
        theirs.write_text("")
    (admin / "HEAD").write_text("ref: refs/heads/main\n")
    worktrees.reset(path, start)
    assert not theirs.exists() or not (any(theirs.iterdir()) if theirs.is_dir() else theirs.read_text())
    assert sample.git("status", "--porcelain", cwd=path) == ""


def test_a_worktree_of_a_repository_opened_in_a_submodule(sample: Sample, tmp_path: Path) -> None:
    outer = Sample.make(tmp_path / "outer")
    outer.git("submodule", "--quiet", "add", str(sample.path), "vendor")
    inner = Sample(outer.path / "vendor")
    worktrees = Worktrees(inner.repo, tmp_path / "trees")
    path = worktrees.add("dev", inner.sha("HEAD"))
    assert contents(path) == sample.files("main")
    worktrees.remove_all()
    assert len(inner.repo.checkouts()) == 1


def test_list_and_remove(sample: Sample, worktrees: Worktrees, tmp_path: Path) -> None:
    sample.git("worktree", "add", "-q", "-b", "mine", str(tmp_path / "mine"))
    one, two = (worktrees.add(name, sample.sha("main")) for name in ("one", "two"))
    sample.write("dirty", "x", at=one)
    assert worktrees.list() == [one, two]
    worktrees.remove(one)
    worktrees.remove(one)
    assert not one.exists()
    assert worktrees.list() == [two]
    assert sample.git("worktree", "list").count("\n") == 2, "the user's two and ours"
    with pytest.raises(NotFound):
        worktrees.git(one)


def test_remove_all_leaves_nothing_of_ours_and_everything_of_others(
    sample: Sample, worktrees: Worktrees, tmp_path: Path
) -> None:
    away = tmp_path / "unmounted"
    sample.git("worktree", "add", "-q", "-b", "mine", str(away))
    away.rename(tmp_path / "elsewhere")
    path = worktrees.add("one", sample.sha("main"))
    sample.git("worktree", "lock", str(path))
    worktrees.add("two", sample.sha("main"))
    (worktrees.directory / "half-made").mkdir()
    worktrees.remove_all()
    worktrees.remove_all()
    assert not worktrees.directory.exists()
    assert [entry.name for entry in (sample.path / ".git/worktrees").iterdir()] == ["unmounted"]


def test_the_directory_of_git_disappears_with_the_last_one(sample: Sample, worktrees: Worktrees) -> None:
    worktrees.add("one", sample.sha("main"))
    worktrees.remove_all()
    assert not (sample.path / ".git/worktrees").exists()


def test_a_repository_that_was_deleted_meanwhile(sample: Sample, worktrees: Worktrees) -> None:
    path = worktrees.add("one", sample.sha("main"))
    worktrees.add("two", sample.sha("main"))
    shutil.rmtree(sample.path)
    worktrees.remove(path)
    assert not path.exists()
    worktrees.remove_all()
    assert not worktrees.directory.exists()
    assert not sample.path.exists()


@pytest.mark.parametrize("how", ["one", "all"])
def test_a_repository_that_is_not_there_now_costs_no_work(
    sample: Sample, worktrees: Worktrees, how: str
) -> None:
    """Its disk is not mounted, or its owner has moved it. The switch: without `leftover.owned` in `remove`, or in
    `remove_all`, the files are removed."""
    start = sample.sha("main")
    path = worktrees.add("dev", start)
    worktrees.claim(path, Owner("plan", "run", start))
    (path / "work").write_text("hours")
    sample.path.rename(sample.path.with_name("moved"))
    if how == "one":
        worktrees.remove(path)
    else:
        worktrees.remove_all()
    assert not path.exists()
    (kept,) = worktrees.directory.parent.parent.glob("quarantine/*/dev-1/work")
    assert kept.read_text() == "hours"


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "-x", ".hidden", "a\0b"])
def test_names_that_would_lead_out_are_refused(worktrees: Worktrees, name: str) -> None:
    with pytest.raises(UsageError):
        worktrees.path(name)


@pytest.mark.parametrize("name", ["with space", "ünï", "new\nline", "x.lock", "a~b:c"])
def test_other_names_work(sample: Sample, worktrees: Worktrees, name: str) -> None:
    path = worktrees.add(name, sample.sha("main"))
    assert worktrees.add(name, sample.sha("main")) == path
    assert worktrees.list() == [path]
    worktrees.remove(path)
    assert worktrees.list() == []


def test_a_commit_that_does_not_exist_leaves_nothing_half_made(sample: Sample, worktrees: Worktrees) -> None:
    with pytest.raises(GitFailed):
        worktrees.add("dev", "1" * 40)
    assert worktrees.list() == []
    assert not worktrees.path("dev").exists()
    with pytest.raises(UsageError):
        worktrees.add("dev", "main")


def test_a_directory_that_cannot_be_made(sample: Sample, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotWritable):
        Worktrees(sample.repo, tmp_path / "file" / "trees").add("dev", sample.sha("main"))


def test_many_threads_add_and_remove_at_the_same_time(sample: Sample, worktrees: Worktrees) -> None:
    first, start, problems = sample.sha("main"), threading.Barrier(6), []

    def work(number: int) -> None:
        mine = Worktrees(sample.repo, worktrees.directory)
        start.wait()
        try:
            for _ in range(4):
                path = mine.add(f"dev-{number}", first)
                assert contents(path)["a.txt"] == "1\n2\n3\n"
                mine.repo.checkouts()
                mine.remove(path)
            mine.add(f"dev-{number}", first)
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert [path.name for path in worktrees.list()] == [f"dev-{number}" for number in range(6)]


def test_two_threads_add_the_same_one(sample: Sample, worktrees: Worktrees) -> None:
    first, start, done = sample.sha("main"), threading.Barrier(2), []

    def work() -> None:
        start.wait()
        done.append(worktrees.add("dev", first))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [worktrees.path("dev")] * 2
    assert contents(done[0]) == sample.files("main")


def test_hooks_of_the_repository_do_not_run(sample: Sample, worktrees: Worktrees, tmp_path: Path) -> None:
    for name in ("post-checkout", "pre-commit", "commit-msg", "post-commit", "reference-transaction"):
        sample.write(f".git/hooks/{name}", f"#!/bin/sh\necho {name} >>'{tmp_path}/ran'\n").chmod(0o755)
    path = worktrees.add("dev", sample.sha("main"))
    worktrees.reset(path, sample.sha("main"))
    sample.write("new", "x", at=path)
    assert worktrees.commit_all(path, note(), sample.sha("main"))
    worktrees.remove_all()
    assert not (tmp_path / "ran").exists()


LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 12\n"


@pytest.mark.parametrize("installed", [False, True])
def test_lfs_pointers_stay_pointers(
    sample: Sample, worktrees: Worktrees, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    commit = sample.commit("big", **{".gitattributes": "*.bin filter=lfs -text\n", "big.bin": LFS})
    sample.git("config", "filter.lfs.smudge", "git-lfs smudge -- %f")
    sample.git("config", "filter.lfs.clean", "git-lfs clean -- %f")
    sample.git("config", "filter.lfs.required", "true")
    if installed:  # as the real one: told to skip, it hands the pointer on
        script = '#!/bin/sh\n[ "$1" = clean ] || [ "$GIT_LFS_SKIP_SMUDGE" = 1 ] && exec cat\necho content\n'
        sample.write("git-lfs", script, at=tmp_path / "bin").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    path = worktrees.add("dev", commit)
    assert (path / "big.bin").read_text() == LFS
    (path / "big.bin").touch()
    assert worktrees.commit_all(path, note(), commit) is None
    sample.write("new.txt", "x", at=path)
    done = worktrees.commit_all(path, note(), commit)
    assert done is not None
    assert sample.files(done)["big.bin"] == LFS


@given(st.text(st.characters(), max_size=12) | st.text(st.sampled_from("./\\-a\0"), max_size=6))
def test_any_name_is_a_place_inside_or_refused(name: str) -> None:
    root = Path("/somewhere")
    try:
        path = Worktrees.path(cast("Worktrees", SimpleNamespace(directory=root)), name)
    except UsageError:
        return
    assert path.parent == root
    assert path.name == name
