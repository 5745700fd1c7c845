"""The supervisor: Studio and Ray are started when they are needed and started again when they die."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from maestro_ray.agent.environment import allowed
from maestro_ray.agent.sweep import MARK, ProcessId, find, identify, sweep
from maestro_ray.connection.line import call, unheard
from maestro_ray.connection.sign_in import sign_in
from maestro_ray.daemon import child, ray_node
from maestro_ray.daemon.processes import descendants, kill
from maestro_ray.daemon.ray_node import RayNode
from maestro_ray.errors import DaemonUnavailable, MaestroError
from maestro_ray.home import Home

log = logging.getLogger(__name__)

Progress = Callable[[str], None]

STUDIO_WITHIN = 30.0
# a thing that dies this often in this many seconds is given up, and its state says so
TOO_OFTEN, WINDOW = 5, 60.0


class Supervisor:
    """What runs beside the daemon. `ensure_*` may be called by any number at once; each thing is started once."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.timings: dict[str, float] = {}
        self.studio: Mapping[str, Any] | None = None
        self.node: RayNode | None = None
        self.trouble: dict[str, str] = {}
        self._studio_process: ProcessId | None = None
        self._locks = {"studio": asyncio.Lock(), "ray": asyncio.Lock()}
        self._tasks: set[asyncio.Task[None]] = set()
        self._deaths: dict[str, list[float]] = {"studio": [], "ray": []}
        self._stopping = False
        self._ending = asyncio.Lock()

    async def ensure(self, progress: Progress) -> None:
        """Studio, Ray and Connections are up. Raises the error of what would not start."""
        studio = asyncio.create_task(self.ensure_studio(progress))
        try:
            await self.ensure_ray(progress)
        finally:
            await asyncio.gather(studio, return_exceptions=True)
        await studio

    async def ensure_studio(self, progress: Progress) -> Mapping[str, Any]:
        """Studio answers and this home is signed in; where it is."""
        async with self._locks["studio"]:
            if self.studio is None:
                self._refuse_when_stopping()
                progress("starting Studio")
                began = time.monotonic()
                self.studio = await self._start_studio()
                self.timings["studio"] = round(time.monotonic() - began, 3)
                self.trouble.pop("studio", None)
            return self.studio

    async def ensure_ray(self, progress: Progress) -> None:
        """The node is up and Connections answers."""
        async with self._locks["ray"]:
            if self.node is None:
                self._refuse_when_stopping()
                progress("starting Ray")
                began = time.monotonic()
                self.node = await ray_node.start(self.home)
                self.timings["ray"] = round(time.monotonic() - began, 3)
                self.timings.update({f"ray.{phase}": seconds for phase, seconds in self.node.timings.items()})
                self.trouble.pop("ray", None)
                self._spawn(self._watch_ray(self.node))

    async def adopt(self) -> None:
        """Take over what an earlier daemon of this home left running; what is half dead is ended."""
        self._adopt_studio()
        left = ray_node.kept(self.home)
        if left and left.running():
            self.node = left
            self._spawn(self._watch_ray(left))
        elif left:
            await ray_node.end(self.home, left)

    async def stop(self, progress: Progress) -> None:
        """End everything of this home in order, and leave no process of it. Asked for twice, it is done once."""
        async with self._ending:
            if not self._stopping:
                self._stopping = True
                await self._stop(progress)

    async def _stop(self, progress: Progress) -> None:
        if self.node is not None and self.node.running():
            progress("ending the teams")
            await self._disconnect()
        for task in list(self._tasks):
            task.cancel()
        progress("stopping Ray")
        await ray_node.end(self.home, self.node)
        progress("stopping Studio")
        await self._stop_studio()
        await asyncio.to_thread(self._sweep)
        self.node = self.studio = None

    # ── Studio ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _start_studio(self) -> Mapping[str, Any]:
        (self.home.run / "studio.json").unlink(missing_ok=True)
        env = {
            **allowed(os.environ, ["PYTHONPATH", "LD_LIBRARY_PATH"]),
            "MAESTRO_HOME": str(self.home.root),
            MARK: f"{self.home.instance}:studio:",
        }
        studio = await child.start(
            "Studio", "maestro_ray.studio", [], env, self.home.logs / "studio.log", STUDIO_WITHIN
        )
        self._studio_process = studio.process
        await asyncio.to_thread(sign_in, self.home, studio.answer["url"])
        self._spawn(self._watch_studio(studio.process))
        return studio.answer

    def _adopt_studio(self) -> None:
        try:
            info = dict(json.loads((self.home.run / "studio.json").read_text()))
        except (OSError, ValueError):
            return
        process = identify(int(info["pid"]))
        if process and process in find(f"{self.home.instance}:studio:"):
            self.studio, self._studio_process = info, process
            self._spawn(self._watch_studio(process))

    async def _watch_studio(self, process: ProcessId) -> None:
        await child.gone(process)
        self.studio = None
        if not self._gives_up("studio", "Studio ended"):
            await self._again("studio", self.ensure_studio)

    async def _stop_studio(self) -> None:
        if self._studio_process:
            await child.end(self._studio_process, within=5.0)
        (self.home.run / "studio.json").unlink(missing_ok=True)

    # ── Ray ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _watch_ray(self, node: RayNode) -> None:
        name = await node.ended()
        # nobody may start a new node before the old one is gone: they carry the same mark
        async with self._locks["ray"]:
            self.node = None
            log.warning("%s of Ray has ended: the rest of the node is killed and a new one started", name)
            await ray_node.end(self.home, node)
        if not self._gives_up("ray", f"{name} ended"):
            await self._again("ray", self.ensure_ray)

    async def _disconnect(self) -> None:
        try:
            await asyncio.wait_for(
                call(self.home.connections_socket, "disconnect", {"all": True}, unheard), 30.0
            )
        except (MaestroError, DaemonUnavailable, TimeoutError) as error:
            log.warning("the teams could not be ended in order: %r", error)

    # ── both ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _refuse_when_stopping(self) -> None:
        if self._stopping:
            raise DaemonUnavailable("it is being stopped")

    def _gives_up(self, name: str, why: str) -> bool:
        now = time.monotonic()
        deaths = self._deaths[name] = [*(at for at in self._deaths[name] if now - at < WINDOW), now]
        if self._stopping:
            return True
        if len(deaths) >= TOO_OFTEN:
            self.trouble[name] = f"{why} {len(deaths)} times within {WINDOW:.0f} s; it is not started again"
            log.error("%s: %s", name, self.trouble[name])
            return True
        return False

    async def _again(self, name: str, ensure: Callable[[Progress], Any]) -> None:
        await asyncio.sleep(0.1 * 2 ** (len(self._deaths[name]) - 1))
        try:
            await ensure(log.info)
        except MaestroError as error:
            self.trouble[name] = str(error)
            log.error("%s does not start again: %s", name, error)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _sweep(self) -> None:
        """Whatever carries this home's mark, and whatever came to us as an orphan."""
        sweep(f"{self.home.instance}:")
        kill(descendants([os.getpid()]))
