"""A home, and a real Studio on loopback in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from keyrings import installed

from maestro_ray.connection import socket
from maestro_ray.home import Home
from maestro_ray.protocol.backoff import Backoff
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Transaction
from maestro_ray.testing import LocalStudio


@pytest.fixture(autouse=True)
def no_keyring() -> Iterator[None]:
    """Tests leave the keyring of whoever runs them alone."""
    with installed(None):
        yield


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home", tmp_path / "run")
    home.prepare()
    return home


@pytest.fixture
async def studio(home: Home) -> AsyncIterator[LocalStudio]:
    studio = LocalStudio(home)
    await studio.start()
    await studio.store.write(_furnish)
    yield studio
    await studio.stop()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever tries again does it soon."""
    monkeypatch.setattr(socket, "Backoff", lambda: Backoff(cap=0.1, base=0.05, floor=0.01))
    monkeypatch.setattr(socket, "PATIENCE", 0.01)


def _furnish(tx: Transaction) -> None:
    """A project `p` with a team `t`: channels that may be listened to."""
    tx.insert(t.projects, id="p", key="github:acme/p", name="p")
    tx.insert(t.teams, project_id="p", name="t")
