from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from maestro_ray.errors import GitFailed, NotFound
from maestro_ray.workspace.git import Git
from maestro_ray.workspace.merge import AlreadyMerged, MergeConflict
from maestro_ray.workspace.release import Prepared, Published, Waiting, prepare_release, publish_release
from maestro_ray.workspace.repo import Repo
from maestro_ray.workspace.worktree import Worktrees

from .sample import PERSON, Sample, committer, fingerprint, head, note


def prepared(sample: Sample, worktrees: Worktrees, **files: str) -> Prepared:
    epic = sample.side("epic", **(files or {"new": "x", "a.txt": "1\n2\n3\n4\n"}))
    release = prepare_release(worktrees, "release", "main", epic, note("Release [RELEASE r1]"))
    assert isinstance(release, Prepared)
    return release


def publish(sample: Sample, release: Prepared) -> Published | Waiting:
    return publish_release(sample.repo, release.base, release.base_sha, release.commit)


def waits(sample: Sample, release: Prepared) -> Waiting:
    """Publish, see that it waits, and that nothing whatever was touched."""
    before, tip = fingerprint(sample), sample.sha("main")
    answer = publish(sample, release)
    assert isinstance(answer, Waiting), answer
    assert fingerprint(sample) == before
    assert sample.sha("main") == tip
    return answer


def test_the_release_commit_is_there_to_be_tested_and_nothing_moved(
    sample: Sample, worktrees: Worktrees
) -> None:
    before, base = fingerprint(sample), sample.sha("main")
    release = prepared(sample, worktrees)
    assert (release.base, release.base_sha) == ("main", base)
    assert head(release.path) == release.commit
    assert (release.path / "new").read_text() == "x"
    parents = sample.git("rev-list", "--parents", "-1", release.commit).split()
    assert parents == [release.commit, base, sample.sha("epic")]
    assert committer(sample, release.commit).count("maestro bot") == 2
    assert fingerprint(sample) == before
    assert sample.sha("main") == base


def test_an_epic_that_conflicts_with_its_base(sample: Sample, worktrees: Worktrees) -> None:
    epic = sample.side("epic", **{"a.txt": "epic\n"})
    sample.commit("meanwhile", **{"a.txt": "main\n"})
    result = prepare_release(worktrees, "release", "main", epic, note())
    assert result == MergeConflict(("a.txt",))


def test_an_epic_that_somebody_merged_already(sample: Sample, worktrees: Worktrees) -> None:
    epic = sample.side("epic", new="x")
    sample.git("merge", "-q", "--no-ff", "epic")
    assert prepare_release(worktrees, "release", "main", epic, note()) == AlreadyMerged(sample.sha("main"))


def test_a_base_that_nobody_has_checked_out_is_moved(sample: Sample, worktrees: Worktrees) -> None:
    release = prepared(sample, worktrees)
    sample.git("checkout", "-q", "-b", "elsewhere")
    sample.write("a.txt", "dirty")
    before = fingerprint(sample)
    assert publish(sample, release) == Published("moved ref", release.commit)
    assert sample.sha("main") == release.commit
    assert fingerprint(sample) == before


def test_a_clean_checkout_is_fast_forwarded(sample: Sample, worktrees: Worktrees) -> None:
    sample.write("noise.log", "ignored, and still there afterwards")
    release = prepared(sample, worktrees)
    assert publish(sample, release) == Published(f"fast-forwarded {sample.path}", release.commit)
    assert sample.sha("HEAD") == sample.sha("main") == release.commit
    assert sample.git("status", "--porcelain") == ""
    assert sample.git("symbolic-ref", "HEAD") == "refs/heads/main"
    assert (sample.path / "new").read_text() == "x"
    assert (sample.path / "noise.log").exists()


def test_a_linked_checkout_is_fast_forwarded_where_it_is(
    sample: Sample, worktrees: Worktrees, tmp_path: Path
) -> None:
    release = prepared(sample, worktrees)
    sample.git("checkout", "-q", "--detach")
    linked = tmp_path / "linked place"
    sample.git("worktree", "add", "-q", str(linked), "main")
    assert publish(sample, release) == Published(f"fast-forwarded {linked}", release.commit)
    assert (linked / "new").exists()
    assert not (sample.path / "new").exists()


def test_a_submodule_is_released_like_any_other(sample: Sample, tmp_path: Path) -> None:
    outer = Sample.make(tmp_path / "outer")
    outer.git("submodule", "--quiet", "add", str(sample.path), "vendor")
    inner = Sample(outer.path / "vendor")
    release = prepared(inner, Worktrees(inner.repo, tmp_path / "trees"))
    assert publish(inner, release) == Published(f"fast-forwarded {inner.path}", release.commit)


