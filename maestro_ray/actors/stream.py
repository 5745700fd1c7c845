"""Carries what agents say to Studio, for those who watch there: soft, in pieces, and dropped when it is too much."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from maestro_ray.actors.messages import Text
from maestro_ray.actors.mirror import Post
from maestro_ray.actors.threads import ended

log = logging.getLogger(__name__)

# one call for all that a run said in this time, in seconds
EVERY = 0.4
# of what one run said and Studio has not, in characters
KEPT = 48 * 1024


class Stream:
    """One team's."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._said: dict[tuple[str, str], str] = {}
        self._filled = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run())

    def add(self, texts: Sequence[Text]) -> None:
        for text in texts:
            key = (text.run, text.worker)
            self._said[key] = (self._said.get(key, "") + text.text)[-KEPT:]
        if texts:
            self._filled.set()

    def cancel(self) -> None:
        """Nobody will read it any more."""
        self._task.cancel()

    async def close(self) -> None:
        """What waits is not worth waiting for."""
        await ended(self._task)

    async def _run(self) -> None:
        while True:
            await self._filled.wait()
            self._filled.clear()
            said, self._said = self._said, {}
            for (run, worker), text in said.items():
                try:
                    await self._post(f"cli-runs/{run}/chunks", {"worker": worker, "text": text})
                except Exception as error:  # noqa: BLE001 - it is soft: the next piece may get through
                    log.info("what %s said in run %s is not shown: %r", worker, run, error)
            await asyncio.sleep(EVERY)
