"""`recovery`: from SIGKILL until `status` says so, until it is back, and a machine with a team after a power cut.

"Says so" is the first answer in which the dead process is no longer shown as up; the reference for the last is Ray alone
on the same machine: `ray start`, an attached driver and as many raw actors.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.reference import ask, raw_ray
from bench.table import Table
from chaos import victims
from e2e.machine import Machine

from maestro_ray.connection.call import Line
from maestro_ray.errors import MaestroError
from maestro_ray.home import Home

MEMBERS = ("dev-1", "lead", "channel")
DEVS = 2
WITHIN = 120.0


def measure(rounds: int) -> Table:
    table = Table("s")
    with tempfile.TemporaryDirectory(prefix="b-", dir="/tmp") as directory:
        machine = Machine(Path(directory))
        repo, gate = machine.repository(), Path(directory) / "gate"
        wait = f"dev=command:sh -c 'while [ ! -e {gate} ]; do sleep 0.2; done'"
        try:
            machine.json("team", "--dev", str(DEVS), "--review", "1", "--provider", "review=command:true", "--task", "a", "--task", "b", "--detach", "--provider", wait,
                         cwd=repo)  # fmt: skip
            for number in range(rounds or 3):
                for member in MEMBERS:
                    _member(table, machine, member)
                for kind in ("connections", "studio", "raylet"):
                    _process(table, machine, kind)
                table.add("Ray alone, from nothing", _raw(Path(directory) / f"raw{number}"))
                table.add("a machine with a team, from nothing", _from_nothing(machine))
        finally:
            machine.close()
    table.more("a machine with a team, from nothing", "Ray alone, from nothing", "≤ 2")
    return table


def _member(table: Table, machine: Machine, name: str) -> None:
    pid = _pids(machine)[name]
    os.kill(pid, signal.SIGKILL)
    began = time.monotonic()
    table.add(f"{name} killed, said", _until(lambda: _pids(machine).get(name) != pid, began))
    table.add(f"{name} killed, back", _until(lambda: _all_up(machine), began))


def _process(table: Table, machine: Machine, kind: str) -> None:
    (pid, *_) = victims.KINDS[kind](machine)
    victims.kill(pid)
    began = time.monotonic()
    table.add(f"{kind} killed, back", _until(lambda: pid not in (now := victims.KINDS[kind](machine)) and now
                                             and _all_up(machine), began))  # fmt: skip


def _from_nothing(machine: Machine) -> float:
    """Every process of it is killed at once; one command later its team is up again."""
    for pid, _ in machine.processes():
        victims.kill(pid)
    for pid in machine.agents():
        victims.kill(pid)
    began = time.monotonic()
    machine.json("daemon", "start")
    return _until(lambda: _all_up(machine), began)


def _raw(directory: Path) -> float:
    began = time.monotonic()
    with raw_ray(directory) as driver:
        ask(driver, f"actors {DEVS + 4}")
        return time.monotonic() - began


def _pids(machine: Machine) -> dict[str, int]:
    """Members that are shown as up, with their processes."""
    return {each["name"]: each["pid"] for each in _workers(machine) if each["state"] == "up"}


def _all_up(machine: Machine) -> bool:
    workers = _workers(machine)
    return bool(workers) and all(each["state"] == "up" for each in workers)


def _workers(machine: Machine) -> list[dict[str, Any]]:
    try:
        with Line(Home.find(machine.env).daemon_socket) as line:
            teams = (line.call("status")["connections"] or {"teams": []})["teams"]
    except MaestroError:
        return []
    return [each for team in teams for each in team["workers"]]


def _until(what: Callable[[], Any], began: float) -> float:
    while not what():
        assert time.monotonic() - began < WITHIN, what
        time.sleep(0.02)
    return time.monotonic() - began
