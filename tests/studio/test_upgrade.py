from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from maestro_ray.errors import DatabaseTooNew, MigrationFailed, NotStudios
from maestro_ray.studio import copies, upgrade
from maestro_ray.studio import schema as t
from maestro_ray.studio.database import Place, connect
from maestro_ray.studio.store import Store, Transaction
from maestro_ray.testing import FakeClock

from .migrations.old import RELEASED, content, put_back

BROKEN = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "{mine}", "{last}"
def upgrade():
    op.create_table("half", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("DELETE FROM comments")
    with op.batch_alter_table("users") as batch:
        batch.drop_column("name")
    {end}
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return put_back(RELEASED[0], tmp_path / "studio.db")


def kept_copies(path: Path) -> list[Path]:
    return sorted(path.parent.glob("studio.db.schema-*"))


@pytest.fixture
def one_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A migration that is added to those there are; its file is still to be written."""
    last = upgrade.known()[-1]
    monkeypatch.setattr(
        upgrade, "MIGRATIONS", Path(shutil.copytree(upgrade.MIGRATIONS, tmp_path / "m%igrations"))
    )
    upgrade.known.cache_clear()
    yield upgrade.MIGRATIONS / "versions" / f"v{int(last) + 1:04}_more.py"
    upgrade.known.cache_clear()


def break_off(one_more: Path, end: str) -> None:
    last, mine = upgrade.known()[-1], one_more.stem[1:5]
    one_more.write_text(BROKEN.format(mine=mine, last=last, end=end))
    upgrade.known.cache_clear()


def test_the_schemas_are_numbered() -> None:
    assert upgrade.known()[:3] == ("0001", "0002", "0003")


def test_a_schema_that_did_not_say_which_it_is_is_recognised(tmp_path: Path) -> None:
    for schema in ("0001", "0002", "0003", "0004"):
        path = tmp_path / schema
        engine = connect(path, references=False)
        with engine.begin() as connection:
            upgrade.run_alembic(connection, schema)
            connection.exec_driver_sql("DROP TABLE alembic_version")
        upgrade.bring_up(engine, path)
        with engine.connect() as connection:
            assert upgrade.schema_of(connection, path) == upgrade.known()[-1]
        engine.dispose()
        assert [copy.name.split(".")[1] for copy in tmp_path.glob(f"{schema}.schema-*")] == [
            f"schema-{schema}"
        ]


async def test_before_a_file_is_changed_a_copy_of_it_is_kept(old: Path, clock: FakeClock) -> None:
    before = content(old)
    await (await Store.open(old, clock, lambda *_: None)).close()
    (copy,) = kept_copies(old)
    assert copy.name.startswith("studio.db.schema-0001.")
    assert copy.stat().st_mode & 0o777 == 0o600
    assert content(copy) == before
    # nothing is to be done the next time
    await (await Store.open(old, clock, lambda *_: None)).close()
    assert kept_copies(old) == [copy]


async def test_only_the_last_copies_are_kept(old: Path, clock: FakeClock) -> None:
    for number in range(copies.KEPT + 2):
        earlier = old.with_name(f"studio.db.schema-0001.2026010{number}-000000")
        earlier.touch()
        os.utime(earlier, (number, number))
    await (await Store.open(old, clock, lambda *_: None)).close()
    assert [copy.name[-15:] for copy in kept_copies(old)][:-1] == ["20260103-000000", "20260104-000000"]


@pytest.mark.parametrize(
    "end",
    ["raise ZeroDivisionError", 'op.execute("INSERT INTO nowhere VALUES (1)")',
     "op.execute(\"INSERT INTO comments (id, task_id, author, body) VALUES ('c', 'ghost', '', '')\")"],
)  # fmt: skip
async def test_a_migration_that_dies_leaves_the_file_as_it_was(
    old: Path, clock: FakeClock, one_more: Path, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(old)
    break_off(one_more, end)
    with pytest.raises(MigrationFailed) as raised:
        await Store.open(old, clock, lambda *_: None)
    assert raised.value.args[:2] == (str(old), one_more.stem[1:5])
    assert content(old) == before
    assert kept_copies(old) == []
    # the last version still takes it
    one_more.unlink()
    upgrade.known.cache_clear()
    store = await Store.open(old, clock, lambda *_: None)
    assert len(await store.read(Transaction.all, sa.select(t.comments))) == 2
    await store.close()


def test_a_migration_that_dies_leaves_a_server_as_it_was(empty_postgres: str, one_more: Path) -> None:
    engine = connect(empty_postgres)
    try:
        upgrade.bring_up(engine, empty_postgres)
        break_off(one_more, "raise ZeroDivisionError")
        with pytest.raises(MigrationFailed, match=r"maestro@/empty\S* cannot be brought to schema"):
            upgrade.bring_up(engine, empty_postgres)
        with engine.connect() as connection:
            assert upgrade.schema_of(connection, empty_postgres) == upgrade.known()[-2]
            assert not sa.inspect(connection).has_table("half")
            assert connection.execute(sa.select(t.users.c.name)).all() == []
    finally:
        engine.dispose()


async def test_a_file_of_a_newer_version_is_refused_and_not_touched(tmp_path: Path, clock: FakeClock) -> None:
    path = tmp_path / "studio.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('9999')"
        )
    before = path.read_bytes()
    with pytest.raises(DatabaseTooNew) as raised:
        await Store.open(path, clock, lambda *_: None)
    assert raised.value.args == (str(path), "9999", upgrade.known()[-1])
    assert "newer maestro" in str(raised.value)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "made",
    [
        "CREATE TABLE recipes (id TEXT)",
        "CREATE TABLE alembic_version (version_num TEXT)",
        "CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('ae1027a6acf')",
    ],
)
async def test_a_database_of_something_else_is_refused_and_not_touched(
    tmp_path: Path, clock: FakeClock, made: str
) -> None:
    path = tmp_path / "studio.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(made)
    before = path.read_bytes()
    with pytest.raises(NotStudios, match="tables of something else"):
        await Store.open(path, clock, lambda *_: None)
    assert path.read_bytes() == before


async def test_several_who_come_at_once_take_turns(
    backend: str, tmp_path: Path, request: pytest.FixtureRequest, clock: FakeClock
) -> None:
    place: Place
    if backend == "sqlite":
        place = put_back(RELEASED[0], tmp_path / "studio.db")
    else:
        place = request.getfixturevalue("empty_postgres")
    stores = await asyncio.gather(*(Store.open(place, clock, lambda *_: None) for _ in range(4)))
    for number, store in enumerate(stores):
        await store.write(Transaction.insert, t.projects, key=f"github:a/{number}", name="b")
        await store.close()
    assert len(kept_copies(tmp_path / "studio.db")) == (1 if backend == "sqlite" else 0)


def test_a_start_without_a_migration_does_not_wait_for_alembic(tmp_path: Path) -> None:
    """To import it would take as long as all the rest; neither a new database needs it nor one that is there."""
    code = """if True:
        import asyncio, sys
        from pathlib import Path
        from maestro_ray.clock import SystemClock
        from maestro_ray.studio import __main__
        from maestro_ray.studio.store import Store
        async def main():
            await (await Store.open(Path(sys.argv[1]), SystemClock(), print)).close()
        asyncio.run(main())
        print(*(name for name in ("alembic", "mako", "psycopg") if name in sys.modules))
        """
    words = [sys.executable, "-c", code, str(tmp_path / "studio.db")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(2):
        assert subprocess.run(words, env=env, check=True, capture_output=True, text=True).stdout == "\n"
