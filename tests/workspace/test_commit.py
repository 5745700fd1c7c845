from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from maestro_ray.errors import HeadMoved, NotFound, TooMuchLeft
from maestro_ray.workspace.worktree import Worktrees

from .sample import Sample, committer, head, note


@dataclass
class Desk:
    """An agent's worktree, the commit it began at, and the repository behind it."""

    sample: Sample
    worktrees: Worktrees
    path: Path
    start: str

    def write(self, name: str, text: str) -> Path:
        return self.sample.write(name, text, at=self.path)

    def git(self, *args: str, check: bool = True) -> str:
        return self.sample.git(*args, cwd=self.path, check=check)

    def finish(self, text: str = "work", **trailers: str) -> str | None:
        return self.worktrees.commit_all(self.path, note(text, **trailers), self.start)

    def files(self) -> dict[str, str]:
        return self.sample.files(head(self.path))


@pytest.fixture
def desk(sample: Sample, worktrees: Worktrees) -> Iterator[Desk]:
    start = sample.sha("main")
    yield Desk(sample, worktrees, worktrees.add("dev", start), start)
    assert sample.sha("main") == start, "the user's branch never moves"


def test_everything_that_was_done_is_in_one_commit(desk: Desk) -> None:
    desk.write("a.txt", "changed\n")
    desk.write("deep/new file", "new")
    (desk.path / "b.txt").unlink()
    desk.write("noise.log", "ignored")
    commit = desk.finish("Add a thing\n\nbecause", Maestro_Run="r1", Maestro_Task="t1")
    assert commit == head(desk.path)
    assert desk.files() == {".gitignore": "*.log\n", "a.txt": "changed\n", "deep/new file": "new"}
    assert desk.git("rev-parse", "HEAD^") == desk.start
    assert committer(desk.sample, commit) == "maestro bot <bot@example.com> | maestro bot <bot@example.com>"
    message = desk.git("log", "-1", "--format=%B")
    assert message == "Add a thing\n\nbecause\n\nMaestro-Run: r1\nMaestro-Task: t1\n"
    assert desk.git("status", "--porcelain") == ""


def test_nothing_done_is_none(desk: Desk) -> None:
    (desk.path / "a.txt").touch()
    desk.write("noise.log", "ignored")
    assert desk.finish() is None
    assert head(desk.path) == desk.start


def test_the_agents_own_commits_are_kept(desk: Desk) -> None:
    desk.write("one", "1")
    desk.git("add", "-A")
    desk.git("commit", "-q", "-m", "by the agent")
    mine = head(desk.path)
    assert desk.finish() == mine
    desk.write("two", "2")
    commit = desk.finish("by maestro")
    assert desk.git("log", "--format=%s", f"{desk.start}..HEAD").split("\n") == ["by maestro", "by the agent"]
    assert commit != mine


def test_commits_that_cancel_out_are_nothing(desk: Desk) -> None:
    desk.write("one", "1")
    desk.git("add", "-A")
    desk.git("commit", "-q", "-m", "do")
    desk.git("revert", "--no-edit", "HEAD")
    assert desk.finish() is None


def test_names_of_every_kind(desk: Desk) -> None:
    names = ["new\nline", "-dash", "--all", "üñï", "tab\there", 'quote"\\', ":(top)magic", "*", " "]
    for name in names:
        desk.write(name, name)
    assert desk.finish()
    assert {name: desk.files()[name] for name in names} == {name: name for name in names}


def test_names_that_are_not_utf8(desk: Desk) -> None:
    desk.write("caf\udce9", "x")
    assert desk.finish()
    assert "caf\udce9" in desk.files()


def test_modes_and_links(desk: Desk) -> None:
    desk.write("run.sh", "#!/bin/sh\n").chmod(0o755)
    (desk.path / "link").symlink_to("/etc/passwd")
    (desk.path / "a.txt").chmod(0o755)
    (desk.path / "b.txt").unlink()
    (desk.path / "b.txt").mkdir()
    desk.write("b.txt/inside", "x")
    assert desk.finish()
    listing = desk.git("ls-tree", "-r", "HEAD")
    modes = {line.split("\t")[1]: line[:6] for line in listing.splitlines()}
    assert modes == {
        ".gitignore": "100644",
        "a.txt": "100755",
        "b.txt/inside": "100644",
        "link": "120000",
        "run.sh": "100755",
    }
    assert desk.files()["link"] == "/etc/passwd"


