"""The supervisor: Studio and Ray are started when they are needed, started again when they die, and ended in order."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from typing import Any

from maestro_ray.agent.sweep import sweep
from maestro_ray.connection.line import call, unheard
from maestro_ray.daemon.processes import descendants, kill
from maestro_ray.daemon.ray_node import RayNode, RayProcesses
from maestro_ray.daemon.studio_process import StudioProcess
from maestro_ray.daemon.watched import Progress, Watched
from maestro_ray.errors import DaemonUnavailable, MaestroError
from maestro_ray.home import Home

log = logging.getLogger(__name__)


class Supervisor:
    """What runs beside the daemon. `ensure_*` may be called by any number at once; each thing is started once."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._studio_process = StudioProcess(home)
        self._studio = Watched(self._studio_process)
        self._ray = Watched(RayProcesses(home))
        self._ending: asyncio.Task[None] | None = None

    @property
    def studio(self) -> Mapping[str, Any] | None:
        """What Studio said of itself; None while it does not run."""
        running = self._studio.running
        return None if running is None else running.answer

    @property
    def node(self) -> RayNode | None:
        return self._ray.running

    @property
    def timings(self) -> dict[str, float]:
        """How long the last starts took, in seconds, by thing and by phase."""
        told = {"studio": self._studio.seconds, "ray": self._ray.seconds}
        if self.node is not None and self._ray.seconds is not None:
            told |= {f"ray.{phase}": seconds for phase, seconds in self.node.timings.items()}
        return {phase: seconds for phase, seconds in told.items() if seconds is not None}

    @property
    def trouble(self) -> dict[str, str]:
        """What does not come back by itself, and why."""
        told = {"studio": self._studio.trouble, "ray": self._ray.trouble}
        return {name: text for name, text in told.items() if text}

    async def ensure(self, progress: Progress) -> None:
        """Studio, Ray and Connections are up. Raises the error of what would not start.

        Connections waits for Studio, so a Studio that does not start is said at once and not when Ray gives up.
        """
        ray = asyncio.ensure_future(self._ray.ensure(progress))
        try:
            await self._studio.ensure(progress)
        except Exception:
            await self._ray.give_up()
            await asyncio.gather(ray, return_exceptions=True)
            raise
        await ray

    async def ensure_studio(self, progress: Progress) -> Mapping[str, Any]:
        """Studio answers and this home is signed in; where it is."""
        return (await self._studio.ensure(progress)).answer

    async def ensure_ray(self, progress: Progress) -> None:
        """The node is up and Connections answers."""
        await self._ray.ensure(progress)

    async def adopt(self) -> None:
        """Take over what an earlier daemon of this home left running; what is half dead or half started is ended."""
        await self._ray.adopt()
        self._studio_process.stays = self.node is not None
        await self._studio.adopt()

    async def stop(self, progress: Progress, *, keep_teams: bool = False) -> None:
        """End everything of this home in order, and leave no process of it. Asked for twice, it is done once.

        Teams end with it, unless they are kept: then the next start finds them in the journal and goes on.
        """
        if self._ending is None:
            for each in (self._ray, self._studio):
                each.close()
            self._ending = asyncio.get_running_loop().create_task(self._stop(progress, keep_teams))
        # whoever asked may leave: half an end is none
        await asyncio.shield(self._ending)

    async def _stop(self, progress: Progress, keep_teams: bool) -> None:
        if self.node is not None and self.node.running() and not keep_teams:
            progress("ending the teams")
            await self._disconnect()
        progress("stopping Ray")
        await self._ray.stop()
        progress("stopping Studio")
        await self._studio.stop()
        await asyncio.to_thread(self._sweep)

    async def _disconnect(self) -> None:
        try:
            await asyncio.wait_for(
                call(self.home.connections_socket, "disconnect", {"all": True}, unheard), 30.0
            )
        except (MaestroError, DaemonUnavailable, TimeoutError) as error:
            log.warning("the teams could not be ended in order: %r", error)

    def _sweep(self) -> None:
        """Whatever carries this home's mark, and whatever came to us as an orphan."""
        sweep(f"{self.home.instance}:")
        kill(descendants([os.getpid()]))
