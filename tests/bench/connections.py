"""`connections`: 1,000 project connections in one process against 1,000 bare `websockets` clients of the same Studio.

Bytes of memory each, events a second when one event goes to all, and how long after a killed Studio answers again the
last of them is subscribed again, by the clock and in seconds of processor, here and in Studio.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from bench.table import Table

ROOT = Path(__file__).parents[2]
KINDS = ("bare", "maestro")


def measure(rounds: int) -> Table:
    table = Table("KB, events/s, s")
    count = 50 if rounds == 1 else 1000  # once is a look whether it works
    for _ in range(rounds or 3):
        for kind in KINDS:
            with tempfile.TemporaryDirectory(prefix="b-", dir="/tmp") as directory:
                _one(table, kind, directory, count)
    for what, target in (
        ("KB each", "≤ 40 KB each"),
        ("events/s", "-"),
        ("s until all are back", "≤ 5 s"),
        ("s of processor for it", "-"),
    ):
        table.ratio(f"maestro, {what}", f"bare, {what}", target)
    return table


def _one(table: Table, kind: str, directory: str, count: int) -> None:
    studio, where = _studio(directory, count + 1, 0)
    crowd = _program("crowd.py", kind, directory)
    try:
        _say(crowd, json.dumps(where))
        _say(crowd, f"open {count}")
        table.add(f"{kind}, KB each", _number(crowd) / 1000)
        _say(crowd, f"events {20 * count}")
        _number(crowd)
        _say(studio, "publish 20")
        table.add(f"{kind}, events/s", _number(crowd))
        _say(crowd, "back")
        studio.send_signal(signal.SIGKILL)
        studio.communicate()
        _number(crowd)
        studio, _ = _studio(directory, count + 1, int(where["url"].rpartition(":")[2]))
        answers, worked = time.monotonic(), _worked(crowd, studio)
        table.add(f"{kind}, s until all are back", max(0.001, _number(crowd) - answers))
        table.add(f"{kind}, s of processor for it", _worked(crowd, studio) - worked)
    finally:
        for process in (crowd, studio):
            process.kill()
            process.communicate()


def _worked(*processes: subprocess.Popen[str]) -> float:
    """Seconds of processor so far: on a machine that others use too they say more than the clock."""
    return sum(sum(psutil.Process(process.pid).cpu_times()[:2]) for process in processes)


def _studio(directory: str, projects: int, port: int) -> tuple[subprocess.Popen[str], Any]:
    """Returns when it answers."""
    process = _program("studio_process.py", directory, str(projects), str(port))
    assert process.stdout
    return process, json.loads(process.stdout.readline())


def _program(name: str, *arguments: str) -> subprocess.Popen[str]:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "cli")])}
    command = [sys.executable, str(Path(__file__).with_name(name)), *arguments]
    return subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _say(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _number(process: subprocess.Popen[str]) -> float:
    assert process.stdout
    return float(next(line for line in process.stdout if line.startswith("="))[1:])