def test_publishing_again_says_so(sample: Sample, worktrees: Worktrees) -> None:
    release = prepared(sample, worktrees)
    publish(sample, release)
    assert publish(sample, release) == Published("already there", release.commit)
    later = sample.commit("later")
    assert publish(sample, release) == Published("already there", later)


@pytest.mark.parametrize("what", ["epic", "release"])
def test_what_the_user_merged_by_hand_counts(sample: Sample, worktrees: Worktrees, what: str) -> None:
    release = prepared(sample, worktrees)
    sample.commit("meanwhile", **{"c.txt": "c"})
    sample.git("merge", "-q", "--no-edit", "epic" if what == "epic" else release.commit)
    sample.write("a.txt", "and dirty")
    assert publish(sample, release) == Published("already there", sample.sha("main"))


def edit(sample: Sample) -> None:
    sample.write("b.txt", "edited\n")


def stage(sample: Sample) -> None:
    sample.write("staged.txt", "staged")
    sample.git("add", "staged.txt")


def delete(sample: Sample) -> None:
    (sample.path / "b.txt").unlink()


@pytest.mark.parametrize("change", [edit, stage, delete], ids=lambda change: change.__name__)
def test_a_checkout_with_changes_is_not_touched(sample: Sample, worktrees: Worktrees, change: object) -> None:
    release = prepared(sample, worktrees)
    assert callable(change)
    change(sample)
    sample.git("config", "status.showUntrackedFiles", "no")
    answer = waits(sample, release)
    assert "1 uncommitted change" in answer.reason
    assert answer.command == f"git -C {sample.path} merge --ff-only {release.commit}"


def test_untracked_files_stay_as_they_are(sample: Sample, worktrees: Worktrees) -> None:
    release = prepared(sample, worktrees)
    sample.write("untracked dir/file", "x")
    assert publish(sample, release) == Published(f"fast-forwarded {sample.path}", release.commit)
    assert (sample.path / "untracked dir/file").read_text() == "x"


def test_an_untracked_file_in_the_way_is_waited_for(sample: Sample, worktrees: Worktrees) -> None:
    release = prepared(sample, worktrees)
    sample.write("new", "mine")
    assert "not git's would be overwritten: new" in waits(sample, release).reason


def test_the_command_finishes_the_release(tmp_path: Path) -> None:
    sample = Sample.make(tmp_path / "it's a\n$(place)")
    release = prepared(sample, Worktrees(sample.repo, tmp_path / "trees"))
    edit(sample)
    answer = waits(sample, release)
    assert "\n" not in answer.reason
    sample.git("checkout", "-q", "--", "b.txt")
    subprocess.run(answer.command, shell=True, check=True, capture_output=True, cwd="/")
    assert sample.sha("main") == release.commit
    assert publish(sample, release) == Published("already there", release.commit)


def test_an_unfinished_operation_is_waited_for(sample: Sample, worktrees: Worktrees) -> None:
    side = sample.side("side", **{"s.txt": "s"})
    release = prepared(sample, worktrees)
    sample.git("merge", "--no-ff", "--no-commit", side)
    assert "a merge is in progress" in waits(sample, release).reason
    sample.git("merge", "--abort")
    sample.git("bisect", "start")
    assert "a bisect is in progress" in waits(sample, release).reason


def test_a_base_in_a_rebase_is_waited_for(sample: Sample, worktrees: Worktrees) -> None:
    sample.side("side", **{"b.txt": "side\n"})
    sample.commit("mine", **{"b.txt": "mine\n"})
    release = prepared(sample, worktrees)
    sample.git("rebase", "side", check=False)
    assert "a rebase is in progress" in waits(sample, release).reason


@pytest.mark.parametrize("attached", [True, False], ids=["checked out", "not checked out"])
def test_a_base_that_moved_meanwhile(sample: Sample, worktrees: Worktrees, attached: bool) -> None:
    release = prepared(sample, worktrees)
    moved = sample.commit("meanwhile", **{"c.txt": "c"})
    if not attached:
        sample.git("checkout", "-q", "-b", "elsewhere")
    answer = waits(sample, release)
    assert f"main moved from {release.base_sha[:12]} to {moved[:12]}" in answer.reason
    subprocess.run(
        answer.command,
        shell=True,
        check=True,
        capture_output=True,
        cwd="/",
        env={**os.environ, **PERSON.environment()},
    )
    assert sample.repo.is_ancestor(release.commit, sample.sha("main"))
    assert sample.repo.is_ancestor(moved, sample.sha("main"))


def test_an_ignored_file_of_the_user_is_not_overwritten(sample: Sample, worktrees: Worktrees) -> None:
    release = prepared(sample, worktrees, **{".gitignore": "", "secret.log": "from the epic"})
    sample.write("secret.log", "the user's own")
    answer = waits(sample, release)
    assert answer.reason.endswith("would be overwritten: secret.log")
    assert (sample.path / "secret.log").read_text() == "the user's own"


