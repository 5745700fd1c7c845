from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import pytest

from maestro_ray.errors import BranchInUse, GitFailed, NotFound, RefMoved
from maestro_ray.workspace.merge import AlreadyMerged, MergeConflict, Merged, advance, merge
from maestro_ray.workspace.repo import Repo
from maestro_ray.workspace.worktree import Worktrees

from .sample import Sample, committer, head, note


def merged(result: object) -> str:
    assert isinstance(result, Merged), result
    return result.commit


def test_a_merge_has_two_parents_and_moves_no_ref(sample: Sample, worktrees: Worktrees) -> None:
    base = sample.sha("main")
    work = sample.side("work", new="x")
    commit = merged(merge(worktrees, "merge", base, work, note("Merge it", Maestro_Task="t")))
    assert sample.git("rev-list", "--parents", "-1", commit).split() == [commit, base, work]
    assert sample.files(commit)["new"] == "x"
    assert sample.git("log", "-1", "--format=%B", commit) == "Merge it\n\nMaestro-Task: t\n"
    assert committer(sample, commit) == "maestro bot <bot@example.com> | maestro bot <bot@example.com>"
    assert (sample.sha("main"), sample.sha("work")) == (base, work)


def test_exactly_the_commit_is_merged_not_what_came_later_on_its_branch(
    sample: Sample, worktrees: Worktrees
) -> None:
    base = sample.sha("main")
    reviewed = sample.side("work", reviewed="x")
    sample.git("branch", "-f", "work", sample.side("later", "work", **{"sneaked in": "x"}))
    commit = merged(merge(worktrees, "merge", base, reviewed, note()))
    assert "reviewed" in sample.files(commit)
    assert "sneaked in" not in sample.files(commit)


def test_what_is_there_already(sample: Sample, worktrees: Worktrees) -> None:
    first = sample.sha("main")
    second = sample.commit("second")
    assert merge(worktrees, "merge", second, first, note()) == AlreadyMerged(second)
    assert merge(worktrees, "merge", second, second, note()) == AlreadyMerged(second)


def test_a_conflict_names_its_files_and_leaves_the_worktree_clean(
    sample: Sample, worktrees: Worktrees
) -> None:
    work = sample.side("work", **{"a.txt": "work\n", "new\nname é": "work\n", "fine": "x"})
    base = sample.commit("mine", **{"a.txt": "mine\n", "new\nname é": "mine\n"})
    result = merge(worktrees, "merge", base, work, note())
    assert result == MergeConflict(("a.txt", "new\nname é"))
    assert isinstance(result, MergeConflict)
    assert result.reason == "MERGE CONFLICT in a.txt, new?name é"
    path = worktrees.path("merge")
    assert head(path) == base
    assert sample.git("status", cwd=path).splitlines()[-1] == "nothing to commit, working tree clean"
    fine = sample.side("fine", base, other="x")
    merged(merge(worktrees, "merge", base, fine, note()))


def test_deleted_here_changed_there_is_a_conflict(sample: Sample, worktrees: Worktrees) -> None:
    work = sample.side("work", **{"a.txt": "work\n"})
    sample.git("rm", "-q", "a.txt")
    assert merge(worktrees, "merge", sample.commit("gone"), work, note()) == MergeConflict(("a.txt",))


def test_a_long_list_is_cut(sample: Sample) -> None:
    reason = MergeConflict(tuple(f"f{number}" for number in range(12))).reason
    assert reason == "MERGE CONFLICT in f0, f1, f2, f3, f4, f5, f6, f7, f8, f9 and 2 more"


def test_what_is_neither_a_merge_nor_a_conflict_is_an_error(sample: Sample, worktrees: Worktrees) -> None:
    tree = sample.git("rev-parse", "main^{tree}")
    stranger = sample.git("commit-tree", tree, "-m", "unrelated")
    for sha in (stranger, "1" * 40):
        with pytest.raises(GitFailed):
            merge(worktrees, "merge", sample.sha("main"), sha, note())
        assert sample.git("status", "--porcelain", cwd=worktrees.path("merge")) == ""


def test_a_renamed_file_takes_its_change_along(sample: Sample, worktrees: Worktrees) -> None:
    sample.git("config", "merge.renames", "false")
    sample.commit("long", old="".join(f"line {number}\n" for number in range(30)))
    work = sample.side("work", old="".join(f"line {number}\n" for number in range(29)) + "changed\n")
    sample.git("mv", "old", "new")
    base = sample.commit("renamed")
    commit = merged(merge(worktrees, "merge", base, work, note()))
    assert sample.files(commit)["new"].endswith("changed\n")


