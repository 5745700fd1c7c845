from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from absent import absent
from studio.pretend import Rest

from maestro_ray.config import Config
from maestro_ray.home import Home
from maestro_ray.testing import LocalStudio

from .chromium import Window, chromium, missing
from .night import Night, fall
from .scene import Scene, play


@dataclass
class Desk:
    """A Studio in which a team works, and a browser that is signed in to it."""

    studio: LocalStudio
    scene: Scene
    window: Window

    @property
    def rest(self) -> Rest:
        return self.scene.rest

    async def sign_in(self) -> None:
        link = await self.rest.post("auth/page-link", status=201)
        await self.window.goto(link["url"])
        await self.window.wait("h1:has-text('Projects')")

    async def open(self, path: str, *, live: bool = True) -> None:
        assert await self.window.goto(f"{self.studio.url}{path}") == 200
        if live:
            await self.window.wait("#link-state[data-state=connected]")
            # what the page listens to is answered for before what it is told next
            await self.window.until("Pusher.instances[0].allChannels().every((each) => each.subscribed)")


@pytest_asyncio.fixture
async def studio(tmp_path: Path) -> AsyncIterator[LocalStudio]:
    home = Home(tmp_path / "home", tmp_path / "run")
    home.prepare()
    studio = LocalStudio(home, Config(session_lease=3600))
    await studio.start()
    yield studio
    await studio.stop()


@pytest.fixture(scope="session")
def installed() -> None:
    """A browser to test with; where nothing may be skipped (`.ci/run`) its absence is a failure."""
    if why := missing():
        absent(why)


@pytest_asyncio.fixture
async def window(installed: None) -> AsyncIterator[Window]:
    async with chromium() as window:
        await window.open()
        yield window


@pytest_asyncio.fixture
async def desk(window: Window, studio: LocalStudio) -> AsyncIterator[Desk]:
    async with httpx.AsyncClient(base_url=studio.url, trust_env=False, timeout=60) as http:
        desk = Desk(studio, await play(studio, http), window)
        await desk.sign_in()
        yield desk
        assert await window.problems() == []


@pytest_asyncio.fixture
async def night(desk: Desk) -> Night:
    """The same Studio when much has gone wrong in another project."""
    return await fall(desk.studio, desk.scene)
