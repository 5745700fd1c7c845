"""`idle`: the processor that ten idle workers use, everything of maestro with them, against ten idle raw actors and Ray."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import psutil
from bench.reference import ask, raw_ray
from bench.table import Table
from e2e.machine import Machine

WORKERS = 10
# after a start Ray's and our processes still warm up
SETTLED = 10.0


def measure(rounds: int) -> Table:
    table = Table("s of processor a minute")
    seconds = 3.0 if rounds == 1 else 60.0
    for number in range(rounds or 2):
        with tempfile.TemporaryDirectory(prefix="b-", dir="/tmp") as directory:
            _raw(table, Path(directory) / f"raw{number}", seconds)
            _maestro(table, Path(directory), seconds)
    table.ratio("10 idle workers", "10 idle actors", "≤ 1.2")
    table.ratio("all of maestro with them", "all of Ray with them", "-")
    return table


def _raw(table: Table, directory: Path, seconds: float) -> None:
    with raw_ray(directory) as driver:
        ask(driver, f"keep {WORKERS}")
        time.sleep(min(SETTLED, seconds))
        used = _used(_named(str(directory)), seconds)
        table.add("10 idle actors", sum(each for _, words, each in used if words.startswith("ray::Raw")))
        table.add("all of Ray with them", sum(each for *_, each in used))


def _maestro(table: Table, directory: Path, seconds: float) -> None:
    machine = Machine(directory)
    repo = machine.repository()
    try:
        team = machine.json(
            "team", "--dev", str(WORKERS), "--provider", "dev=command:true", "--detach", cwd=repo
        )
        workers = {each["pid"] for each in team["workers"] if each["name"].startswith("dev-")}
        assert len(workers) == WORKERS
        time.sleep(min(SETTLED, seconds))
        used = _used([pid for pid, _ in machine.processes()], seconds)
        table.add("10 idle workers", sum(each for pid, _, each in used if pid in workers))
        table.add("all of maestro with them", sum(each for *_, each in used))
    finally:
        machine.close()


def _used(pids: list[int], seconds: float) -> list[tuple[int, str, float]]:
    """Of each process that is still there its words and the seconds of processor it uses a minute."""
    before, began = _times(pids), time.monotonic()
    time.sleep(seconds)
    after, per_minute = _times(pids), 60 / (time.monotonic() - began)
    return [(pid, _words(psutil.Process(pid)), (after[pid] - before[pid]) * per_minute) for pid in after]


def _times(pids: list[int]) -> dict[int, float]:
    found = {}
    for pid in pids:
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.NoSuchProcess:
            continue
        found[pid] = times.user + times.system
    return found


def _named(directory: str) -> list[int]:
    """Ray's processes of this directory, and those below them."""
    roots = [each for each in psutil.process_iter() if directory in _words(each)]
    below = [child for each in roots for child in each.children(recursive=True)]
    return sorted({each.pid for each in (*roots, *below)})


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
