"""Daemons, homes and sockets: what starts, what refuses to, and what is left afterwards."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
from pathlib import Path

import pytest
from e2e.machine import Machine

from maestro_ray.home import Home

pytestmark = [pytest.mark.e2e]


def start_studio(machine: Machine) -> dict[str, str]:
    """The cheapest thing that needs a daemon: it comes up without Ray."""
    return machine.json("studio", "info")


def test_a_stopped_daemon_leaves_nothing(machine):
    start_studio(machine)
    assert machine.processes()
    stopped = machine.run("daemon", "stop")

    assert stopped.returncode == 0
    assert stopped.stdout.splitlines()[-1].startswith("stopped, pid ")
    assert machine.processes() == []
    assert machine.json("daemon", "stop")["status"] == "not_running"


def test_a_stale_socket_is_no_daemon(machine):
    """A SIGKILLed daemon leaves its socket; the next command is not fooled and starts another."""
    start_studio(machine)
    daemon = machine.json("status")["daemon"]["pid"]
    os.kill(daemon, signal.SIGKILL)
    machine.until(lambda: not Path(f"/proc/{daemon}").exists())
    assert Home.find(machine.env).daemon_socket.exists()
    assert machine.json("status")["status"] == "not_running"

    start_studio(machine)
    assert machine.json("status")["daemon"]["pid"] != daemon


def test_stopping_also_ends_what_a_killed_daemon_left(machine):
    start_studio(machine)
    os.kill(machine.json("status")["daemon"]["pid"], signal.SIGKILL)
    assert machine.until(lambda: [words for _, words in machine.processes() if "maestro_ray.studio" in words])
    stopped = machine.run("daemon", "stop")

    assert stopped.returncode == 0, stopped.stderr
    assert machine.processes() == []


def test_a_second_daemon_says_who_is_first(machine):
    start_studio(machine)
    first = machine.json("status")["daemon"]["pid"]
    second = machine.run("daemon", "run")

    assert second.returncode == 1
    assert second.stderr.splitlines() == [
        f"error: a maestro daemon is already running for this state directory (pid {first})",
        "hint: use it as it is, or stop it with `maestro daemon stop`",
    ]
    assert machine.json("status")["daemon"]["pid"] == first


def test_ten_commands_at_once_start_one_daemon(machine):
    commands = [machine.begin("studio", "info", "--json") for _ in range(10)]
    answers = [json.loads(command.communicate(timeout=120)[0]) for command in commands]

    assert {answer["url"] for answer in answers} == {answers[0]["url"]}
    assert [command.returncode for command in commands] == [0] * 10
    assert sum("maestro_ray.daemon" in words for _, words in machine.processes()) == 1


def test_a_port_that_is_taken_is_named(machine):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        machine.home.mkdir(exist_ok=True)
        (machine.home / "config.toml").write_text(f"[studio]\nport = {port}\n")
        refused = machine.run("studio", "info")

    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        f"error: port {port} on 127.0.0.1 is in use by another program",
        "hint: stop that program, or choose another port: [studio] port = N in config.toml",
    ]
    assert start_studio(machine)["url"].endswith(f":{port}")


def test_the_port_stays_the_same_over_a_restart(machine):
    first = start_studio(machine)
    machine.run("daemon", "stop")

    assert start_studio(machine) == first


def test_a_broken_configuration_is_named_with_its_place_and_not_touched(machine):
    machine.home.mkdir(exist_ok=True)
    text = '[studio]\nport = "no"\n'
    (machine.home / "config.toml").write_text(text)
    refused = machine.run("studio", "info")

    assert refused.returncode == 2
    assert f"{machine.home}/config.toml:2:1: 'port' must be a whole number" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert (machine.home / "config.toml").read_text() == text
    assert machine.processes() == []


def test_a_home_that_cannot_be_written_is_named(machine):
    (machine.directory / "file").write_text("not a directory")
    refused = machine.run("studio", "info", MAESTRO_HOME=str(machine.directory / "file" / "home"))

    assert refused.returncode == 1
    assert refused.stderr.splitlines()[0].startswith(f"error: cannot write to {machine.directory}/file")
    assert refused.stderr.splitlines()[1].startswith("hint: ")


def test_a_very_long_home_works_and_is_private(tmp_path_factory):
    directory = tmp_path_factory.mktemp("m")
    machine = Machine(directory, directory / ("long-" * 18) / ("deep-" * 18))
    try:
        start_studio(machine)
        ours = Home.find(machine.env).daemon_socket
        assert not ours.is_relative_to(machine.home)
        assert machine.json("status")["daemon"]["home"] == str(machine.home)
        assert stat.S_IMODE(ours.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(ours.stat().st_mode) == 0o600
    finally:
        machine.close()


def test_studio_that_is_killed_is_started_again(machine):
    before = start_studio(machine)
    pid = machine.json("status")["daemon"]["studio"]["pid"]
    os.kill(pid, signal.SIGKILL)

    def again():
        studio = machine.json("status")["daemon"]["studio"]
        return studio and studio["pid"] != pid

    machine.until(again)
    assert start_studio(machine) == before


@pytest.mark.ray
def test_ray_that_is_missing_is_named(machine):
    (machine.directory / "shadow" / "ray").mkdir(parents=True)
    (machine.directory / "shadow" / "ray" / "__init__.py").write_text(
        "raise ImportError('no module named ray')\n"
    )
    machine.env["PYTHONPATH"] = f"{machine.directory / 'shadow'}:{machine.env['PYTHONPATH']}"
    refused = machine.run("daemon", "start")

    assert refused.returncode == 1
    assert "error: Ray cannot be used: no module named ray" in refused.stderr
    assert "hint: install it beside maestro" in refused.stderr


@pytest.mark.ray
def test_two_homes_run_side_by_side(tmp_path_factory):
    """Two daemons, two Studios, two Rays, two teams on one repository; ending one leaves the other alone."""
    directory = tmp_path_factory.mktemp("m")
    one, two = Machine(directory, directory / "one"), Machine(directory, directory / "two")
    repo = one.repository()
    script = directory / "script.toml"
    script.write_text("[[turns]]\n[[turns.steps]]\nwait = 600\n")
    words = ("team", "--dev", "1", "--detach", "--provider", f"dev=scripted:{script}")
    try:
        teams = [machine.json(*words, cwd=repo)["team"]["name"] for machine in (one, two)]
        assert teams[0] != teams[1]
        assert [len(machine.json("status")["connections"]["teams"]) for machine in (one, two)] == [1, 1]
        one.close()
        assert two.json("team", "status", cwd=repo)["teams"][0]["state"] == "active"
    finally:
        one.close()
        two.close()


@pytest.mark.ray
def test_everything_listens_on_loopback_only(shared):
    shared.json("daemon", "start")
    pids = {pid for pid, _ in shared.processes()}
    inodes = {inode for pid in pids for inode in _socket_inodes(pid)}
    listening = [
        line.split()
        for kind in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]
    ]
    ours = {row[1].partition(":")[0] for row in listening if row[3] == "0A" and row[9] in inodes}

    assert ours
    # 127.0.0.1, and the same as an IPv6 address
    assert ours <= {"0100007F", "0000000000000000FFFF00000100007F"}


def _socket_inodes(pid: int) -> set[str]:
    try:
        links = [str(Path(f"/proc/{pid}/fd/{fd}").readlink()) for fd in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return set()
    return {link[8:-1] for link in links if link.startswith("socket:[")}


@pytest.mark.ray
def test_a_daemon_that_is_killed_while_ray_boots_leaves_no_second_node(machine):
    """The boot goes on by itself; the next daemon ends it and what it started, and has one node of its own."""

    def node():
        names = [Path(words.split()[0]).name for _, words in machine.processes()]
        return sorted(name for name in names if name in ("gcs_server", "raylet"))

    starting = machine.begin("daemon", "start")
    machine.until(lambda: "raylet" in node())
    os.kill(int((Home.find(machine.env).run / "daemon.lock").read_text()), signal.SIGKILL)
    starting.communicate(timeout=120)
    assert starting.returncode == 1

    machine.json("daemon", "start")
    assert node() == ["gcs_server", "raylet"]


@pytest.mark.ray
def test_a_restart_replaces_every_process_and_loses_no_team(shared):
    """Who watches goes on too. Red with `keep_teams` not passed on by `daemon.stop`."""
    repo = shared.repository("repo-restart")
    gate, script = shared.directory / "restart-gate", shared.directory / "restart.toml"
    script.write_text(
        f'[[turns]]\n[[turns.steps]]\nedit = "a.txt"\ntext = "a"\n[[turns.steps]]\nuntil = "{gate}"\n'
    )
    name = shared.json(
        "team", "--dev", "1", "--review", "1", "--task", "Write a", "--detach", "--provider",
        f"dev=scripted:{script}", "--provider", "review=command:echo VERDICT: APPROVED", cwd=repo,
    )["team"]["name"]  # fmt: skip
    shared.until(shared.agents)
    watching = shared.begin("team", "watch", name)
    before = {pid for pid, _ in shared.processes()} - {watching.pid}
    shared.json("daemon", "restart")
    assert not before & {pid for pid, _ in shared.processes()}
    gate.touch()
    said, _ = watching.communicate(timeout=120)

    assert watching.returncode == 0, said
    assert shared.git(repo, "show", "main:a.txt") == "a"
    subjects = shared.git(repo, "log", "--format=%s", "main").splitlines()
    assert sorted(subjects) == ["Begin: Write a", "Merge: Write a", "Release: Write a", "Write a", "begin"]


@pytest.mark.ray
@pytest.mark.parametrize("victim", ["raylet", "gcs_server"])
def test_ray_that_is_killed_comes_back_with_its_team(shared, victim):
    """The daemon sees the death, ends the rest of the node and starts another; the team is there again."""
    repo = shared.directory / "repo-again"
    if not repo.exists():
        shared.repository("repo-again")
    script = shared.directory / "again.toml"
    script.write_text("[[turns]]\n[[turns.steps]]\nwait = 600\n")
    name = shared.json("team", "--dev", "1", "--detach", "--provider", f"dev=scripted:{script}", cwd=repo)[
        "team"
    ]["name"]
    before = {
        each["name"]: each["pid"] for each in shared.json("team", "status", name)["teams"][0]["workers"]
    }
    (pid,) = (pid for pid, words in shared.processes() if Path(words.split()[0]).name == victim)
    os.kill(pid, signal.SIGKILL)

    def back():
        asked = shared.run("status", "--json")
        answer = json.loads(asked.stdout)
        if not answer["teams_known"]:
            # a script that waits for the end of the team must not take this for it
            assert (asked.returncode, answer["status"]) == (1, "unknown")
            return False
        teams = answer["connections"]["teams"]
        workers = teams[0]["workers"] if teams else []
        return bool(workers) and all(
            each["state"] == "up" and each["pid"] not in before.values() for each in workers
        )

    shared.until(back, within=90, pause=0.5)
    assert shared.run("team", "stop", name).returncode == 0
