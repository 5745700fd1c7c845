"""`steer`: a directive, from its acceptance on the local line to the input of every running agent.

Eight workers with Claude Code's adapter; the program is a stand-in that notes when each line reaches its standard input,
by the clock that all processes of the machine share. The reference writes the same line to eight such programs by hand.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.table import Table
from e2e.machine import Machine

from maestro_ray.connection.call import Line
from maestro_ray.home import Home

WORKERS = 8
_AGENT = """#!{python} -S
import os, sys, time
heard = os.open(os.path.join({place!r}, str(os.getpid())), os.O_CREAT | os.O_WRONLY | os.O_APPEND)
for line in sys.stdin.buffer:
    os.write(heard, b"%d %s\\n" % (time.monotonic_ns(), line.strip()))
"""


def measure(rounds: int) -> Table:
    table = Table("ms")
    with tempfile.TemporaryDirectory(prefix="b-", dir="/tmp") as directory:
        place = Path(directory) / "heard"
        place.mkdir()
        program = _program(Path(directory), place)
        machine = Machine(Path(directory))
        machine.env["PATH"] = f"{program.parent}:{machine.env['PATH']}"
        repo = machine.repository()
        tasks = [word for number in range(WORKERS) for word in ("--task", f"task {number}")]
        try:
            machine.json("team", "--dev", str(WORKERS), "--review", "1", "--provider", "dev=claude",
                         "--provider", "review=command:true", *tasks, "--detach", cwd=repo)  # fmt: skip
            machine.until(lambda: sum(map(_lines, place.iterdir())) >= WORKERS)
            for number in range(rounds or 40):
                _once(table, machine, repo, place, f"directive {number:04}")
        finally:
            machine.close()
        _by_hand(table, program, rounds or 40)
    table.more("heard by all 8 after it was accepted", "eight pipes by hand", "≤ 50")
    return table


def _program(directory: Path, place: Path) -> Path:
    program = directory / "bin" / "claude"
    program.parent.mkdir()
    program.write_text(_AGENT.format(python=sys.executable, place=str(place)))
    program.chmod(0o755)
    return program


def _once(table: Table, machine: Machine, repo: Path, place: Path, words: str) -> None:
    with Line(Home.find(machine.env).daemon_socket) as line:
        began = time.monotonic()
        line.call("steer", repo=str(repo), text=words)
        accepted = time.monotonic()
    heard = machine.until(lambda: _heard(place, words), pause=0.005)
    table.add("accepted", (accepted - began) * 1000)
    table.add("heard by all 8 agents", (max(heard) - began) * 1000)
    # agents may hear it before the answer is back
    table.add("heard by all 8 after it was accepted", max((max(heard) - accepted) * 1000, 0.01))


def _heard(place: Path, words: str) -> list[float]:
    """When each agent had these words, in seconds; empty before all have."""
    found = [
        _time(line) for file in place.iterdir() for line in file.read_text().splitlines() if words in line
    ]
    return found if len(found) == WORKERS else []


def _time(line: str) -> float:
    return int(line.partition(" ")[0]) / 1e9


def _lines(file: Path) -> int:
    return len(file.read_text().splitlines())


def _by_hand(table: Table, program: Path, rounds: int) -> None:
    place = program.parent.parent / "heard"
    for file in place.iterdir():
        file.unlink()
    agents = [subprocess.Popen([program], stdin=subprocess.PIPE) for _ in range(WORKERS)]
    try:
        for number in range(rounds):
            words = f"by hand {number:04}"
            began = time.monotonic()
            for agent in agents:
                _write(agent, {"type": "user", "message": {"role": "user", "content": words}})
            while not (heard := _heard(place, words)):
                time.sleep(0.005)
            table.add("eight pipes by hand", (max(heard) - began) * 1000)
    finally:
        for agent in agents:
            agent.communicate()


def _write(agent: subprocess.Popen[bytes], message: Any) -> None:
    assert agent.stdin is not None
    agent.stdin.write(json.dumps(message).encode() + b"\n")
    agent.stdin.flush()
