from __future__ import annotations

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