SETTINGS = {
    "merge.ff": "only",
    "merge.verifySignatures": "true",
    "merge.log": "true",
    "merge.autoStash": "true",
    "commit.gpgSign": "true",
    "gpg.program": "false",
    "user.useConfigOnly": "true",
    "pull.twohead": "ours",
}


def test_settings_and_hooks_of_the_user_do_not_bend_a_merge(
    sample: Sample, worktrees: Worktrees, tmp_path: Path
) -> None:
    base = sample.sha("main")
    work = sample.side("work", new="x")
    for key, value in SETTINGS.items():
        sample.git("config", key, value)
    for name in ("pre-merge-commit", "prepare-commit-msg", "commit-msg", "post-merge", "post-checkout"):
        sample.write(f".git/hooks/{name}", f"#!/bin/sh\necho {name} >>'{tmp_path}/ran'\nexit 1\n").chmod(
            0o755
        )
    commit = merged(merge(worktrees, "merge", base, work, note("just this")))
    assert sample.git("log", "-1", "--format=%B", commit) == "just this\n"
    assert sample.files(commit)["new"] == "x"
    assert not (tmp_path / "ran").exists()


def test_a_worktree_left_dirty_by_a_killed_merge(sample: Sample, worktrees: Worktrees) -> None:
    work = sample.side("work", **{"a.txt": "work\n"})
    base = sample.commit("mine", **{"b.txt": "mine\n"})
    path = worktrees.add("merge", base)
    sample.git("merge", "--no-commit", "--no-ff", work, cwd=path)
    sample.write("b.txt", "dirty", at=path)
    commit = merged(merge(Worktrees(sample.repo, worktrees.directory), "merge", base, work, note()))
    assert sample.files(commit)["b.txt"] == "mine\n"


def test_a_worktree_somebody_worked_in_is_not_trusted(sample: Sample, worktrees: Worktrees) -> None:
    base = sample.sha("main")
    first = merged(merge(worktrees, "merge", base, sample.side("one", one="1"), note()))
    path = worktrees.add("merge", first)
    sample.write(".gitattributes", "* merge=ours\n", at=path)
    sample.write("one", "changed", at=path)
    second = merged(merge(worktrees, "merge", first, sample.side("two", two="2"), note()))
    assert (path / "one").read_text() == "1"
    assert not (path / ".gitattributes").exists()
    assert sorted(sample.files(second)) == [".gitignore", "a.txt", "b.txt", "one", "two"]


def test_advance_moves_the_branch(sample: Sample, worktrees: Worktrees) -> None:
    sample.git("branch", "epic/x")
    one, two = sample.side("one", one="1"), sample.side("two", two="2")
    for work in (one, two):
        commit = merged(advance(worktrees, "merge", "epic/x", worktrees.repo.tip("epic/x"), work, note()))
        assert sample.sha("epic/x") == commit
    assert advance(worktrees, "merge", "epic/x", worktrees.repo.tip("epic/x"), one, note()) == AlreadyMerged(
        commit
    )
    assert {"one", "two"} <= sample.files("epic/x").keys()


def test_advance_leaves_the_branch_at_a_conflict(sample: Sample, worktrees: Worktrees) -> None:
    epic = sample.side("epic", **{"a.txt": "epic\n"})
    work = sample.side("work", **{"a.txt": "work\n"})
    assert advance(worktrees, "merge", "epic", worktrees.repo.tip("epic"), work, note()) == MergeConflict(
        ("a.txt",)
    )
    assert sample.sha("epic") == epic


def test_advance_refuses_a_branch_that_is_checked_out(sample: Sample, worktrees: Worktrees) -> None:
    base, work = sample.sha("main"), sample.side("work")
    with pytest.raises(BranchInUse):
        advance(worktrees, "merge", "main", worktrees.repo.tip("main"), work, note())
    assert sample.sha("main") == base
    with pytest.raises(NotFound):
        advance(worktrees, "merge", "nowhere", base, work, note())


def test_a_merge_that_was_made_and_never_heard_of_is_found(sample: Sample, worktrees: Worktrees) -> None:
    begin = sample.side("epic")
    work = sample.side("work", work="x")
    commit = merged(advance(worktrees, "merge", "epic", begin, work, note()))
    assert advance(worktrees, "merge", "epic", begin, work, note("again")) == AlreadyMerged(commit)