def test_an_ignored_file_where_the_release_needs_a_directory(sample: Sample, worktrees: Worktrees) -> None:
    release = prepared(sample, worktrees, **{".gitignore": "", "secret.log/inside": "from the epic"})
    sample.write("secret.log", "the user's own")
    answer = publish(sample, release)
    assert isinstance(answer, Waiting)
    assert "git would not fast-forward" in answer.reason
    assert (sample.path / "secret.log").read_text() == "the user's own"
    assert sample.sha("main") == release.base_sha


def test_a_git_of_the_user_at_work_is_waited_for(sample: Sample, worktrees: Worktrees) -> None:
    release = prepared(sample, worktrees)
    sample.write(".git/index.lock", "")
    assert "index.lock" in waits(sample, release).reason


def test_a_base_in_two_places_is_waited_for(sample: Sample, worktrees: Worktrees, tmp_path: Path) -> None:
    release = prepared(sample, worktrees)
    sample.git("worktree", "add", "-q", "--force", str(tmp_path / "second"), "main")
    assert "2 places" in waits(sample, release).reason


def test_a_base_that_is_gone(sample: Sample, worktrees: Worktrees) -> None:
    release = prepared(sample, worktrees)
    sample.git("checkout", "-q", "--detach")
    sample.git("branch", "-D", "main")
    with pytest.raises(NotFound):
        publish(sample, release)


def test_a_race_for_a_base_that_is_not_checked_out(
    sample: Sample, worktrees: Worktrees, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = prepared(sample, worktrees)
    other = sample.side("other", **{"c.txt": "c"})
    sample.git("checkout", "-q", "-b", "elsewhere")
    real = Repo.update_ref

    def late(self: Repo, ref: str, new: str, old: str) -> None:
        monkeypatch.setattr(Repo, "update_ref", real)
        real(self, ref, other, old)
        real(self, ref, new, old)

    monkeypatch.setattr(Repo, "update_ref", late)
    answer = publish(sample, release)
    assert isinstance(answer, Waiting)
    assert "moved" in answer.reason
    assert sample.sha("main") == other


def test_hooks_and_settings_of_the_user_do_not_bend_it(
    sample: Sample, worktrees: Worktrees, tmp_path: Path
) -> None:
    release = prepared(sample, worktrees)
    for key, value in {
        "merge.ff": "false",
        "merge.verifySignatures": "true",
        "merge.autoStash": "true",
    }.items():
        sample.git("config", key, value)
    for name in ("post-merge", "post-checkout", "pre-merge-commit", "reference-transaction"):
        sample.write(f".git/hooks/{name}", f"#!/bin/sh\necho {name} >>'{tmp_path}/ran'\nexit 1\n").chmod(
            0o755
        )
    assert isinstance(publish(sample, release), Published)
    assert not (tmp_path / "ran").exists()


def test_a_fast_forward_that_fails_half_way_is_taken_back(sample: Sample, worktrees: Worktrees) -> None:
    """Here a filter that works in every place but this one; a full disk or a file nobody may write is the same."""
    for key, value in (("required", "true"), ("clean", "cat"), ("smudge", "cat")):
        sample.git("config", f"filter.picky.{key}", value)
    sample.commit(
        "filtered", **{".gitattributes": "*.flt filter=picky\n", "m.flt": "old\n", "b.txt": "old\n"}
    )
    release = prepared(
        sample, worktrees, **{"0-new": "new", "b.txt": "new\n", "m.flt": "new\n", "z.txt": "new\n"}
    )
    sample.git("config", "filter.picky.smudge", f"case $PWD in {sample.path}) exit 1;; esac; cat")
    before = fingerprint(sample)
    answer = publish(sample, release)
    assert isinstance(answer, Waiting)
    assert answer.reason.startswith("git would not fast-forward")
    assert "which git was writing" not in answer.reason
    after = fingerprint(sample)
    after.pop(".git/ORIG_HEAD")  # git's own note of where it was
    assert after == before
    assert not (sample.path / "0-new").exists()


def test_what_else_differs_then_is_left_and_named(
    sample: Sample, worktrees: Worktrees, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = prepared(sample, worktrees, **{"a.txt": "new\n"})
    real = Git.run

    def run(self: Git, *args: str, **more: Any) -> str:
        if args[0] == "merge":
            (sample.path / "a.txt").unlink()
            sample.write("a.txt", "typed by a person in this very moment")
            raise GitFailed("merge", 1, "no")
        return real(self, *args, **more)

    monkeypatch.setattr(Git, "run", run)
    answer = publish(sample, release)
    assert isinstance(answer, Waiting)
    assert answer.reason.endswith("look at a.txt, which git was writing")
    assert (sample.path / "a.txt").read_text() == "typed by a person in this very moment"
