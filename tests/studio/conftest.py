from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import httpx
import pytest
import pytest_asyncio
import sqlalchemy as sa
from starlette.applications import Starlette

from maestro_ray.config import Config
from maestro_ray.studio import dispatch, identity
from maestro_ray.studio.app import create_app
from maestro_ray.studio.doorkeeper import Doorkeeper
from maestro_ray.studio.schema import metadata
from maestro_ray.studio.socket import Hub
from maestro_ray.studio.store import Store, Transaction
from maestro_ray.studio.studio import Studio
from maestro_ray.testing import FakeClock

from .pretend import Enter, Rest

P = ParamSpec("P")
T = TypeVar("T")
Published = list[tuple[str, str, dict[str, Any]]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(wall=1_800_000_000.0, monotonic=50.0)


@pytest.fixture
def published() -> Published:
    """Every event that left Studio: channel, method, params."""
    return []


@pytest.fixture(scope="session")
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database nobody has used, to be copied: making its tables is most of a short test's time."""
    path = tmp_path_factory.mktemp("studio") / "studio.db"
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)))
    metadata.create_all(engine)
    engine.dispose()
    return path


@pytest.fixture
def database(new_database: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(new_database, tmp_path / "studio.db"))


@pytest_asyncio.fixture
async def store(database: Path, clock: FakeClock, published: Published) -> AsyncIterator[Store]:
    store = await Store.open(database, clock, lambda *event: published.append(event))
    yield store
    await store.close()


@pytest_asyncio.fixture
async def studio(database: Path, clock: FakeClock, published: Published) -> AsyncIterator[Studio]:
    """A Studio as `__main__` makes it, without a socket."""
    hub = Hub("key", "secret")

    def publish(channel: str, method: str, params: dict[str, Any]) -> None:
        published.append((channel, method, params))
        hub.publish(channel, method, params)

    store = await Store.open(database, clock, publish)
    door = Doorkeeper(store, await store.write(identity.setting, "jwt_secret"), clock)
    studio = Settled(store, hub, Config(), clock, door)
    yield studio
    await store.close()


class Settled(Studio):
    """A Studio that looks after every change whether what follows from it was done: whatever is left is a mistake."""

    async def change(
        self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        answer = await super().change(work, *args, **kwargs)
        assert await self.store.write(left_over) == []
        return answer


def left_over(tx: Transaction) -> list[tuple[str, str, dict[str, Any]]]:
    """What there was still to do; it is done, and nobody is told."""
    dispatch.settle(tx)
    told, tx.events = tx.events, []
    return told


@pytest.fixture
def app(studio: Studio) -> Starlette:
    return create_app(studio)


@pytest_asyncio.fixture
async def stranger(app: Starlette) -> AsyncIterator[Rest]:
    """Somebody who has not signed in."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8001", trust_env=False
    ) as http:
        yield Rest(http)


@pytest_asyncio.fixture
async def rest(stranger: Rest, studio: Studio) -> Rest:
    """The owner."""
    await stranger.sign_in(await studio.store.write(identity.invite))
    return stranger


@pytest_asyncio.fixture
async def enter(app: Starlette, rest: Rest) -> AsyncIterator[Enter]:
    """Somebody else, invited by the owner."""
    async with AsyncExitStack() as stack:

        async def enter(role: str, project: str = "*") -> Rest:
            transport = httpx.ASGITransport(app)
            client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8001", trust_env=False)
            other = Rest(await stack.enter_async_context(client))
            body = {"role": role, "project_id": project}
            await other.sign_in((await rest.post("auth/invites", body, status=201))["token"])
            return other

        yield enter
