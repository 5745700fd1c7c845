"""The Ray node: started through the boot driver, known by its processes, killed as a whole."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maestro_ray.agent.sweep import ProcessId, alive, find, sweep
from maestro_ray.daemon import child
from maestro_ray.daemon.processes import descendants, kill
from maestro_ray.daemon.ray_environment import node_mark, ray_environment
from maestro_ray.home import Home

BOOT_WITHIN = 180.0
# without one of these there is no node; the agents beside them come and go with the raylet
VITAL = ("gcs_server", "raylet")


@dataclass(frozen=True)
class RayNode:
    """A node that runs: its address, its first processes by name, and how long its start took by phase."""

    address: str
    processes: Mapping[str, ProcessId]
    timings: Mapping[str, float]

    def running(self) -> bool:
        return all(alive(process) for name, process in self.processes.items() if name in VITAL)

    async def ended(self) -> str:
        """Waits until a vital process has ended; its name."""
        vital = {name: process for name, process in self.processes.items() if name in VITAL}
        waits = {
            asyncio.create_task(child.gone(process)): name
            for name, process in vital.items()
            if alive(process)
        }
        if len(waits) < len(vital):
            for task in waits:
                task.cancel()
            return next(name for name, process in vital.items() if not alive(process))
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        return waits[done.pop()]

    def save(self, home: Home) -> None:
        """Keep it where the next daemon finds it."""
        processes = {name: [each.pid, each.start] for name, each in self.processes.items()}
        data = {"address": self.address, "processes": processes, "timings": dict(self.timings)}
        path = home.run / "node.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(data))


class RayProcesses:
    """A `watched.Program`: the node with its first actors."""

    name = "Ray"

    def __init__(self, home: Home) -> None:
        self._home = home

    async def find(self) -> RayNode | None:
        left = kept(self._home)
        return left if left is not None and left.running() else None

    async def start(self) -> RayNode:
        return await start(self._home)

    async def ended(self, running: RayNode) -> str:
        return await running.ended()

    async def end(self, running: RayNode | None) -> None:
        await end(self._home, running)


def kept(home: Home) -> RayNode | None:
    """The node an earlier daemon of this home left, dead or alive."""
    try:
        data: dict[str, Any] = json.loads((home.run / "node.json").read_text())
        processes = {name: ProcessId(*each) for name, each in data["processes"].items()}
        return RayNode(data["address"], processes, data["timings"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


async def start(home: Home) -> RayNode:
    """Start a node and its first actors. Raises `StartFailed` or `Reported`."""
    env = ray_environment(home, os.environ)
    boot = await child.start("Ray", "maestro_ray.actors.boot", [], env, home.logs / "ray.log", BOOT_WITHIN)
    node = RayNode(boot.answer["address"], await asyncio.to_thread(_find, home), boot.answer["timings"])
    node.save(home)
    return node


async def end(home: Home, node: RayNode | None) -> None:
    """Kill every process of the node at once: Ray itself would take up to a minute to notice.

    Without a node that is known it ends what a start that was cut has left, and the start itself if it goes on.
    """
    await asyncio.to_thread(_end, home, node)


def _end(home: Home, node: RayNode | None) -> None:
    known = {*(node.processes.values() if node else ()), *_find(home).values()}
    roots = [process for process in known if alive(process)]
    if node is not None or roots or find(node_mark(home)):
        # looked for before the parents are gone, who are killed first: a raylet starts new workers for those that die
        below = descendants([process.pid for process in roots])
        kill(roots)
        kill(below)
        sweep(node_mark(home))
    (home.run / "node.json").unlink(missing_ok=True)
    (home.connections_socket).unlink(missing_ok=True)


def _find(home: Home) -> dict[str, ProcessId]:
    """The node's own processes: they carry its mark, and their command lines name this home's Ray directory. So may
    those of a person who looks into its logs, but without the mark."""
    found: dict[str, ProcessId] = {}
    directory = os.fsencode(home.ray_directory)
    for process in find(node_mark(home)):
        if program := _program(process.pid, directory):
            found[program if program in VITAL else f"{program}-{process.pid}"] = process
    return found


def _program(pid: int, directory: bytes) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
    except OSError:
        return ""
    if not any(
        word.partition(b"=")[2].startswith(directory) or word.startswith(directory) for word in words[1:]
    ):
        return ""
    return Path(os.fsdecode(words[0])).name
