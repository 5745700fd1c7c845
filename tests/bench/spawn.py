"""`spawn`: a request for a team until N workers are up, on a warm daemon, against N raw actors made and called once."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import psutil
from bench.reference import ask, raw_ray
from bench.table import Table
from e2e.machine import Machine

from maestro_ray.connection.call import Line
from maestro_ray.home import Home

SIZES = (4, 8, 16)
# per cent of the processors
IDLE = 15.0


def measure(rounds: int) -> Table:
    table = Table("ms")
    with tempfile.TemporaryDirectory(prefix="b-", dir="/tmp") as directory:
        machine = Machine(Path(directory))
        repo = machine.repository()
        machine.json("daemon", "start")
        try:
            with (
                raw_ray(Path(directory) / "raw") as driver,
                Line(Home.find(machine.env).daemon_socket) as line,
            ):
                for size in SIZES[:1] if rounds == 1 else SIZES:  # once is a look whether it works
                    for _ in range(rounds or 5):
                        table.add(f"raw Ray, {size} actors", ask(driver, f"actors {size}"))
                        if rounds != 1:
                            _settle(line)
                        table.add(f"maestro, {size} workers", _team(line, machine, repo, size))
                    table.ratio(
                        f"maestro, {size} workers", f"raw Ray, {size} actors", "≤ 0.15" if size == 4 else "-"
                    )
        finally:
            machine.close()
    return table


def _team(line: Line, machine: Machine, repo: Path, size: int) -> float:
    env = {"PATH": machine.env["PATH"]}
    began = time.monotonic()
    answer = line.call(
        "team.start", repo=str(repo), roles={"dev": size}, providers={"dev": "command:true"}, env=env
    )
    took = (time.monotonic() - began) * 1000
    assert len(answer["workers"]) == size
    line.call("team.stop", team=answer["team"]["id"])
    return took


def _settle(line: Line) -> None:
    """The pool is full and its slots are warm, as they are some seconds after any team."""
    while True:
        pool = line.call("status")["connections"]["pool"]
        if psutil.cpu_percent(interval=1.0) < IDLE and pool["blank"] >= pool["size"]:
            return
