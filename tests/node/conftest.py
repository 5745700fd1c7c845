"""The world's own clients and servers, in node: `make node` installs them, and without them these tests skip."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from absent import absent

from maestro_ray.connection.sign_in import studio_tokens
from maestro_ray.home import Home
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Transaction
from maestro_ray.testing import LocalStudio

from .program import HERE, Program

Start = Callable[..., Awaitable[Program]]


def _missing() -> str:
    if shutil.which("node") is None:
        return "there is no node (apt-get install nodejs npm, then make node)"
    # written at the end of an installation
    if not (HERE / "node_modules" / ".package-lock.json").exists():
        return "the packages of tests/node are not installed (make node)"
    return ""


@pytest.fixture(autouse=True, scope="session")
def _node() -> None:
    """Everything here needs node; where nothing may be skipped (`.ci/run`) its absence is a failure."""
    if reason := _missing():
        absent(reason)


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[LocalStudio]:
    """A Studio with a project `p` and its team `shop`."""
    home = Home(tmp_path / "home", tmp_path / "run")
    home.prepare()
    studio = LocalStudio(home)
    await studio.start()
    await studio.store.write(_furnish)
    yield studio
    await studio.stop()


def _furnish(tx: Transaction) -> None:
    tx.insert(t.projects, id="p", key="github:acme/shop", name="shop")
    tx.insert(t.teams, project_id="p", name="shop")


@pytest.fixture
async def token(studio: LocalStudio) -> str:
    """An access token of somebody called `operator`, an owner."""
    client = await studio.client()
    await client.close()
    return await asyncio.to_thread(studio_tokens(studio.home, studio.url).access_token)


@pytest.fixture
async def start(studio: LocalStudio, token: str) -> AsyncIterator[Start]:
    """Start a program of this directory that knows where Studio is."""
    programs: list[Program] = []

    async def start(name: str, **more: Any) -> Program:
        port = int(studio.url.rpartition(":")[2])
        place = {"key": studio.hub.key, "port": port, "token": token} | more
        programs.append(program := await Program.start(name, **place))
        return program

    yield start
    for program in programs:
        await program.end()
