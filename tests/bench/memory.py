"""`memory`: resident megabytes of the daemon, Studio and a worker, against a raw Ray actor."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.reference import ask, raw_ray
from bench.table import Table
from e2e.machine import Machine


def measure(rounds: int) -> Table:
    table = Table("MB")
    with tempfile.TemporaryDirectory(prefix="b-", dir="/tmp") as directory:
        machine = Machine(Path(directory))
        demo = Path(directory) / "demo"
        try:
            with raw_ray(Path(directory) / "raw") as driver:
                for number in range(rounds or 3):
                    # after a whole plan, with a team that has worked: what a person really pays
                    machine.json("demo", "--keep", f"{demo}{number}")
                    repo = demo.with_name(f"demo{number}") / "wordkit"
                    answer = machine.json(
                        "team", "--dev", "4", "--provider", "dev=command:true", "--detach", cwd=repo
                    )
                    time.sleep(2)
                    daemon = machine.json("status")["daemon"]
                    table.add("raw actor", ask(driver, "memory") / 1024)
                    for worker in answer["workers"]:
                        table.add("worker", _megabytes(worker["pid"]))
                    table.add("daemon", _megabytes(daemon["pid"]))
                    table.add("Studio", _megabytes(daemon["studio"]["pid"]))
                    machine.run("team", "stop", cwd=repo)
        finally:
            machine.close()
    table.ratio("worker", "raw actor", "≤ 1.15")
    return table


def _megabytes(pid: int, what: str = "Rss") -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{what}:"))) / 1024
