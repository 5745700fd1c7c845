from __future__ import annotations

import pytest

from maestro_cli import main

FILES = [".maestro/config.toml", ".maestro/skills/.gitkeep", ".maestro/agents/.gitkeep", "MAESTRO.md"]


@pytest.fixture
def init(sample, capsys):
    def run(*words):
        code = main.run(["-C", str(sample.path), "init", *words])
        return (code, *capsys.readouterr())

    return run


def test_what_is_missing_is_made_and_what_is_there_is_kept(init, sample):
    sample.commit("more", Makefile="test:\n")
    sample.write("MAESTRO.md", "mine")
    assert init() == (0, "".join(f"created {name}\n" for name in FILES[:3]) + "kept MAESTRO.md\n", "")
    assert (sample.path / "MAESTRO.md").read_text() == "mine"
    (sample.path / "MAESTRO.md").unlink()
    (sample.path / FILES[0]).write_text("# mine\n")
    assert init() == (0, "created MAESTRO.md\n" + "".join(f"kept {name}\n" for name in FILES[:3]), "")
    assert (sample.path / FILES[0]).read_text() == "# mine\n"
    assert "## How it is tested\n\n`make test`\n" in (sample.path / "MAESTRO.md").read_text()


def test_a_dry_run_makes_nothing(init, sample):
    code, out, _ = init("--dry-run")
    assert (code, out) == (0, "".join(f"would create {name}\n" for name in FILES))
    assert sample.git("status", "--porcelain") == ""


def test_what_is_made_is_valid_and_changes_nothing(init, sample, home, capsys):
    init()
    from maestro_ray.config import Config

    assert Config.load(home, sample.path) == Config.load(home)
    assert main.run(["-C", str(sample.path), "skills", "validate"]) == 0
    assert capsys.readouterr().out.startswith("0 skills")


def test_a_link_that_leads_elsewhere_is_not_followed(init, sample, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (sample.path / ".maestro").symlink_to(tmp_path / "elsewhere")
    code, _, err = init()
    assert code == 2
    assert "is a link that leads out of the repository" in err
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_outside_of_a_repository_there_is_nothing_to_make(tmp_path, capsys):
    assert main.run(["-C", str(tmp_path), "init"]) == 1
    assert "error: " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_is_in_the_way_is_said(init, sample):
    (sample.path / ".maestro").write_text("mine")
    code, out, err = init()
    assert (code, out, err.startswith("error: cannot write to")) == (1, "", True), err
    assert (sample.path / ".maestro").read_text() == "mine"


def test_a_branch_without_a_commit_has_no_test_command_yet(init, sample):
    sample.git("checkout", "-q", "--orphan", "fresh")
    assert init()[0] == 0
    assert "Write here the command" in (sample.path / "MAESTRO.md").read_text()
