"""The promise of the whole folder: a plan from start to end, and the user's checkout is byte for byte what it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from maestro_ray.workspace.epic import bootstrap_epic
from maestro_ray.workspace.merge import MergeConflict, Merged, advance
from maestro_ray.workspace.release import Prepared, Published, Waiting, prepare_release, publish_release
from maestro_ray.workspace.worktree import Worktrees

from .sample import Sample, fingerprint, note


def make_a_mess(sample: Sample) -> None:
    """Staged, unstaged, both at once, untracked, ignored, deleted, a link, a mode, odd names, a stash, stale times."""
    sample.write("b.txt", "stashed\n")
    sample.git("stash")
    sample.write("staged.txt", "staged\n")
    sample.write("a.txt", "staged part\n")
    sample.git("add", "staged.txt", "a.txt")
    sample.write("a.txt", "staged part\nand an edit\n")
    (sample.path / "b.txt").unlink()
    sample.write("new\nline é/-dash", "untracked\n")
    sample.write("noise.log", "ignored\n")
    (sample.path / "link").symlink_to("nowhere")
    (sample.path / ".gitignore").touch()


def install_hooks(sample: Sample) -> None:
    names = ["pre-commit", "commit-msg", "post-commit", "post-checkout", "post-merge", "pre-merge-commit"]
    script = '#!/bin/sh\ntouch "$(dirname "$0")/../../ran-$(basename "$0")"\n'
    for name in [*names, "reference-transaction", "post-rewrite", "post-index-change"]:
        sample.write(f".git/hooks/{name}", script).chmod(0o755)


def play(sample: Sample, worktrees: Worktrees, base: str) -> Prepared:
    """Two tasks of which one conflicts and is resolved, merged into an epic, and its release prepared."""
    repo = sample.repo
    base_sha = repo.tip(base)
    begin = bootstrap_epic(repo, base_sha, "epic/x", note("Begin [BOOTSTRAP r]"))
    desks = [worktrees.add(name, begin) for name in ("dev-1", "dev-2")]
    for number, desk in enumerate(desks, 1):
        sample.write("a.txt", f"by dev {number}\n", at=desk)
        sample.write(f"new-{number}", "x", at=desk)
        done = worktrees.commit_all(desk, note(f"Task {number}", Maestro_Task=str(number)), begin)
        assert done is not None
        repo.create_branch(f"task/{number}", done)
    assert isinstance(
        advance(worktrees, "merge", "epic/x", worktrees.repo.tip("epic/x"), repo.tip("task/1"), note()),
        Merged,
    )
    assert isinstance(
        advance(worktrees, "merge", "epic/x", worktrees.repo.tip("epic/x"), repo.tip("task/2"), note()),
        MergeConflict,
    )
    desk = worktrees.add("dev-2", repo.tip("task/2"))
    sample.git("-c", "core.hooksPath=/dev/null", "merge", repo.tip("epic/x"), check=False, cwd=desk)
    sample.write("a.txt", "by both\n", at=desk)
    done = worktrees.commit_all(desk, note("Resolve"), repo.tip("task/2"))
    assert done is not None
    repo.update_ref("refs/heads/task/2", done, repo.tip("task/2"))
    assert isinstance(
        advance(worktrees, "merge", "epic/x", worktrees.repo.tip("epic/x"), done, note()), Merged
    )
    release = prepare_release(worktrees, "release", base, repo.tip("epic/x"), note("Release [RELEASE r]"))
    assert isinstance(release, Prepared)
    return release


def clean_up(sample: Sample, worktrees: Worktrees) -> None:
    for branch in ("epic/x", "task/1", "task/2"):
        assert sample.repo.delete_branch(branch, sample.repo.tip(branch))
    worktrees.remove_all()


def test_a_dirty_checkout_of_the_base_waits_untouched(sample: Sample, worktrees: Worktrees) -> None:
    make_a_mess(sample)
    before, tip = fingerprint(sample), sample.sha("main")
    release = play(sample, worktrees, "main")
    assert isinstance(publish_release(sample.repo, "main", release.base_sha, release.commit), Waiting)
    assert fingerprint(sample) == before
    assert sample.sha("main") == tip
    clean_up(sample, worktrees)
    assert fingerprint(sample) == before
    assert sample.git("branch", "--format=%(refname:short)") == "main"


def test_a_dirty_checkout_of_another_branch_is_released_around(sample: Sample, worktrees: Worktrees) -> None:
    sample.git("checkout", "-q", "-b", "mine")
    make_a_mess(sample)
    before = fingerprint(sample)
    release = play(sample, worktrees, "main")
    assert publish_release(sample.repo, "main", release.base_sha, release.commit) == Published(
        "moved ref", release.commit
    )
    clean_up(sample, worktrees)
    assert fingerprint(sample) == before
    assert sample.files("main")["a.txt"] == "by both\n"


@pytest.mark.parametrize("state", ["detached", "rebase", "submodule"])
def test_a_checkout_in_any_state(sample: Sample, worktrees: Worktrees, tmp_path: Path, state: str) -> None:
    if state == "detached":
        sample.git("checkout", "-q", "--detach")
    elif state == "rebase":
        sample.side("other", **{"a.txt": "other\n"})
        sample.git("checkout", "-q", "-b", "mine")
        sample.commit("mine", **{"a.txt": "mine\n"})
        sample.git("rebase", "other", check=False)
    else:
        vendor = Sample.make(tmp_path / "vendor")
        sample.git("submodule", "--quiet", "add", str(vendor.path), "vendor")
        sample.commit("with a submodule")
        sample.git("checkout", "-q", "-b", "mine")
        sample.write("vendor/a.txt", "edited\n")
    before = fingerprint(sample)
    release = play(sample, worktrees, "main")
    assert isinstance(publish_release(sample.repo, "main", release.base_sha, release.commit), Published)
    clean_up(sample, worktrees)
    assert fingerprint(sample) == before


def test_hooks_never_run(sample: Sample, worktrees: Worktrees) -> None:
    install_hooks(sample)
    release = play(sample, worktrees, "main")
    assert isinstance(publish_release(sample.repo, "main", release.base_sha, release.commit), Published)
    clean_up(sample, worktrees)
    assert not [*sample.path.glob("ran-*")]
    sample.git("commit", "-q", "--allow-empty", "-m", "a person's hooks do")
    assert (sample.path / "ran-pre-commit").exists()