def test_the_merge_of_another_that_was_never_heard_of_is_taken_back(
    sample: Sample, worktrees: Worktrees
) -> None:
    begin, work = sample.side("epic"), sample.side("work", work="x")
    # both change the same place: had it stayed, nothing could follow
    other = sample.side("other", work="y")
    advance(worktrees, "merge", "epic", begin, other, note())
    commit = merged(advance(worktrees, "merge", "epic", begin, work, note(), [other]))
    assert sample.git("rev-list", "--parents", "-1", "epic").split() == [commit, begin, work]


def test_a_merge_by_hand_of_one_that_was_cut_is_not_taken_back(sample: Sample, worktrees: Worktrees) -> None:
    begin, work, other = sample.side("epic"), sample.side("work", work="x"), sample.side("other", other="x")
    sample.git("switch", "-q", "epic")
    sample.git("merge", "-q", "--no-ff", "--no-commit", "other")
    sample.write("by hand", "x")
    sample.git("add", "by hand")
    sample.git("commit", "-q", "-m", "Merge: other")
    sample.git("switch", "-q", "main")
    tip = sample.sha("epic")
    with pytest.raises(RefMoved):
        advance(worktrees, "merge", "epic", begin, work, note(), [other])
    assert sample.sha("epic") == tip


def test_nothing_is_merged_onto_commits_nobody_has_reviewed(sample: Sample, worktrees: Worktrees) -> None:
    begin = sample.side("epic")
    work = sample.side("work", work="x")
    sample.git("switch", "-q", "epic")
    foreign = sample.commit("unreviewed", evil="x")
    sample.git("switch", "-q", "main")
    with pytest.raises(RefMoved) as caught:
        advance(worktrees, "merge", "epic", begin, work, note())
    assert caught.value.args == ("refs/heads/epic", begin, foreign)
    assert sample.sha("epic") == foreign


def test_a_merge_that_holds_more_than_its_parents_is_not_ours(sample: Sample, worktrees: Worktrees) -> None:
    begin, work = sample.side("epic"), sample.side("work", work="x")
    sample.git("switch", "-q", "epic")
    sample.git("merge", "-q", "--no-ff", "--no-commit", "work")
    sample.write("evil", "x")
    sample.git("add", "evil")
    sample.git("commit", "-q", "-m", "Merge: work")
    sample.git("switch", "-q", "main")
    with pytest.raises(RefMoved):
        advance(worktrees, "merge", "epic", begin, work, note())


def test_who_comes_second_is_told(
    sample: Sample, worktrees: Worktrees, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, other, work = sample.side("epic"), sample.side("other", other="x"), sample.side("work", work="x")
    real = Repo.update_ref

    def late(self: Repo, ref: str, new: str, old: str) -> None:
        monkeypatch.undo()
        real(self, ref, other, old)
        real(self, ref, new, old)

    monkeypatch.setattr(Repo, "update_ref", late)
    with pytest.raises(RefMoved):
        advance(worktrees, "merge", "epic", begin, work, note())
    assert sample.sha("epic") == other


def test_a_lead_that_was_given_up_and_merges_at_the_last_moment_is_settled_too(
    sample: Sample, worktrees: Worktrees, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, other, work = sample.side("epic"), sample.side("other", other="x"), sample.side("work", work="x")
    real = Repo.update_ref

    def late(self: Repo, ref: str, new: str, old: str) -> None:
        monkeypatch.undo()
        advance(worktrees, "late", "epic", begin, other, note())
        real(self, ref, new, old)

    monkeypatch.setattr(Repo, "update_ref", late)
    merged(advance(worktrees, "merge", "epic", begin, work, note(), [other]))
    assert sample.git("log", "-1", "--format=%P", "epic").split() == [begin, work]


@pytest.mark.parametrize("shared", [True, False], ids=["one worktree", "a worktree each"])
def test_threads_merging_into_one_branch_lose_nothing(
    sample: Sample, worktrees: Worktrees, shared: bool
) -> None:
    sample.git("branch", "epic")
    works = [sample.side(f"work-{number}", **{f"file-{number}": "x"}) for number in range(6)]
    start, results = threading.Barrier(3), []

    def work(number: int) -> None:
        mine = Worktrees(sample.repo, worktrees.directory)
        start.wait()
        name = "merge" if shared else f"merge-{number}"
        for sha in works[number::3]:
            while True:
                with contextlib.suppress(RefMoved):
                    results.append(advance(mine, name, "epic", mine.repo.tip("epic"), sha, note()))
                    break

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [type(result) for result in results] == [Merged] * 6
    assert {f"file-{number}" for number in range(6)} <= sample.files("epic").keys()
    firsts = sample.git("rev-list", "--first-parent", "--merges", "epic").split()
    assert sorted(firsts) == sorted(merged(result) for result in results), (
        "each merge on top of another, none lost"
    )
