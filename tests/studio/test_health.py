from __future__ import annotations

import asyncio
from typing import Any

import sqlalchemy as sa

from maestro_ray.studio.health import Health
from maestro_ray.studio.studio import Studio

from .pretend import Rest


class Slow:
    """A store that answers when it is let, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.go = asyncio.Event()

    async def read(self, *_: Any) -> None:
        self.asked += 1
        await self.go.wait()


async def test_a_database_that_hangs_is_asked_once() -> None:
    store, health = Slow(), Health()
    assert not await health.database(store, 0.01)  # type: ignore[arg-type]  # it has what is used
    assert not await health.database(store, 0.01)  # type: ignore[arg-type]
    assert store.asked == 1
    store.go.set()
    assert await health.database(store, 1)  # type: ignore[arg-type]
    assert await health.database(store, 1)  # type: ignore[arg-type]
    assert store.asked == 2


async def test_a_database_that_fails_is_down_and_says_nothing_of_why(
    stranger: Rest, studio: Studio, monkeypatch: Any
) -> None:
    async def fails(*_: Any) -> None:
        raise sa.exc.OperationalError("SELECT secret", {}, Exception("disk I/O error"))

    with monkeypatch.context() as patch:
        patch.setattr(studio.store, "read", fails)
        answer = await stranger.http.get("/up")
    assert answer.status_code == 503
    assert answer.json() == {"status": "down", "version": answer.json()["version"], "database": "no answer"}
    assert (await stranger.http.get("/up")).status_code == 200
