from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from absent import absent

from maestro_cli.main import run
from maestro_ray.agent import sandbox


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("MAESTRO_HOME", str(home))
    return home


@pytest.fixture
def none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which no layer works."""
    monkeypatch.setattr(sandbox, "tried", lambda name: sandbox.Layer(name, works=False, why="not here"))


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    repo = tmp_path / "repo"
    repo.mkdir()
    who = ["-c", "user.name=x", "-c", "user.email=x@example.invalid"]
    subprocess.run(["git", "init", "-q"], cwd=repo, check=True)
    subprocess.run(["git", *who, "commit", "-q", "--allow-empty", "-m", "begin"], cwd=repo, check=True)
    monkeypatch.chdir(repo)
    return repo


def test_what_holds_here_is_shown(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sandbox", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in shown["layers"]] == ["bubblewrap", "landlock"]
    assert shown["layer"] == sandbox.layer("auto")
    assert shown["promises"]["others"] is (shown["layer"] != "")


def test_a_machine_without_any_layer_says_so(
    home: Path, none: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["sandbox"]) == 0
    shown = capsys.readouterr().out
    assert "bubblewrap  missing: not here" in shown
    assert "in use      nothing" in shown
    assert "no   maestro's own files cannot be read" in shown


def test_require_without_a_layer_is_exit_1(
    home: Path, none: None, repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "config.toml").write_text('[sandbox]\nmode = "require"\n')
    assert run(["sandbox"]) == 1
    assert run(["sandbox", "run", "--", "true"]) == 1
    assert "no sandbox works here: bubblewrap: not here; landlock: not here" in capsys.readouterr().err


def test_a_command_is_run_as_a_worker_of_the_role(home: Path, repo: Path) -> None:
    if not sandbox.layer("auto"):
        absent(sandbox.missing())
    assert run(["sandbox", "run", "--role", "review", "--", "touch", "it"]) != 0
    assert not (repo / "it").exists()
    assert run(["sandbox", "run", "--", "sh", "-c", "touch it; exit 7"]) == 7
    assert (repo / "it").exists()


def test_no_command_and_no_program_are_mistakes(
    home: Path, repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "config.toml").write_text('[sandbox]\nmode = "off"\n')
    assert run(["sandbox", "run"]) == 2
    assert run(["sandbox", "run", "--", "nothing-like-it"]) == 2
    assert "nothing-like-it cannot be run: No such file or directory" in capsys.readouterr().err
