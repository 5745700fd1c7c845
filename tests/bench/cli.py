"""`cli`: whole processes of the program, against Python alone and Python with typer."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.table import Table
from e2e.machine import Machine

PROGRAM = str(Path(sys.executable).with_name("maestro"))


def measure(rounds: int) -> Table:
    table = Table("ms")
    with tempfile.TemporaryDirectory(prefix="b-", dir="/tmp") as directory:
        machine = Machine(Path(directory))
        machine.json("studio", "info")
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "import typer": [sys.executable, "-c", "import typer"],
            "maestro --version": [PROGRAM, "--version"],
            "maestro --help": [PROGRAM, "--help"],
            "maestro status": [PROGRAM, "status"],
        }
        try:
            for _ in range(rounds or 20):
                for name, argv in commands.items():
                    table.add(name, _run(argv, machine))
        finally:
            machine.close()
    table.ratio("maestro --version", "import typer", "≤ 2")
    table.ratio("maestro --help", "import typer", "≤ 2")
    return table


def _run(argv: list[str], machine: Machine) -> float:
    began = time.monotonic()
    subprocess.run(argv, env=machine.env, capture_output=True, check=True)
    return (time.monotonic() - began) * 1000