def test_everything_deleted(desk: Desk) -> None:
    for entry in desk.path.iterdir():
        entry.unlink()  # its .git file too
    commit = desk.finish()
    assert commit is not None
    assert desk.sample.files(commit) == {}


def test_a_pointer_bent_by_the_agent_changes_nothing_elsewhere(desk: Desk, tmp_path: Path) -> None:
    other = Sample.make(tmp_path / "other")
    before = other.sha("main")
    (desk.path / ".git").write_text(f"gitdir: {other.path}/.git\n")
    desk.write("new", "x")
    commit = desk.finish()
    assert commit is not None
    assert desk.sample.files(commit)["new"] == "x"
    assert other.sha("main") == before


def test_a_lock_of_a_killed_git(desk: Desk) -> None:
    (desk.sample.path / ".git/worktrees/dev/index.lock").write_text("")
    desk.write("new", "x")
    assert desk.finish()


def test_head_that_left_its_start_is_refused(desk: Desk) -> None:
    desk.git("checkout", "-q", "--orphan", "lonely")
    with pytest.raises(HeadMoved, match="no commit"):
        desk.finish()
    desk.git("commit", "-q", "--allow-empty", "-m", "rewritten")
    with pytest.raises(HeadMoved) as caught:
        desk.finish()
    assert caught.value.args == (head(desk.path), desk.start)


def test_amending_the_start_is_refused(desk: Desk) -> None:
    desk.git("commit", "-q", "--amend", "--allow-empty", "-m", "rewritten")
    with pytest.raises(HeadMoved):
        desk.finish()


def test_a_branch_the_agent_is_on_does_not_move(desk: Desk) -> None:
    desk.git("checkout", "-q", "-b", "feature")
    desk.write("new", "x")
    commit = desk.finish()
    assert commit is not None
    assert desk.sample.sha("feature") == desk.start
    assert desk.git("symbolic-ref", "-q", "HEAD", check=False) == ""
    desk.sample.git("branch", "-D", "feature")  # not held any more


def test_a_resolved_merge_is_finished_with_both_parents(desk: Desk) -> None:
    theirs = desk.sample.side("theirs", **{"a.txt": "theirs\n"})
    desk.write("a.txt", "mine\n")
    desk.git("commit", "-q", "-a", "-m", "mine")
    mine = head(desk.path)
    desk.git("merge", theirs, check=False)
    assert "<<<<<<<" in (desk.path / "a.txt").read_text()
    desk.write("a.txt", "both\n")
    commit = desk.finish("resolve")
    assert desk.git("rev-list", "--parents", "-1", "HEAD").split() == [commit, mine, theirs]
    assert desk.files()["a.txt"] == "both\n"
    assert desk.git("status").splitlines()[-1] == "nothing to commit, working tree clean"
    merge_head = desk.sample.path / ".git/worktrees/dev/MERGE_HEAD"
    assert not merge_head.exists()
    merge_head.write_text(theirs + "\n")  # killed before it could remove it
    assert desk.finish("again") == commit


def test_a_merge_that_keeps_our_side_is_work_too(desk: Desk) -> None:
    theirs = desk.sample.side("theirs", **{"a.txt": "theirs\n"})
    desk.git("merge", "-q", "-s", "ours", "--no-commit", theirs)
    commit = desk.finish("keep ours")
    assert commit is not None
    assert desk.finish("again") == commit


def test_a_half_done_cherry_pick_is_ours(desk: Desk) -> None:
    theirs = desk.sample.side("theirs", **{"a.txt": "theirs\n"})
    desk.git("cherry-pick", "--no-commit", theirs)
    (desk.sample.path / ".git/worktrees/dev/CHERRY_PICK_HEAD").write_text(theirs + "\n")
    commit = desk.finish("ours")
    assert commit is not None
    assert committer(desk.sample, commit).startswith("maestro bot")
    assert not (desk.sample.path / ".git/worktrees/dev/CHERRY_PICK_HEAD").exists()


