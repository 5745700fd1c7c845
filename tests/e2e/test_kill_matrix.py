"""The kill matrix: SIGKILL in the middle of the work, and nothing is lost, doubled, stuck or left behind.

Each victim's line in VICTIMS says with what switched off its row was seen red. The rows of a full disk, a clock, a power
cut and of deliveries out of order need no process to be killed: `tests/disk`, `tests/actors/test_full_disk.py`,
`test_clock_jump.py` and `test_connections.py` there. All rows together, drawn at random, are `python -m tests.chaos`.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from chaos import victims
from chaos.victims import words_of
from e2e.machine import Machine

from maestro_ray.connection.call import Line
from maestro_ray.errors import MaestroError
from maestro_ray.home import Home

pytestmark = [pytest.mark.ray, pytest.mark.e2e, pytest.mark.timeout(300)]

# two developers at work, each with a program below it that has a session of its own and takes no hint
DEVELOP = """
trap '' TERM INT HUP
setsid sh -c 'trap "" TERM INT HUP; while :; do sleep 1; done' >/dev/null 2>&1 &
echo $MAESTRO_KEY > $MAESTRO_KEY.txt
while [ ! -e {gate} ]; do sleep 0.1; done
"""
PLAN = 'title = "Both"\n[[tasks]]\nid = "one"\ntitle = "one"\n[[tasks]]\nid = "two"\ntitle = "two"\n'
DIRECTIVE = "Mind the gap"
HISTORY = ["Begin: Both", "Merge: one", "Merge: two", "Release: Both", "begin", "one", "two"]

# victim: what was switched off when its row was red
VICTIMS = {
    "agent": "a command ended by a signal is a failure that may be tried again (`providers/command.py`)",
    "shim": "`AgentProcess._finish_for_the_shim` ends what the shim left",
    "worker": "`Connections.member_died` interrupts its runs, `_member_is_up` gives them to its next life, and what Studio "
    "says is compared again and again: all of them, for any is enough",
    "lead": "`max_restarts` of `actors/runtime.py`",
    "channel": "the channel reads its journal when it begins (`actors/channel.py`)",
    "connections": "`Connections` reads its journal when it begins (`actors/ledger.py`)",
    "raylet": "`Watched._watch` starts Ray again",
    "gcs": "`Watched._watch` starts Ray again",
    "daemon": "`Watched.adopt` takes over what a daemon that died has left",
    "studio": "`Watched._watch` starts Studio again",
    "cli": "nothing: no protection is needed, for a team does not belong to who watches it",
}


@dataclass
class Scene:
    """A team in the middle of its work, behind a gate."""

    machine: Machine
    repo: Path
    gate: Path
    team: str

    @classmethod
    def begin(cls, machine: Machine, name: str, directory: Path, devs: int = 2) -> Scene:
        repo, gate = machine.repository(name), directory / "gate"
        (directory / "plan.toml").write_text(PLAN)
        (directory / "develop.sh").write_text(DEVELOP.format(gate=gate))
        started = machine.json(
            "team", "--dev", str(devs), "--review", "1", "--plan", str(directory / "plan.toml"), "--detach",
            "--provider", f"dev=command:sh {directory / 'develop.sh'}",
            "--provider", "review=command:echo VERDICT: APPROVED", cwd=repo,
        )  # fmt: skip
        scene = cls(machine, repo, gate, started["team"]["name"])
        machine.until(lambda: scene.at_work() == 2)
        machine.json("steer", DIRECTIVE, cwd=repo)
        return scene

    def at_work(self) -> int:
        """How many developers have written their file and wait."""
        return sum(
            1 for tree in self.machine.worktrees() for key in ("one", "two") if (tree / f"{key}.txt").exists()
        )

    def find(self, kind: str) -> list[int]:
        if kind == "cli":
            return [pid for pid, words in self.machine.processes() if "maestro_cli.main team watch" in words]
        if kind == "worker":
            return [each["pid"] for each in self.workers() if each["name"].startswith("dev-") and each["pid"]]
        return victims.KINDS[kind](self.machine)

    def workers(self) -> list[dict[str, Any]]:
        return list(self.machine.json("team", "status", self.team, cwd=self.repo)["teams"][0]["workers"])

    def events(self) -> list[dict[str, Any]]:
        """What has happened in the team since Connections began its life."""
        return list(self.machine.json("team", "logs", self.team, cwd=self.repo)["events"])

    def lost(self, after: int = 0) -> set[str]:
        """Who was told as lost since so many events."""
        return {each["worker"] for each in self.events()[after:] if each.get("kind") == "worker.lost"}

    def tree_of(self, worker: int) -> list[int]:
        """The processes that carry the mark of this worker's run."""
        (run,) = (each["run"]["id"] for each in self.workers() if each["pid"] == worker)
        return [pid for pid in self.machine.agents() if run and f":{run}".encode() in _environ(pid)]

    def end(self) -> None:
        """Open the gate and see the plan to its end: each thing is there once, and nothing else is there."""
        assert self.machine.until(self.directives) == [DIRECTIVE]
        self.gate.touch()
        watched = self.machine.run("team", "watch", self.team, cwd=self.repo, timeout=200)
        assert watched.returncode == 0, watched.stdout + watched.stderr
        subjects = self.machine.git(self.repo, "log", "--format=%s", "main").splitlines()
        assert sorted(subjects) == HISTORY, "a commit is lost or doubled"
        assert (
            self.rows("SELECT state FROM runs WHERE state IN ('queued', 'dispatched', 'running', 'paused')")
            == []
        )
        succeeded = self.rows(
            "SELECT t.title, r.purpose FROM runs r JOIN tasks t ON t.id = r.task_id JOIN plans p ON p.id = t.plan_id "
            "JOIN teams m ON m.id = p.team_id WHERE m.name = ? AND r.state = 'succeeded'",
            self.team,
        )
        assert set(Counter(succeeded).values()) == {1}, succeeded
        assert len(succeeded) == 6
        numbers = self.rows(
            "SELECT number FROM messages m JOIN teams t ON t.id = m.team_id WHERE t.name = ? ORDER BY 1",
            self.team,
        )
        assert [number for (number,) in numbers] == [*range(1, len(numbers) + 1)], "a message is lost"
        self.machine.until(lambda: not self.machine.agents(), within=20)
        assert self.machine.worktrees() == []

    def directives(self) -> list[str]:
        """Those the team's channel holds; none while it cannot be asked."""
        with suppress(MaestroError), Line(Home.find(self.machine.env).daemon_socket) as line:
            return [each["text"] for each in line.call("steering.list", team=self.team)[self.team]]
        return []

    def rows(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        database = Home.find(self.machine.env).studio_database
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=20)) as connection:
            return connection.execute(query, values).fetchall()


