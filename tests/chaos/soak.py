"""A team at work, and one random kill after the other."""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from chaos import audit
from chaos.victims import KINDS, daemon, kill, studio, words_of
from chaos.work import Work
from e2e.machine import Machine

# what a plan may take at most once nobody kills any more, in seconds
PATIENCE = 240.0
# how long after the end of a team something of it may still be seen, in seconds
REAPED = 2.0
PAUSE = 0.5
# after this many seconds a process has loaded what it loads once
WARM = 60.0


def soak(
    directory: Path,
    seconds: float,
    every: float,
    seed: int,
    only: Sequence[str] = (),
    kind: Callable[[Machine], Work] = Work.on,
) -> dict[str, Any]:
    """What was done and what is wrong afterwards."""
    machine = Machine(directory)
    chaos = Chaos(machine, random.Random(seed), every, only, kind(machine))
    try:
        machine.json("daemon", "start")
        chaos.go_on(seconds)
        chaos.settle()
        return {"seed": seed, "seconds": round(seconds), **chaos.end()}
    finally:
        stopped = machine.run("daemon", "stop")
        for pid, _ in machine.processes():
            chaos.say(f"left behind: {pid} {words_of(pid)} {stopped.stderr}")
            kill(pid)


class Chaos:
    """Draws a kind and one of its processes; the same seed draws the same kinds in the same order."""

    def __init__(
        self, machine: Machine, dice: random.Random, every: float, kinds: Sequence[str], work: Work
    ) -> None:
        self.kills: Counter[str] = Counter()
        # of each kind and pid: when, resident kilobytes, open descriptors
        self._sizes: dict[tuple[str, int], list[tuple[float, int, int]]] = {}
        self._machine = machine
        self._dice = dice
        self._every = every
        self._of = {**KINDS, "cli": lambda _machine: self._work.pids()}
        self._kinds = [*kinds] or [*self._of]
        self._work = work
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:7.1f} {text}", file=sys.stderr, flush=True)

    def go_on(self, seconds: float) -> None:
        """Kill and let work until the time is over."""
        end, due = self._began + seconds, time.monotonic() + self._every
        while time.monotonic() < end:
            if self._work.idle():
                self._work.begin()
            if time.monotonic() >= due:
                self._kill_one()
                due += self._every
            self._operate()
            time.sleep(PAUSE)

    def settle(self) -> None:
        """Nobody kills any more: what goes on must come to its end."""
        end = time.monotonic() + PATIENCE
        while not (self._work.idle() and self._no_team()) and time.monotonic() < end:
            self._operate()
            time.sleep(PAUSE)

    def end(self) -> dict[str, Any]:
        """End the teams and look at everything."""
        found = audit.of_studio(self._work)
        ended = self._machine.run("disconnect", "--all")
        if ended.returncode:
            self.say(f"disconnect: {ended.stdout}{ended.stderr}")
        time.sleep(REAPED)
        found |= audit.of_machine(self._work)
        for name, words in found.items():
            for word in words:
                self.say(f"{name}: {word}")
        done = self._work.rows("SELECT count(*) AS count FROM runs WHERE state = 'succeeded'")
        return {
            "kills": self.kills.total(),
            "kinds": dict(self.kills),
            "plans": len(self._work.plans()),
            "runs_done": done[0]["count"] if done else 0,
            "cards": self._work.answered,
            **{name: len(words) for name, words in found.items()},
            "growth": self._growth(),
        }

    def _operate(self) -> None:
        """What an init system and an operator do: the daemon is started when it is gone, cards are answered."""
        if not daemon(self._machine):
            self._machine.run("daemon", "start")
        for question in self._work.answer():
            self.say(f"answered: {question}")

    def _kill_one(self) -> None:
        kind = self._dice.choice(self._kinds)
        pids = self._of[kind](self._machine)
        chosen = self._dice.random()
        if not pids:
            self.say(f"no {kind} to kill")
            return
        pid = sorted(pids)[int(chosen * len(pids))]
        if kill(pid):
            self.kills[kind] += 1
            self._work.killed.append((time.time(), kind))
            self.say(f"killed {kind} {pid}")
            self._measure()

    def _measure(self) -> None:
        """Those that must not grow."""
        for kind, pids in (("daemon", daemon(self._machine)), ("studio", studio(self._machine))):
            if pids and (size := _size(pids[0])):
                self._sizes.setdefault((kind, pids[0]), []).append((time.monotonic(), *size))

    def _growth(self) -> dict[str, Any]:
        """Of the process of each kind that was seen the longest, after its first minute."""
        found = {}
        for kind in ("daemon", "studio"):
            lives = [seen for (of, _), seen in self._sizes.items() if of == kind]
            warm = [[each for each in seen if each[0] > seen[0][0] + WARM] for seen in lives]
            longest = max(warm, key=len, default=[])
            if len(longest) > 1:
                (began, kb, fds), (ended, more, then) = longest[0], longest[-1]
                found[kind] = {"seconds": round(ended - began), "kb": more - kb, "fds": then - fds}
        return found

    def _no_team(self) -> bool:
        asked = self._machine.run("status", "--json")
        answer = json.loads(asked.stdout or "{}")
        return bool(answer.get("teams_known")) and not (answer.get("connections") or {}).get("teams")


def _size(pid: int) -> tuple[int, int] | None:
    """Resident kilobytes and open descriptors; None of who is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        resident = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
        return resident, len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except (OSError, StopIteration):
        return None