@pytest.mark.parametrize(
    "kind", ["committed", "empty", "staged", "nested", "linked", "in a tracked directory"]
)
def test_a_repository_made_by_the_agent_becomes_plain_files(desk: Desk, kind: str) -> None:
    place = "kept" if kind == "in a tracked directory" else "inner"
    inner = Sample(desk.path / place)
    inner.path.mkdir()
    if kind == "linked":
        inner.git("worktree", "add", "-q", "--detach", str(inner.path), cwd=desk.path)
    else:
        inner.git("init", "-q")
    inner.write("file", "inside")
    if kind in ("committed", "staged"):
        inner.commit("inner")
    if kind == "staged":
        desk.git("add", place)
        desk.git("commit", "-q", "-m", "a link to nowhere")
        assert desk.git("ls-files", "-s", place).startswith("160000")
    if kind == "nested":
        deeper = Sample(inner.path / "deeper")
        deeper.path.mkdir()
        deeper.git("init", "-q")
        deeper.write("file", "deeper")
    assert desk.finish()
    assert desk.files()[f"{place}/file"] == "inside"
    assert ("inner/deeper/file" in desk.files()) == (kind == "nested")
    assert desk.git("status", "--porcelain") == ""


def test_a_repository_in_a_directory_with_tracked_files(sample: Sample, worktrees: Worktrees) -> None:
    start = sample.commit("tracked", **{"kept/old": "old"})
    path = worktrees.add("other", start)
    inner = Sample(path / "kept")
    inner.git("init", "-q")
    inner.commit("inner", new="new", old="changed")
    commit = worktrees.commit_all(path, note(), start)
    assert commit is not None
    files = sample.files(commit)
    assert (files["kept/old"], files["kept/new"]) == ("changed", "new")


def test_submodules_stay_links(sample: Sample, worktrees: Worktrees, tmp_path: Path) -> None:
    vendor = Sample.make(tmp_path / "vendor")
    old = vendor.sha("main")
    sample.git("submodule", "--quiet", "add", str(vendor.path), "vendor")
    start = sample.commit("with a submodule")
    path = worktrees.add("dev", start)
    assert worktrees.commit_all(path, note(), start) is None, "an empty one is unchanged"
    sample.git("submodule", "--quiet", "update", "--init", cwd=path)
    assert worktrees.commit_all(path, note(), start) is None
    new = Sample(path / "vendor").commit("newer")
    sample.git("submodule", "--quiet", "add", str(vendor.path), "more/vendor", cwd=path)
    commit = worktrees.commit_all(path, note(), start)
    assert commit is not None
    links = sample.git("ls-tree", "-r", commit)
    assert f"160000 commit {new}\tvendor" in links
    assert f"160000 commit {old}\tmore/vendor" in links


@pytest.mark.parametrize("staged", [True, False])
def test_what_an_agent_wrote_into_a_submodule_is_never_run(desk: Desk, tmp_path: Path, staged: bool) -> None:
    """`git add` runs `git status` in a submodule, which runs the filters of its configuration, outside of every box.
    The switch: without `apart` in `commit._add` this is red."""
    proof = tmp_path / "it ran"
    inner = Sample(desk.path / "inner")
    inner.path.mkdir()
    inner.git("init", "-q")
    commit = inner.commit("inner", **{"file": "before", ".gitattributes": "* filter=mine\n"})
    inner.git("config", "filter.mine.clean", f"touch '{proof}'; cat")
    desk.write(".gitmodules", '[submodule "inner"]\n\tpath = inner\n\turl = ./inner\n')
    if staged:
        desk.git("update-index", "--add", "--cacheinfo", f"160000,{commit},inner")
    desk.write("inner/file", "behind")
    done = desk.finish()
    assert desk.finish() == done, "the link is in the index at the latest now"
    assert not proof.exists()
    assert f"160000 commit {commit}\tinner" in desk.git("ls-tree", "-r", "HEAD")


