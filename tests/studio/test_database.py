from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from maestro_ray.errors import DatabaseUnavailable, ExtraMissing
from maestro_ray.studio import database
from maestro_ray.studio import schema as t
from maestro_ray.studio.database import Place, connect, reading, shown
from maestro_ray.studio.store import Store, Transaction
from maestro_ray.testing import FakeClock

from .postgres import Server

SECRET = "postgresql://ada:hunter%2F2@127.0.0.1:1/studio?sslpassword=hunter%2F2"


def test_what_is_shown_of_an_address_holds_no_secret() -> None:
    assert shown(SECRET) == "postgresql://ada@127.0.0.1:1/studio"
    assert shown(Path("/x/studio.db")) == "/x/studio.db"


async def test_a_server_that_is_away_is_said_to_be_without_the_password(clock: FakeClock) -> None:
    with pytest.raises(DatabaseUnavailable) as raised:
        await Store.open(SECRET, clock, lambda *_: None)
    assert raised.value.args[0] == "postgresql://ada@127.0.0.1:1/studio"
    assert "refused" in str(raised.value)
    assert "hunter" not in f"{raised.value} {raised.value.__cause__!r} {raised.value.hint}"


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ExtraMissing) as raised:
        connect(SECRET)
    assert str(raised.value) == "a PostgreSQL database needs a library that is not installed"
    assert raised.value.hint.endswith("python -m pip install 'maestro-ray[postgres]'")


def test_the_address_wins_over_what_is_usual() -> None:
    usual, own = connect("postgresql://h/x"), connect("postgresql://h/x?connect_timeout=77&options=-cx%3D1")
    assert database.arguments(usual)["connect_timeout"] == 10
    assert "lock_timeout" in database.arguments(usual)["options"]
    assert database.arguments(own)["connect_timeout"] in (77, "77")
    assert database.arguments(own)["options"] == "-cx=1"


def test_an_error_does_not_show_the_values_of_a_statement(database: Place) -> None:
    engine = connect(database)
    with pytest.raises(sa.exc.IntegrityError) as raised, engine.begin() as connection:
        connection.execute(t.settings.insert(), [{"name": "jwt_secret", "value": "hunter2"}] * 2)
    engine.dispose()
    assert "hunter2" not in str(raised.value)


async def test_writers_of_two_processes_take_turns(database: Place, clock: FakeClock) -> None:
    """Each reads what it writes: without turns they would overwrite one another."""

    def count(tx: Transaction) -> None:
        row = tx.first(sa.select(t.settings))
        if row is None:
            tx.insert(t.settings, name="n", value="1")
        else:
            tx.execute(t.settings.update().values(value=str(int(row["value"]) + 1)))

    stores = [await Store.open(database, clock, lambda *_: None) for _ in range(2)]
    await asyncio.gather(*(store.write(count) for _ in range(20) for store in stores))
    row = await stores[0].read(Transaction.first, sa.select(t.settings))
    assert row is not None
    assert row["value"] == "40"
    for store in stores:
        await store.close()


def test_a_reader_sees_one_state_waits_for_nobody_and_cannot_write(database: Place) -> None:
    engine = connect(database)
    count = sa.select(sa.func.count()).select_from(t.settings)
    try:
        with reading(engine).connect() as reader:
            assert reader.execute(count).scalar() == 0
            with engine.begin() as writer:
                writer.execute(t.settings.insert(), {"name": "a", "value": "x"})
                assert reader.execute(count).scalar() == 0
            assert reader.execute(count).scalar() == 0
        with reading(engine).connect() as reader:
            assert reader.execute(count).scalar() == 1
    finally:
        engine.dispose()


async def test_a_connection_that_was_cut_is_made_again(
    postgres_server: Server, postgres_database: str, clock: FakeClock
) -> None:
    store = await Store.open(postgres_database, clock, lambda *_: None)
    await store.read(Transaction.all, sa.select(t.users))
    postgres_server.cut_all("studio")
    await store.read(Transaction.all, sa.select(t.users))
    await store.close()
