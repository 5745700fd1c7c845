from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from disk.small import small_disk

from maestro_ray.errors import DiskFull, GitFailed, GitMissing
from maestro_ray.workspace.git import Git, presentable

from .sample import Sample


def test_run_gives_standard_output_as_it_is(sample: Sample) -> None:
    assert Git(sample.path).run("rev-parse", "--abbrev-ref", "HEAD") == "main\n"
    assert Git(sample.path).line("rev-parse", "--abbrev-ref", "HEAD") == "main"


def test_a_failure_tells_arguments_code_and_last_lines(sample: Sample) -> None:
    with pytest.raises(GitFailed) as caught:
        Git(sample.path).run("rev-parse", "--verify", "nowhere")
    assert caught.value.args == ("rev-parse --verify nowhere", 128, "fatal: Needed a single revision")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_of_long_output_only_the_beginning_is_held(sample: Sample) -> None:
    sample.write("large.txt", "0123456789" * 100_000)
    sample.git("add", "-A")
    git = Git(sample.path)
    assert git.beginning(5, "show", ":large.txt") == ("01234", 1_000_000)
    assert git.beginning(5, "show", ":b.txt") == ("b\n", 2)
    with pytest.raises(GitFailed):
        git.beginning(5, "show", ":nowhere")


def test_a_failure_can_be_left_to_the_caller(sample: Sample) -> None:
    assert Git(sample.path).run("rev-parse", "--verify", "nowhere", check=False) == ""


def test_a_failure_never_shows_a_password(sample: Sample) -> None:
    with pytest.raises(GitFailed) as caught:
        Git(sample.path).run("ls-remote", "https://me:s3cret@localhost:1/a.git?token=t0ken")
    assert "s3cret" not in str(caught.value)
    assert "t0ken" not in str(caught.value)
    assert "https://localhost:1/a.git" in str(caught.value)


def test_presentable_is_always_utf8_on_one_line() -> None:
    assert presentable("a\nb\x1b[31m\udcff").encode() == b"a?b?[31m?"


def test_a_question_is_answered_by_exit_code(sample: Sample) -> None:
    git = Git(sample.path)
    assert git.ask("diff", "--quiet", "HEAD")
    sample.write("a.txt", "changed")
    assert not git.ask("diff", "--quiet", "HEAD")
    with pytest.raises(GitFailed):
        git.ask("diff", "--quiet", "nowhere", "--")


def test_the_environment_of_the_caller_names_no_repository(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Sample.make(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(tmp_path / "objects"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.name")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "Mallory")
    git = Git(sample.path)
    assert git.line("rev-parse", "--show-toplevel") == str(sample.path)
    assert git.line("rev-parse", "HEAD") == (sample.path / ".git/refs/heads/main").read_text().strip()
    assert git.run("config", "user.name", check=False) == ""


def test_a_pinned_git_directory_wins_over_the_file_in_the_worktree(sample: Sample, tmp_path: Path) -> None:
    other = Sample.make(tmp_path / "other")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / ".git").write_text(f"gitdir: {other.path}/.git\n")
    pinned = Git(elsewhere, sample.path / ".git")
    assert pinned.line("rev-parse", "--absolute-git-dir") == str(sample.path / ".git")


def test_there_is_no_prompt_and_no_hook(sample: Sample, tmp_path: Path) -> None:
    hook = sample.write(".git/hooks/pre-commit", f"#!/bin/sh\ntouch '{tmp_path}/ran'\n")
    hook.chmod(0o755)
    git = Git(sample.path)
    git.run("-c", "user.name=x", "-c", "user.email=x", "commit", "--allow-empty", "-m", "x")
    assert not (tmp_path / "ran").exists()
    alias = "!echo prompt=$GIT_TERMINAL_PROMPT askpass=$GIT_ASKPASS"
    assert git.line("-c", f"alias.tell={alias}", "tell") == "prompt=0 askpass="


SETTINGS = {
    "commit.gpgSign": ("true", "false"),
    "tag.gpgSign": ("true", "false"),
    "core.fsmonitor": ("/bin/false", "false"),
    "core.hooksPath": ("/somewhere", "/dev/null"),
    "core.quotePath": ("true", "false"),
    "gc.auto": ("1", "0"),
    "maintenance.auto": ("true", "false"),
    "merge.renames": ("false", "true"),
    "rerere.enabled": ("true", "false"),
    "submodule.recurse": ("true", "false"),
    "i18n.commitEncoding": ("latin-1", "UTF-8"),
    "log.showSignature": ("true", "false"),
    "worktree.useRelativePaths": ("true", "false"),
}


@pytest.mark.parametrize("key", SETTINGS)
def test_settings_of_the_repository_that_would_change_what_we_do(sample: Sample, key: str) -> None:
    theirs, ours = SETTINGS[key]
    sample.git("config", key, theirs)
    assert Git(sample.path).line("config", "--get", key) == ours


def test_bytes_that_are_no_text_come_back_as_they_went(sample: Sample) -> None:
    git = Git(sample.path)
    blob = git.line("hash-object", "-w", "--stdin", stdin="caf\udce9\n")
    assert git.run("cat-file", "blob", blob) == "caf\udce9\n"


def test_a_machine_without_git(sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitMissing) as caught:
        Git(sample.path).run("status")
    assert str(caught.value) == "the program git is not on PATH"
    assert "install git" in caught.value.hint


def test_a_disk_that_takes_nothing_is_an_error_of_its_own(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        sample = Sample.make(disk.path / "project")
        disk.fill()
        with pytest.raises(DiskFull) as full:
            sample.repo.git.run("hash-object", "-w", "--stdin", stdin="x" * 100_000)
        assert "No space left on device" in str(full.value)
        assert str(disk.path) in str(full.value)
        disk.empty()
        disk.read_only()
        with pytest.raises(DiskFull, match="Read-only file system"):
            sample.repo.git.run("hash-object", "-w", "--stdin", stdin="x" * 100_000)
        disk.writable()
        sample.repo.git.run("hash-object", "-w", "--stdin", stdin="x" * 100_000)