@pytest.fixture(autouse=True)
def ends_its_teams(shared):
    """A row that is red must not make the next one red."""
    yield
    shared.run("disconnect", "--all")


@pytest.mark.parametrize("victim", VICTIMS)
def test_whatever_is_killed_the_plan_comes_to_its_end_once(shared, victim, tmp_path):
    """Red with that switched off which the victim's line in VICTIMS names."""
    scene = Scene.begin(shared, f"kill-{victim}", tmp_path)
    if victim == "cli":
        shared.begin("team", "watch", scene.team, cwd=scene.repo)
        shared.until(lambda: scene.find("cli"))
    pid = scene.find(victim)[0]
    below = scene.tree_of(pid) if victim == "worker" else _below(shared, pid) if victim == "shim" else []
    assert below or victim not in ("worker", "shim")
    os.kill(pid, signal.SIGKILL)
    shared.until(lambda: not words_of(pid))
    shared.until(lambda: not any(map(words_of, below)), within=20)
    if victim == "daemon":
        shared.json("daemon", "start")
    if victim not in ("agent", "shim", "cli"):
        shared.until(lambda: scene.find(victim) and pid not in scene.find(victim))
    scene.end()


def _environ(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # gone since
        return b""


def _below(machine: Machine, ancestor: int) -> list[int]:
    return [pid for pid in machine.agents() if pid != ancestor and ancestor in _ancestors(pid)]


def _ancestors(pid: int) -> list[int]:
    found = []
    with suppress(OSError):
        while pid > 1:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
            found.append(pid)
    return found


def test_a_report_over_a_line_that_is_dead_arrives_once(shared, tmp_path):
    """Studio hangs as behind a cut cable while the work ends; what was sent and not answered is sent again.

    Red with every error final for the outbox (`_final`): then what was on the way is lost.
    """
    scene = Scene.begin(shared, "link", tmp_path)
    (studio,) = scene.find("studio")
    os.kill(studio, signal.SIGSTOP)
    try:
        scene.gate.touch()
        shared.until(lambda: _reports_waiting(shared) >= 2)
        # each is on its way for as long as the client waits, and then told again
        log = Home.find(shared.env).logs / "connections.log"
        shared.until(lambda: re.search(r"report \d+ waits", log.read_text()))
    finally:
        os.kill(studio, signal.SIGCONT)
    scene.end()


def _reports_waiting(machine: Machine) -> int:
    journal = Home.find(machine.env).connections_journal
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True, timeout=20)) as connection:
        kinds = Counter(kind for (kind,) in connection.execute("SELECT kind FROM entries"))
    return kinds["report"] - kinds["report.accepted"]


def test_a_worker_that_stood_still_for_twice_its_lease_is_fenced(shared, tmp_path):
    """Frozen with its agent, its run is another's; thawed, its agent ends before it changes anything.

    No single switch makes it red: the sweep of `Reports.interrupt`, the withdrawal in `Assignments._run_updated`, the
    comparing and the slot's own `ORPHANED_AFTER` each end that agent. That a report of an old epoch counts for nothing,
    whatever the worker does, is tests/model/test_run.py.
    """
    scene = Scene.begin(shared, "frozen", tmp_path, devs=3)  # one is free to take it up
    frozen = next(each["pid"] for each in scene.workers() if each["run"])
    tree = [frozen, *scene.tree_of(frozen)]
    assert len(tree) > 2
    for pid in tree:
        os.kill(pid, signal.SIGSTOP)
    try:
        shared.until(lambda: _lost(shared, scene, frozen))
        time.sleep(4)  # the other half of twice the lease
    finally:
        for pid in tree:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    shared.until(lambda: not any(words_of(pid) for pid in tree[1:]))
    scene.end()