def test_submodules_that_went_away_or_became_something_else(
    sample: Sample, worktrees: Worktrees, tmp_path: Path
) -> None:
    vendor = Sample.make(tmp_path / "vendor")
    for name in ("gone", "file", "beyond/link"):
        sample.git("submodule", "--quiet", "add", str(vendor.path), name)
    start = sample.commit("with submodules")
    path = worktrees.add("dev", start)
    for name in ("gone", "file", "beyond/link"):
        (path / name).rmdir()
    (path / "file").write_text("a file")
    (path / "beyond").rmdir()
    (path / "beyond").symlink_to(tmp_path)
    commit = worktrees.commit_all(path, note(), start)
    assert commit is not None
    kinds = {line.partition("\t")[2]: line[:6] for line in sample.git("ls-tree", "-r", commit).splitlines()}
    assert (kinds["file"], kinds["beyond"], "gone" in kinds) == ("100644", "120000", False)


def test_nobody_waits_for_a_pipe(desk: Desk) -> None:
    """git opens these files before it looks what they are. The switch: without `remove_traps` in `commit_all` the
    pipe is still there, and `git add` waits for it for ever."""
    for name in (".gitattributes", "deep/.gitignore"):
        (desk.path / name).parent.mkdir(exist_ok=True)
        os.mkfifo(desk.path / name)
    desk.write("deep/new", "x")
    done: list[str | None] = []
    work = threading.Thread(target=lambda: done.append(desk.finish()), daemon=True)
    work.start()
    work.join(60)
    for pipe in desk.path.rglob(".git?*"):
        pipe.write_text("")  # whoever waits goes on
    work.join()
    assert done == [head(desk.path)]
    assert not [*desk.path.rglob(".gita*")]


def test_files_beside_a_sparse_checkout_count(sample: Sample, worktrees: Worktrees) -> None:
    start = sample.commit("wide", **{"in/x": "x", "out/y": "y"})
    sample.git("sparse-checkout", "set", "in")
    path = worktrees.add("dev", start)
    sample.write("out/new", "new", at=path)
    commit = worktrees.commit_all(path, note(), start)
    assert commit is not None
    assert {"out/new", "out/y", "in/x"} <= sample.files(commit).keys()


def test_ignored_repositories_are_left_alone(desk: Desk) -> None:
    cache = Sample(desk.path / "cache.log")
    cache.path.mkdir()
    cache.git("init", "-q")
    desk.write("new", "x")
    assert desk.finish()
    assert (cache.path / ".git").is_dir()


def test_line_ending_rules_of_the_user_do_not_stop_it(desk: Desk) -> None:
    desk.sample.git("config", "core.autocrlf", "true")
    desk.sample.git("config", "core.safecrlf", "true")
    desk.write("unix", "a\nb\n")
    assert desk.finish()


def test_a_signing_rule_of_the_user_does_not_stop_it(desk: Desk) -> None:
    desk.sample.git("config", "commit.gpgSign", "true")
    desk.sample.git("config", "gpg.program", "false")
    desk.write("new", "x")
    assert desk.finish()


def test_the_directory_itself_deleted_is_an_error_and_not_a_commit(desk: Desk) -> None:
    shutil.rmtree(desk.path)
    with pytest.raises(NotFound):
        desk.finish()


def test_terabytes_of_nothing_are_refused_at_once(desk: Desk) -> None:
    with desk.write("big.bin", "").open("r+b") as file:
        file.truncate(1 << 40)
    desk.write("a.txt", "done")
    with pytest.raises(TooMuchLeft, match=r"big\.bin alone 1099511627776"):
        desk.finish()
    desk.write(".gitignore", "*.bin\n")
    assert desk.finish()
    with (desk.path / "a.txt").open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(TooMuchLeft, match=r"a\.txt alone"):
        desk.finish()


def test_ten_thousand_files_are_one_commit(desk: Desk) -> None:
    for number in range(10_000):
        (desk.path / f"f{number}").write_bytes(b"%d" % number)
    assert (commit := desk.finish())
    assert desk.git("ls-tree", "-r", "--name-only", commit).count("\nf") == 10_000
