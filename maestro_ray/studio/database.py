"""Where Studio's database is, a file or a PostgreSQL server, and how a connection to it behaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from maestro_ray.errors import ExtraMissing

Place = Path | str

# "maestro": who writes to a PostgreSQL database takes this advisory lock first
TURN = 0x6D61657374726F

# A server drops a writer whose machine is gone after this time, and a connection that cannot be made is given up.
# Waiting for one's turn ends before a caller would have given up.
_POSTGRESQL = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": "maestro-studio",
    "options": "-c idle_in_transaction_session_timeout=30s -c lock_timeout=20s",
}


def connect(place: Place, *, references: bool = True) -> sa.Engine:
    """An engine for this file, or for this `postgresql://…` address. Nothing is opened yet.

    Whoever begins a transaction on it is a writer and waits for its turn; `reading` gives one for those who only
    read. Without `references` SQLite does not check them: a table that others refer to can only be changed so.
    Raises `ExtraMissing` when PostgreSQL's driver is not installed.
    """
    return _sqlite(place, references) if isinstance(place, Path) else _postgresql(place)


def reading(engine: sa.Engine) -> sa.Engine:
    """The same engine for readers: they wait for no writer and see one state from beginning to end."""
    options: dict[str, Any] = {"maestro_reads": True}
    if engine.dialect.name == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    return engine.execution_options(**options)


def shown(place: Place) -> str:
    """The place in words that may be logged: no password, nor any parameter that could be one."""
    if isinstance(place, Path):
        return str(place)
    url = sa.make_url(place)
    where = {key: value for key, value in url.query.items() if key in ("host", "port", "user", "dbname")}
    return sa.URL.create(
        "postgresql", username=url.username, host=url.host, port=url.port, database=url.database, query=where
    ).render_as_string()


def _sqlite(path: Path, references: bool) -> sa.Engine:
    # an address made of text would break at a `?` or `%` in the path
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)), hide_parameters=True)

    def tune(connection: Any, _record: Any) -> None:
        # the driver must not begin transactions by itself: `_begin_sqlite` does, at once as a writer
        connection.isolation_level = None
        for pragma in ("synchronous=FULL", f"foreign_keys={references:d}", "busy_timeout=5000"):
            connection.execute(f"PRAGMA {pragma}").close()

    sa.event.listen(engine, "connect", tune)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def readers_do_not_wait(engine: sa.Engine) -> None:
    """An SQLite file keeps its journal beside it from now on (WAL), so that readers and a writer go on together."""
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    if _reads(connection):
        # waits for nothing and cannot fail: SQLAlchemy's way to it takes as long as a short read
        connection.connection.driver_connection.execute("BEGIN").close()  # type: ignore[union-attr]
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _postgresql(address: str) -> sa.Engine:
    url = sa.make_url(address).set(drivername="postgresql+psycopg")
    try:
        engine = sa.create_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=_usual(url))
    except ImportError as error:
        raise ExtraMissing("a PostgreSQL database", "postgres") from error
    sa.event.listen(engine, "begin", _begin_postgresql)
    return engine


def _usual(url: sa.URL) -> dict[str, Any]:
    """What the address says itself wins."""
    return {key: value for key, value in _POSTGRESQL.items() if key not in url.query}


def arguments(engine: sa.Engine) -> dict[str, Any]:
    """How psycopg connects to where this engine does."""
    _, found = engine.dialect.create_connect_args(engine.url)
    return {**_usual(engine.url), **found}


def _begin_postgresql(connection: sa.Connection) -> None:
    """One writer at a time, of all processes: what a transaction reads stays true until it commits, as with SQLite.

    Serialisable transactions would do without the lock, but each of Studio's reads what all others write (dispatch
    looks at everything), so that nearly all of those that meet would have to be done again. Each statement sees what
    was committed before it began (READ COMMITTED): so everything after the lock does.
    """
    if not _reads(connection):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({TURN})")


def _reads(connection: sa.Connection) -> bool:
    return bool(connection.get_execution_options().get("maestro_reads", False))
