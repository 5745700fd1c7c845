from __future__ import annotations

import json

import pytest
from workspace.sample import Sample

from maestro_cli import main

SECRET = "sk-live-0123456789abcdef0123"
SKILL = "---\nname: pdf\ndescription: Reads PDFs.\n---\nHow.\n"


@pytest.fixture
def repo(home, tmp_path, monkeypatch):
    """A repository with a role that has a definition and a skill."""
    sample = Sample.make(tmp_path / "repo")
    sample.commit(
        "extensions",
        **{
            ".maestro/config.toml": '[roles.dev]\nagent = "careful"\nskills = ["pdf"]\n',
            ".maestro/agents/careful.md": "---\nname: careful\ndescription: d\n---\nTake care.\n",
            ".maestro/skills/pdf/SKILL.md": SKILL,
            ".maestro/skills/bad/SKILL.md": "no head",
        },
    )
    monkeypatch.chdir(sample.path)
    return sample


def shown(capsys, *words):
    assert main.run(["system-prompt", "--json", *words]) == 0
    return json.loads(capsys.readouterr().out)


def test_it_is_what_a_developer_would_be_told(repo, capsys):
    told = shown(capsys, "--task", "Add a flag")
    assert (told["kind"], told["role"], told["purpose"], told["agent"]) == (
        "system-prompt",
        "dev",
        "execute",
        "careful",
    )
    assert told["skills"] == ["pdf"]
    prompt = told["prompt"]
    assert "## Your part in it\nTake care.\n" in prompt
    assert f"- pdf: Reads PDFs. ({repo.path}/.maestro/skills/pdf/SKILL.md)" in prompt
    assert "Title: Add a flag\n" in prompt
    assert repo.git("rev-parse", "main") in prompt
    assert "OPERATOR STEERING" not in prompt
    assert prompt.endswith("\n")


def test_each_role_has_its_own(repo, capsys):
    assert "VERDICT: APPROVED" in shown(capsys, "--role", "review")["prompt"]
    assert shown(capsys, "--role", "test")["agent"] == ""


def test_a_team_that_runs_adds_its_plan_and_what_is_steered(repo, daemon, capsys):
    plan = {"title": "The plan", "test": "make check"}
    daemon.answers |= {
        "team.status": lambda *_: [{"name": "m-1", "plans": [plan]}],
        "steering.list": lambda *_: {
            "m-1": [
                {"id": "1", "text": f"Keep it small, {SECRET}.", "state": "active"},
                {"id": "2", "text": "Long over.", "state": "cleared"},
            ]
        },
    }
    told = shown(capsys)
    assert (told["team"], told["directives"]) == ("m-1", 1)
    for words in ("The plan", "    $ make check", "[OPERATOR STEERING]", "Keep it small"):
        assert words in told["prompt"]
    assert "Long over" not in told["prompt"]
    assert SECRET not in told["prompt"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--role", "docs"], "there is no worker role 'docs'"),
        (["--skill", "pfd"], "pfd"),
        (["--skill", "bad"], "the skill 'bad' is broken"),
        (["--skill", "a,,b"], "the name of a skill is empty"),
    ],
)
def test_what_is_not_there_is_said(repo, capsys, words, said):
    assert main.run(["system-prompt", *words]) in (1, 2)
    assert said in capsys.readouterr().err


def test_it_changes_nothing_and_starts_nothing(repo, home, capsys):
    assert main.run(["system-prompt"]) == 0
    assert capsys.readouterr().out.startswith("You are the dev of a team")
    assert not home.daemon_socket.exists()
    assert repo.git("status", "--porcelain") == ""
