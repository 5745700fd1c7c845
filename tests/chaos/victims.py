"""Which processes of a machine are of which kind, and their end."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

from e2e.machine import Machine

from maestro_ray.home import Home

Pids = list[int]


def agents(machine: Machine) -> Pids:
    """Agents and what they started, without the shims above them."""
    return [pid for pid in machine.agents() if "agent/shim.py" not in words_of(pid)]


def shims(machine: Machine) -> Pids:
    return [pid for pid in machine.agents() if "agent/shim.py" in words_of(pid)]


def daemon(machine: Machine) -> Pids:
    lock = Home.find(machine.env).run / "daemon.lock"
    pid = int(lock.read_text().strip() or 0) if lock.exists() else 0
    return [pid] if "maestro_ray.daemon" in words_of(pid) else []


def studio(machine: Machine) -> Pids:
    return [pid for pid, words in machine.processes() if "maestro_ray.studio" in words]


def connections(machine: Machine) -> Pids:
    return [pid for pid, words in machine.processes() if words.startswith("ray::ConnectionsActor")]


def raylet(machine: Machine) -> Pids:
    return _named(machine, "raylet")


def gcs(machine: Machine) -> Pids:
    return _named(machine, "gcs_server")


def members(machine: Machine, wanted: Callable[[str], bool]) -> Pids:
    """Actors of the teams by their names; none while nobody can say."""
    asked = machine.run("status", "--json")
    teams = ((json.loads(asked.stdout or "{}") or {}).get("connections") or {}).get("teams", [])
    found = [each["pid"] for team in teams for each in team["workers"] if wanted(each["name"])]
    return [pid for pid in found if pid and words_of(pid).startswith("ray::")]


KINDS: dict[str, Callable[[Machine], Pids]] = {
    "agent": agents,
    "shim": shims,
    "worker": lambda machine: members(machine, lambda name: name not in ("lead", "channel")),
    "lead": lambda machine: members(machine, lambda name: name == "lead"),
    "channel": lambda machine: members(machine, lambda name: name == "channel"),
    "connections": connections,
    "raylet": raylet,
    "gcs": gcs,
    "daemon": daemon,
    "studio": studio,
}


def kill(pid: int) -> bool:
    """SIGKILL; whether there was somebody."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def words_of(pid: int) -> str:
    """The command line; empty for who is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def _named(machine: Machine, name: str) -> Pids:
    return [pid for pid, words in machine.processes() if words and Path(words.split()[0]).name == name]
