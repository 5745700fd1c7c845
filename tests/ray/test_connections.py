"""One actor for each project's connection, inside real Ray processes: one of them dies, and nothing is lost or doubled."""

from __future__ import annotations

import os
import re
import signal

import pytest
from e2e.machine import Machine

from .test_runtime import REVIEW, SCRIPT, connections_pid

pytestmark = [pytest.mark.ray, pytest.mark.e2e]


@pytest.fixture
def machine(tmp_path_factory):
    machine = Machine(tmp_path_factory.mktemp("m"))
    machine.home.mkdir(mode=0o700, exist_ok=True)
    (machine.home / "config.toml").write_text('[ray]\nconnections_per_actor = 1\n[sandbox]\nmode = "off"\n')
    machine.json("daemon", "start")
    yield machine
    machine.close()


def held(machine):
    """`project -> (pid, connected)`, as status says."""
    connections = (machine.status().get("connections") or {}).get("connections", [])
    return {each["project"]: (each["pid"], each["connected"]) for each in connections}


def test_with_one_for_each_actor_every_project_has_an_actor_of_its_own(machine, tmp_path):
    gate, script = tmp_path / "gate", tmp_path / "script.toml"
    script.write_text(SCRIPT.format(gate=gate))
    repos = [machine.repository(name) for name in ("first", "second")]
    teams = [
        machine.json("team", "--dev", "1", "--review", "1", "--task", "Greet again", "--detach",
                     "--provider", f"dev=scripted:{script}", "--provider", REVIEW, cwd=repo)["team"]["name"]
        for repo in repos
    ]  # fmt: skip
    machine.until(lambda: len(machine.agents()) >= 2)
    machine.until(lambda: all(connected for _, connected in held(machine).values()))
    (_, (here, _)), (key, (there, _)) = held(machine).items()
    assert here == connections_pid(machine) != there
    assert next(words for pid, words in machine.processes() if pid == there).startswith("ray::SlotActor")

    os.kill(there, signal.SIGKILL)
    machine.until(lambda: (now := held(machine).get(key)) and now[0] != there and now[1])
    gate.touch()
    for repo, team in zip(repos, teams, strict=True):
        watched = machine.run("team", "watch", team, cwd=repo)
        assert watched.returncode == 0, watched.stdout + watched.stderr
        assert re.search(r"^Greet again +completed ", watched.stdout, re.M)
        assert machine.git(repo, "log", "--format=%s", "main").splitlines().count("Merge: Greet again") == 1
    machine.until(lambda: held(machine) == {})
    assert machine.agents() == []
