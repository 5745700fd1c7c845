from __future__ import annotations

import json

import pytest

from maestro_cli import main
from maestro_cli.commands.status import age, team_text


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("MAESTRO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_nothing_is_started_for_a_question(capsys, home):
    assert main.run(["status"]) == 0
    assert capsys.readouterr().out == "the daemon is not running; `maestro team …` starts it\n"
    assert main.run(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "not_running"
    assert not home.exists()


def test_a_team_is_shown_with_the_age_of_each_sign_of_life():
    team = {
        "name": "maestro-1",
        "state": "active",
        "project": "local:m/x",
        "plans": [{"title": "Work", "status": "active", "done": 1, "tasks": 3, "waiting": "main is\ndirty"}],
        "workers": [
            {"name": "lead", "state": "up", "pid": 7, "lease_age": 0.24, "run": None},
            {
                "name": "dev-1",
                "state": "up",
                "pid": 8,
                "lease_age": 1.0,
                "run": {"purpose": "execute", "task": "Do"},
            },
            {"name": "dev-2", "state": "down", "pid": 0, "lease_age": None, "run": None},
        ],
    }

    assert team_text(team) == (
        "team maestro-1  active  local:m/x\n"
        "plan Work: active, 1 of 3 tasks done\n"
        "     waits: main is dirty\n"
        "member  state  pid  seen  doing\n"
        "lead    up     7    0.2s  idle\n"
        "dev-1   up     8    1.0s  execute: Do\n"
        "dev-2   down   -    -     idle"
    )


def test_ages():
    assert [age(seconds) for seconds in (0.4, 59, 60, 7200, 200000)] == ["0s", "59s", "1m", "2h", "2d"]
