"""The actors inside real Ray processes: any one of them may be killed in the middle of the work."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

pytestmark = [pytest.mark.ray, pytest.mark.e2e]

SCRIPT = """
[[turns]]
[[turns.steps]]
edit = "greeting.txt"
text = "hello again\\n"
[[turns.steps]]
until = "{gate}"
"""
REVIEW = "review=command:sh -c 'grep -q hello greeting.txt && echo VERDICT: APPROVED'"


def member(machine, repo, name):
    workers = machine.json("team", "status", cwd=repo)["teams"][0]["workers"]
    return next(each for each in workers if each["name"] == name)


def connections_pid(machine):
    (pid,) = (pid for pid, words in machine.processes() if words.startswith("ray::ConnectionsActor"))
    return pid


@pytest.mark.parametrize("victim", ["dev-1", "lead", "channel", "connections"])
def test_a_plan_completes_once_whichever_actor_is_killed(shared, victim, tmp_path):
    """Its agent is gone, its run is handed out again under a new epoch or goes on, and each thing happens once."""
    repo = shared.repository(f"kill-{victim}")
    gate = tmp_path / "gate"
    script = tmp_path / "script.toml"
    script.write_text(SCRIPT.format(gate=gate))
    started = shared.json("team", "--dev", "1", "--review", "1", "--task", "Greet again", "--detach",
                          "--provider", f"dev=scripted:{script}", "--provider", REVIEW, cwd=repo)  # fmt: skip
    (agent,) = shared.until(lambda: [pid for pid in shared.agents() if "scripted_agent" in _words(pid)])
    pid = connections_pid(shared) if victim == "connections" else member(shared, repo, victim)["pid"]
    os.kill(pid, signal.SIGKILL)
    if victim == "dev-1":
        shared.until(lambda: not _alive(agent))
    shared.until(lambda: _back(shared, repo, victim, pid), within=60)
    gate.touch()
    watched = shared.run("team", "watch", started["team"]["name"], cwd=repo)

    assert watched.returncode == 0, watched.stdout + watched.stderr
    assert re.search(r"^Greet again +completed ", watched.stdout, re.M)
    assert shared.git(repo, "show", "main:greeting.txt") == "hello again\n"
    subjects = shared.git(repo, "log", "--format=%s", "main").splitlines()
    assert sorted(subjects) == [
        "Begin: Greet again",
        "Greet again",
        "Merge: Greet again",
        "Release: Greet again",
        "begin",
    ]
    assert shared.agents() == []
    assert shared.worktrees() == []


def test_a_run_that_was_cut_goes_on_where_it_was(shared, tmp_path):
    """Its files and its agent's session are there, whichever worker takes it up.

    Red with `take_up` in the workbench's `_own` taken out, and with the session not named.
    """
    repo = shared.repository("cut")
    gate, count = tmp_path / "gate", tmp_path / "count"
    script = tmp_path / "script.toml"
    script.write_text(
        "\n[[turns.steps]]\n".join(
            ["[[turns]]", f'run = "echo once >> {count}; echo half > greeting.txt"', f'until = "{gate}"',
             'edit = "greeting.txt"\nreplace = "half"\nwith = "whole"']
        )
    )  # fmt: skip
    started = shared.json("team", "--dev", "2", "--review", "1", "--task", "Greet again", "--detach",
                          "--provider", f"dev=scripted:{script}",
                          "--provider", "review=command:echo VERDICT: APPROVED", cwd=repo)  # fmt: skip
    shared.until(lambda: any((tree / "greeting.txt").read_text() == "half\n" for tree in shared.worktrees()
                             if (tree / "greeting.txt").exists()))  # fmt: skip
    (busy,) = (each for each in _teams(shared)[0]["workers"] if each["run"] and each["name"] != "lead")
    os.kill(busy["pid"], signal.SIGKILL)
    shared.until(lambda: _resumed(shared, repo))
    gate.touch()
    watched = shared.run("team", "watch", started["team"]["name"], cwd=repo)

    assert watched.returncode == 0, watched.stdout + watched.stderr
    assert "goes on where it was cut" in watched.stdout
    assert count.read_text() == "once\n"
    assert shared.git(repo, "show", "main:greeting.txt") == "whole\n"
    assert shared.git(repo, "for-each-ref", "refs/maestro") == ""


def _resumed(machine, repo):
    return "goes on where it was cut" in machine.run("team", "logs", cwd=repo).stdout


def _words(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def _alive(pid):
    return bool(_words(pid))


def _back(machine, repo, victim, pid):
    status = machine.status()
    if not status.get("connections"):
        return False
    if victim == "connections":
        return connections_pid(machine) != pid and status["connections"]["studio"]["connected"]
    now = member(machine, repo, victim)
    return now["state"] == "up" and now["pid"] != pid


def test_a_slot_that_is_blank_again_serves_the_next_team(shared):
    """The pool is used again: the second team starts in the processes of the first."""
    repo = shared.repository("again")
    pids = []
    for _ in range(2):
        answer = shared.json("team", "--dev", "2", "--detach", "--provider", "dev=command:true", cwd=repo)
        pids.append({each["pid"] for each in answer["workers"]})
        shared.json("team", "stop", answer["team"]["name"])
        shared.until(lambda: _pool_is_full(shared))

    assert pids[0] & pids[1]


def _pool_is_full(machine):
    pool = machine.status()["connections"]["pool"]
    return pool["blank"] >= pool["size"]


def test_a_gcs_that_hangs_holds_up_nobody_who_does_not_need_it(shared):
    """Ray's look-ups wait for it without a limit; Connections answers, and goes on when it does."""
    repo = shared.repository("hangs")
    shared.json("daemon", "start")
    (gcs,) = (pid for pid, words in shared.processes() if Path(words.split()[0]).name == "gcs_server")
    os.kill(gcs, signal.SIGSTOP)
    try:
        # more slots than the pool has: these must be made and looked up
        starting = shared.begin(
            "team", "--dev", "5", "--detach", "--json", "--provider", "dev=command:true", cwd=repo
        )
        shared.until(lambda: any(not team["plans"] for team in _teams(shared)))
        for _ in range(3):
            assert shared.json("status")["connections"] is not None
    finally:
        os.kill(gcs, signal.SIGCONT)
    said, _ = starting.communicate(timeout=120)

    assert starting.returncode == 0, said
    assert shared.json("team", "stop", cwd=repo)["teams"]


def _teams(machine):
    status = machine.json("status")
    assert status["connections"] is not None, status
    return status["connections"]["teams"]
