from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import httpx
import pytest
import pytest_asyncio
import sqlalchemy as sa
from absent import absent
from starlette.applications import Starlette

from maestro_ray.config import Config
from maestro_ray.studio import dispatch, identity
from maestro_ray.studio import schema as t
from maestro_ray.studio.app import create_app
from maestro_ray.studio.database import Place, connect
from maestro_ray.studio.hub import Hub
from maestro_ray.studio.schema import metadata
from maestro_ray.studio.store import Store, Transaction
from maestro_ray.studio.studio import Studio
from maestro_ray.studio.upgrade import bring_up
from maestro_ray.testing import FakeClock

from . import postgres
from .pretend import Enter, Rest

Count = Callable[[], Awaitable[dict[str, int]]]
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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Whatever has a database is tested on both kinds, unless its module says why one is enough."""
    if "backend" in metafunc.fixturenames:
        one = metafunc.definition.get_closest_marker("sqlite_only")
        assert one is None or one.args, "sqlite_only(reason)"
        metafunc.parametrize("backend", ["sqlite"] if one else ["sqlite", "postgresql"])


@pytest.fixture(scope="session")
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database nobody has used, to be copied: making its tables is most of a short test's time."""
    path = tmp_path_factory.mktemp("studio") / "studio.db"
    _make_tables(path)
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """A server of this run's own."""
    if (binaries := postgres.programs()) is None:
        absent("there is no PostgreSQL: apt-get install postgresql")
    with postgres.running(binaries) as server:
        yield server


@pytest.fixture(scope="session")
def shared_database(postgres_server: postgres.Server) -> str:
    """One database for all tests, which each empties: to copy a template takes ten times as long."""
    postgres_server.do("CREATE DATABASE studio")
    address = postgres_server.address("studio")
    _make_tables(address)
    return address


def _make_tables(place: Place) -> None:
    engine = connect(place)
    bring_up(engine, place)
    engine.dispose()


@pytest.fixture
def postgres_database(postgres_server: postgres.Server, shared_database: str) -> str:
    """The address of a PostgreSQL database with tables and no row."""
    emptied = "; ".join(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables))
    postgres_server.do(emptied, "studio")
    return shared_database


@pytest.fixture
def empty_postgres(postgres_server: postgres.Server) -> Iterator[str]:
    """The address of a PostgreSQL database in which there is no table."""
    postgres_server.do("CREATE DATABASE empty STRATEGY FILE_COPY")
    yield postgres_server.address("empty")
    postgres_server.do("DROP DATABASE empty WITH (FORCE)")


@pytest.fixture
def database(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    """Where a new database is."""
    if backend == "sqlite":
        return Path(shutil.copy(request.getfixturevalue("new_database"), tmp_path / "studio.db"))
    address: str = request.getfixturevalue("postgres_database")
    return address


class RememberingHub(Hub):
    def __init__(self, published: Published) -> None:
        super().__init__("", "")
        self.published = published

    def publish(self, *event: Any) -> None:
        self.published.append(event[:3])
        super().publish(*event)


@pytest_asyncio.fixture
async def store(database: Place, clock: FakeClock, published: Published) -> AsyncIterator[Store]:
    store = await Store.open(database, clock, lambda *event: published.append(event[:3]))
    yield store
    await store.close()


@pytest_asyncio.fixture
async def studio(database: Place, clock: FakeClock, published: Published) -> AsyncIterator[Studio]:
    """A Studio as `__main__` makes it, without a socket. Its numbers begin at 1."""
    studio = await Settled.open(database, Config(), clock, RememberingHub(published))
    studio.hub.key, studio.hub.secret = "key", "secret"
    studio.hub.renumber({})
    yield studio
    await studio.store.close()


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


@pytest.fixture
def rows(studio: Studio) -> Count:
    """How many rows every table has, and in which states plans, tasks and cards are."""

    def count(tx: Transaction) -> dict[str, int]:
        found = {
            name: tx.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for name, table in metadata.tables.items()
        }
        states = [tx.all(sa.select(table.c.status)) for table in (t.plans, t.tasks, t.decisions)]
        return {**found, str(states): 0}

    async def counted() -> dict[str, int]:
        return await studio.store.read(count)

    return counted
