"""Studio as a process of this home: started and signed in to, known by its mark."""

from __future__ import annotations

import asyncio
import json
import os

from maestro_ray.agent.environment import allowed
from maestro_ray.agent.sweep import MARK, find, identify, sweep
from maestro_ray.connection.sign_in import sign_in
from maestro_ray.daemon import child
from maestro_ray.daemon.child import Child
from maestro_ray.home import Home

STUDIO_WITHIN = 30.0
# between being asked to end and being killed, in seconds
GRACE = 5.0


class StudioProcess:
    """A `watched.Program`. `stays` is whether somebody knows its address, so that it may not come back at another.

    Whoever speaks to Studio is told once where it is: Connections, agents' tools and open pages would look for one
    that moved where it was. So it moves only between two lives of everything, when no Ray node has heard of it.
    """

    name = "Studio"

    def __init__(self, home: Home) -> None:
        self.stays = False
        self._home = home
        self._mark = f"{home.instance}:studio:"

    async def find(self) -> Child | None:
        try:
            info = dict(json.loads((self._home.run / "studio.json").read_text()))
            process = identify(int(info["pid"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if process is None or await asyncio.to_thread(find, self._mark) != [process]:
            return None
        self.stays = True
        return Child(process, info)

    async def start(self) -> Child:
        """Returns when it answers and this home is signed in."""
        env = {
            **allowed(os.environ, ["PYTHONPATH", "LD_LIBRARY_PATH"]),
            "MAESTRO_HOME": str(self._home.root),
            MARK: self._mark,
        }
        log = self._home.logs / "studio.log"
        arguments = ["--stay"] if self.stays else []
        studio = await child.start("Studio", "maestro_ray.studio", arguments, env, log, STUDIO_WITHIN)
        self.stays = True
        await asyncio.to_thread(sign_in, self._home, studio.answer["url"])
        return studio

    async def ended(self, running: Child) -> str:
        await child.gone(running.process)
        return self.name

    async def end(self, running: Child | None) -> None:
        if running is not None:
            await child.end(running.process, within=GRACE)
        await asyncio.to_thread(self._end_parts)

    def _end_parts(self) -> None:
        if find(self._mark):
            sweep(self._mark, grace=GRACE, within=2 * GRACE)
        (self._home.run / "studio.json").unlink(missing_ok=True)