def test_while_the_one_that_tells_for_all_stands_still_or_dies_nobody_else_is_lost(shared, tmp_path):
    """One member tells Connections that all of its node live. Frozen for three leases it is lost itself, and no other.

    Red with `TRUSTED` of `actors/pinging.py` far above the lease, for then nobody notices that nobody tells.
    """
    scene = Scene.begin(shared, "teller", tmp_path, devs=3)
    shared.until(lambda: _teller(shared))
    teller = _teller(shared)
    names = {each["pid"]: each["name"] for each in scene.workers()}
    os.kill(teller, signal.SIGSTOP)
    try:
        shared.until(lambda: scene.lost())
        time.sleep(8)
        assert _teller(shared) == teller
        assert scene.lost() == {names[teller]}
    finally:
        os.kill(teller, signal.SIGCONT)
    shared.until(lambda: all(each["state"] == "up" for each in scene.workers()))
    before = len(scene.events())
    teller = shared.until(lambda: _teller(shared))
    names = {each["pid"]: each["name"] for each in scene.workers()}
    os.kill(teller, signal.SIGKILL)
    shared.until(lambda: _teller(shared) not in (0, teller))
    time.sleep(8)
    assert scene.lost(before) <= {names[teller]}
    shared.until(lambda: all(each["state"] == "up" for each in scene.workers()))
    scene.end()


def _teller(machine: Machine) -> int:
    """Who has locked the file of the one that tells for all; 0 for nobody."""
    (lock,) = Home.find(machine.env).pulses.glob("*/.teller")
    inode = str(lock.stat().st_ino)
    for line in Path("/proc/locks").read_text().splitlines():
        _, kind, _, _, pid, file, *_ = line.split()
        if kind == "FLOCK" and file.rpartition(":")[2] == inode:
            return int(pid)
    return 0


def _lost(machine: Machine, scene: Scene, pid: int) -> bool:
    logs = machine.run("team", "logs", scene.team, cwd=scene.repo).stdout
    return "lost" in logs or all(each["pid"] != pid or each["state"] != "up" for each in scene.workers())


@pytest.mark.timeout(400)
def test_twenty_daemons_die_while_a_team_is_started(shared, tmp_path):
    """There is one team in the end, or none and a sentence that says so; never two.

    Red with the daemon's lock shared (`LOCK_SH` in `only_one`).
    """
    repo = shared.repository("twenty")
    starting = shared.begin(
        "team", "--dev", "4", "--detach", "--json", "--provider", "dev=command:true", cwd=repo
    )
    for _ in range(20):
        for pid in victims.daemon(shared):
            os.kill(pid, signal.SIGKILL)
        shared.run("daemon", "start")
    said, _ = starting.communicate(timeout=120)
    teams = [team for team in shared.json("status")["connections"]["teams"] if team["repo"] == str(repo)]
    if starting.returncode == 0:
        assert [team["name"] for team in teams] == [json.loads(said.splitlines()[-1])["team"]["name"]]
    else:
        assert len(teams) <= 1, said
        assert said.startswith("error: ") or '"error"' in said, said
    shared.run("disconnect", "--all")
    shared.until(lambda: not shared.agents(), within=20)


def test_a_stranger_that_looks_the_same_is_never_touched(shared, tmp_path):
    """The same words, the same directory and a mark of another home: pid, start time and mark must all be ours.

    Red with `_carries` in `agent/sweep.py` content with any mark.
    """
    import subprocess

    scene = Scene.begin(shared, "stranger", tmp_path)
    agent = scene.find("agent")[0]
    mark = next(
        field
        for field in Path(f"/proc/{agent}/environ").read_bytes().split(b"\0")
        if field.startswith(b"MAESTRO_MARK=")
    ).decode()
    other = "MAESTRO_MARK=" + "f" * 8 + mark[len("MAESTRO_MARK=") + 8 :]
    cwd = Path(f"/proc/{agent}/cwd").readlink()
    stranger = subprocess.Popen(
        ["sh", str(tmp_path / "develop.sh"), other], cwd=cwd,
        env={"PATH": os.environ["PATH"], "MAESTRO_KEY": "x", "MAESTRO_MARK": other.partition("=")[2]},
        stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        shared.run("team", "stop", scene.team)
        shared.until(lambda: not shared.agents(), within=20)
        assert stranger.poll() is None
    finally:
        os.killpg(stranger.pid, signal.SIGKILL)
        stranger.wait()
        victims_left = [pid for pid, words in victims_of(other)]
        for pid in victims_left:
            os.kill(pid, signal.SIGKILL)


def victims_of(mark: str) -> list[tuple[int, str]]:
    """Processes with exactly this mark."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            if mark.encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append((int(entry.name), words_of(int(entry.name))))
    return found
