"""Which schema a database has, and its way from there to the present one: `migrations/versions`, forward only."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from maestro_ray.errors import DatabaseTooNew, MaestroError, MigrationFailed, NotStudios
from maestro_ray.studio import copies, database
from maestro_ray.studio.database import Place
from maestro_ray.studio.schema import metadata

MIGRATIONS = Path(__file__).parent / "migrations"

# alembic's own table, read and written here without alembic: to import it takes longer than to start Studio
_VERSION = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


@functools.cache
def known() -> tuple[str, ...]:
    """The schemas this version can read or bring up, oldest first; the last is the present one."""
    return tuple(sorted(path.stem[1:5] for path in (MIGRATIONS / "versions").glob("v[0-9]*.py")))


def schema_of(connection: sa.Connection, place: Place) -> str:
    """One of `known`, or an empty string for an empty database. Raises `DatabaseTooNew` or `NotStudios`."""
    tables = set(sa.inspect(connection).get_table_names())
    if not tables:
        return ""
    if _VERSION.name in tables:
        found = str(connection.execute(sa.select(_VERSION)).scalar() or "")
    else:
        found = _not_stamped(connection, tables)
    if found in known():
        return found
    if found.isdigit() and found > known()[-1]:
        raise DatabaseTooNew(database.shown(place), found, known()[-1])
    raise NotStudios(database.shown(place), "it holds tables of something else")


def _not_stamped(connection: sa.Connection, tables: set[str]) -> str:
    """The first four schemas did not write down which they are."""
    if not {"settings", "users", "projects", "runs"} <= tables:
        return ""
    users = {column["name"] for column in sa.inspect(connection).get_columns("users")}
    if "role" in users:
        return "0001"
    if "breakers" in tables:
        return "0004"
    return "0003" if "inbox" in tables else "0002"


def bring_up(engine: sa.Engine, place: Place) -> None:
    """Make the tables of an empty database, or change those of an older one, in one transaction.

    Of an SQLite file that will be changed a copy is kept beside it. Raises `DatabaseTooNew`, `NotStudios` and
    `MigrationFailed`; each leaves the database as it was.
    """
    with database.reading(engine).connect() as connection:
        found = schema_of(connection, place)
    if isinstance(place, Path):
        database.readers_do_not_wait(engine)
    if found == known()[-1]:
        return
    changing = database.connect(place, references=False)
    try:
        with changing.begin() as connection:
            _bring_up(connection, place)
    finally:
        changing.dispose()


def _bring_up(connection: sa.Connection, place: Place) -> None:
    # whoever had the turn before may have done it
    found = schema_of(connection, place)
    if not found:
        # to ask of each table whether it is there takes as long as to make it
        metadata.create_all(connection, checkfirst=False)
        _stamp(connection, known()[-1])
    elif found != known()[-1]:
        if not sa.inspect(connection).has_table(_VERSION.name):
            _stamp(connection, found)
        with _copy_beside(place, found):
            _migrate(connection, place)


@contextlib.contextmanager
def _copy_beside(place: Place, schema: str) -> Iterator[None]:
    """Another connection still sees the state before, so this one may have begun."""
    if not isinstance(place, Path):
        yield
        return
    copy = copies.keep(place, schema, time.time())
    try:
        yield
    except BaseException:
        copy.unlink()
        raise
    copies.forget_old(place)


def _stamp(connection: sa.Connection, schema: str) -> None:
    _VERSION.create(connection)
    connection.execute(_VERSION.insert(), {"version_num": schema})


def _migrate(connection: sa.Connection, place: Place) -> None:
    try:
        run_alembic(connection, known()[-1])
        if connection.dialect.name == "sqlite":
            orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            assert not orphans, f"rows without the rows they refer to: {orphans[:3]}"
    except MaestroError:
        raise
    except Exception as error:
        reason = str(getattr(error, "orig", None) or f"{type(error).__name__}: {error}").strip()
        raise MigrationFailed(database.shown(place), known()[-1], reason) from error


def run_alembic(connection: sa.Connection, schema: str) -> None:
    """Migrate as far as this schema, in the connection's present transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, schema)
