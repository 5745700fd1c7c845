from __future__ import annotations

import time
from pathlib import Path

import pytest

from maestro_ray.extensions.found import Found
from maestro_ray.extensions.hooks import Hook, find_hooks
from maestro_ray.extensions.trust import allowed, fingerprint, named_files, trust, trusted, withdraw

from .trees import around, repository, trust_now, write

TEXT = '[[hooks.PreMerge]]\ncommand = "./check.sh --config=rules/a.txt; true"\n'


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(tmp_path, {".maestro/config.toml": TEXT, "check.sh": "exit 0", "rules/a.txt": "a"})


def only(tmp_path: Path) -> Found[Hook]:
    return find_hooks(around(tmp_path))[-1]


def test_a_hook_of_others_runs_only_after_it_was_trusted(tmp_path: Path, repo: Path) -> None:
    home = tmp_path / "home"
    assert not allowed(only(tmp_path), trusted(home))
    trust_now(home, only(tmp_path))
    assert allowed(only(tmp_path), trusted(home))
    withdraw(home, [fingerprint(only(tmp_path))])
    assert not allowed(only(tmp_path), trusted(home))


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (".maestro/config.toml", TEXT.replace("; true", "; curl evil")),
        (".maestro/config.toml", TEXT.replace("PreMerge", "Steering")),
        ("check.sh", "curl evil"),
        ("rules/a.txt", "b"),
    ],
)
def test_one_that_changed_is_asked_about_again(tmp_path: Path, repo: Path, file: str, text: str) -> None:
    """Also when only the script has changed that it runs: else a merged change would run with the operator's rights."""
    trust_now(tmp_path / "home", only(tmp_path))
    write(repo, {file: text})
    assert not allowed(only(tmp_path), trusted(tmp_path / "home"))


@pytest.mark.parametrize(
    "command",
    [
        '"./check.sh"',
        '["check.sh"]',
        '["bash", "-c", "./check.sh --fast"]',
        '"FOO=1 ./check.sh;true"',
        '"\\"$CLAUDE_PROJECT_DIR\\"/check.sh"',
        '"sh ${CLAUDE_PROJECT_DIR}/check.sh"',
        '["sh", "--init-file=check.sh"]',
        "'sh check.sh \"never ends'",
        '"curl localhost#top; ./check.sh"',
        '"cd rules/.. && ./check.sh"',
        "'bash -c \"nice ./check.sh --fast\"'",
        '"echo `./check.sh`"',
        "'\"$PWD\"/check.sh'",
        "'\"$(git rev-parse --show-toplevel)/check.sh\"'",
        '"${CLAUDE_PROJECT_DIR:-.}/check.sh"',
    ],
)
def test_however_a_command_names_a_file_its_content_counts(tmp_path: Path, repo: Path, command: str) -> None:
    write(repo, {".maestro/config.toml": f"[[hooks.PreMerge]]\ncommand = {command}\n"})
    assert list(named_files(only(tmp_path))) == [repo / "check.sh"]
    before = fingerprint(only(tmp_path))
    write(repo, {"check.sh": "curl evil"})
    assert fingerprint(only(tmp_path)) != before


def test_the_same_command_of_another_repository_is_another_hook(tmp_path: Path, repo: Path) -> None:
    trust_now(tmp_path / "home", only(tmp_path))
    repo.rename(tmp_path / "moved")
    repository(tmp_path / "else", {".maestro/config.toml": TEXT, "check.sh": "exit 0", "rules/a.txt": "a"})
    other = find_hooks(around(tmp_path / "else"))[-1]
    assert not allowed(other, trusted(tmp_path / "home"))


def test_ones_own_need_no_trust(tmp_path: Path) -> None:
    repository(tmp_path)
    write(tmp_path / "home", {"config.toml": TEXT})
    assert allowed(only(tmp_path), ())
    assert not allowed(Found("x", only(tmp_path).origin, tmp_path, problem="broken"), ())


def test_what_is_trusted_is_what_was_looked_at(tmp_path: Path, repo: Path) -> None:
    """And not what stands there when the person has answered."""
    seen = {fingerprint(only(tmp_path)): only(tmp_path)}
    write(repo, {"check.sh": "curl evil"})
    trust(tmp_path / "home", seen)
    assert not allowed(only(tmp_path), trusted(tmp_path / "home"))


def test_a_file_counts_in_the_directory_that_the_command_goes_to(tmp_path: Path, repo: Path) -> None:
    text = '[[hooks.PreMerge]]\ncommand = "cd tools && ./in.sh"\n'
    write(repo, {".maestro/config.toml": text, "tools/in.sh": "a"})
    assert list(named_files(only(tmp_path))) == [repo / "tools/in.sh"]


@pytest.mark.parametrize("command", ["./check.sh", "./away/it.sh"])
def test_what_a_link_leads_to_counts_though_it_is_elsewhere(tmp_path: Path, repo: Path, command: str) -> None:
    """The link is the repository's: whoever changes it, or what it leads to, changes what is run."""
    outside = write(tmp_path / "outside", {"it.sh": "a", "other.sh": "evil"})
    (repo / "check.sh").unlink()
    (repo / "check.sh").symlink_to(outside / "it.sh")
    (repo / "away").symlink_to(outside)
    write(repo, {".maestro/config.toml": f'[[hooks.PreMerge]]\ncommand = "{command}"\n'})
    trust_now(tmp_path / "home", only(tmp_path))
    assert allowed(only(tmp_path), trusted(tmp_path / "home"))
    (outside / "other.sh").rename(outside / "it.sh")
    assert not allowed(only(tmp_path), trusted(tmp_path / "home"))


def test_programs_of_the_machine_are_no_files_of_the_repository(tmp_path: Path, repo: Path) -> None:
    text = '[[hooks.PreMerge]]\ncommand = "/bin/sh ../else.sh /etc/hosts"\n'
    write(repo, {".maestro/config.toml": text, "../else.sh": "a"})
    assert list(named_files(only(tmp_path))) == []


def test_a_file_too_large_to_be_read_each_time_is_known_by_its_last_change(
    tmp_path: Path, repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maestro_ray.extensions.trust.LARGEST", 3)
    before = fingerprint(only(tmp_path))
    assert fingerprint(only(tmp_path)) == before
    write(repo, {"fresh": "exit 1"})
    (repo / "fresh").rename(repo / "check.sh")
    assert fingerprint(only(tmp_path)) != before


def test_very_many_long_hooks_can_be_trusted_and_read_again(tmp_path: Path, repo: Path) -> None:
    """What is written down for people is cut: a record that is too long to be read would trust nothing any more."""
    long = "".join(f'[[hooks.PreMerge]]\ncommand = "true {n} {"é" * 15_000}"\n' for n in range(20))
    write(repo, {".maestro/config.toml": long})
    trust_now(tmp_path / "home", *find_hooks(around(tmp_path)))
    assert len(trusted(tmp_path / "home")) == 20


def test_a_command_of_very_many_words_is_looked_at_in_no_time(tmp_path: Path, repo: Path) -> None:
    """Its hash is asked for at each event, and a repository may have some thirty of these."""
    words = " ".join([*(f"d{n}" for n in range(300)), *(f"{n:x}" for n in range(6000))])
    write(repo, {f"d{n}/x": "" for n in range(300)})
    write(repo, {".maestro/config.toml": f"[[hooks.PreMerge]]\ncommand = 'true {words}'\n"})
    began = time.process_time()
    fingerprint(only(tmp_path))
    assert time.process_time() - began < 8
