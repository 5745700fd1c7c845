"""`cold`: from a stopped machine to four workers up, against `ray start`, an attached driver and seven raw actors."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.reference import ask, raw_ray
from bench.table import Table
from e2e.machine import Machine


def measure(rounds: int) -> Table:
    table = Table("ms")
    for number in range(rounds or 5):
        with tempfile.TemporaryDirectory(prefix="b-", dir="/tmp") as directory:
            table.add("raw Ray", _raw(Path(directory) / f"raw{number}"))
            table.add("maestro", _maestro(Path(directory)))
    table.ratio("maestro", "raw Ray", "≤ 1.1")
    return table


def _raw(directory: Path) -> float:
    began = time.monotonic()
    with raw_ray(directory) as driver:
        ask(driver, "actors 7")
        return (time.monotonic() - began) * 1000


def _maestro(directory: Path) -> float:
    machine = Machine(directory)
    repo = machine.repository()
    try:
        began = time.monotonic()
        machine.json("team", "--dev", "4", "--provider", "dev=command:true", "--detach", cwd=repo)
        return (time.monotonic() - began) * 1000
    finally:
        machine.close()
