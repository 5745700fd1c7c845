from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from maestro_cli import main

ROOT = Path(__file__).parents[3]
TEAM = {"name": "m-1", "id": "1"}


async def forever(_params, notify):
    notify("team.event", {"n": 1, "kind": "worker.joined", "sender": "channel", "body": {"worker": "dev-9"}})
    await asyncio.Event().wait()


@pytest.fixture
def team(daemon):
    """A team that somebody else began, which a worker may join."""
    daemon.answers |= {
        "team.status": lambda *_: [TEAM],
        "team.start": lambda *_: {"team": TEAM},
        "team.join": lambda *_: {"team": "m-1", "worker": {"name": "dev-9", "pid": 1}},
        "team.watch": forever,
        "team.leave": lambda *_: {},
        "team.stop": lambda *_: [],
    }
    return daemon


@pytest.fixture
def leave(home, tmp_path):
    """Connect from a process of its own, and leave it with a signal; the exit code and what it said."""

    def run(number, *words):
        env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'cli'}", "MAESTRO_HOME": str(home.root)}
        argv = [sys.executable, "-m", "maestro_cli.main", "connect", "--no-tui", *words]
        # who runs the tests may have told all its children to pass over a hang-up
        heard = {"preexec_fn": lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL)}
        with subprocess.Popen(
            argv, cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True, **heard
        ) as process:
            try:
                told = ""
                while "joined the team" not in told:
                    told += process.stdout.readline()
                process.send_signal(number)
                told += process.stdout.read()
                return process.wait(60), told
            finally:
                process.kill()  # one that takes no signal would be waited for without end

    return run


WORKER = ["--role", "worker", "--provider", "dev=command:true", "--with-skill", "python:4,sql"]


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_an_ephemeral_session_ends_with_its_terminal(team, leave, number):
    code, told = leave(number, "--ephemeral", *WORKER)

    assert (code, told.splitlines()[-1]) == (130, "the session has ended")
    calls = dict(team.asked)
    assert calls["team.leave"] == {"team": "m-1", "worker": "dev-9"}
    assert calls["team.join"]["skills"] == ["python:4", "sql"]


def test_another_session_goes_on(team, leave):
    assert "the session goes on" in leave(signal.SIGINT, *WORKER)[1]
    assert "team.leave" not in dict(team.asked)


def test_a_guest_ends_nobody_elses_team(team, leave):
    assert leave(signal.SIGHUP, "--ephemeral")[1].endswith("left; the team goes on\n")
    assert "team.stop" not in dict(team.asked)


def test_a_lead_of_its_own_ends_its_team(team, leave):
    team.answers["team.status"] = lambda *_: []
    leave(signal.SIGTERM, "--ephemeral")
    assert dict(team.asked)["team.stop"] == {"team": "m-1"}


def test_words_that_mean_nothing_to_a_lead(capsys, team):
    assert main.run(["connect", "--no-tui", "--with-skill", "python"]) == 2
    assert team.asked == []
