"""A PostgreSQL server of the tests' own, on a Unix socket in a directory that goes with it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

# nothing here outlives the server, so nothing needs to reach a disk
OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "autovacuum": "off",
    # in its own directory, with which it goes
    "dynamic_shared_memory_type": "mmap",
    # the cheapest there is for databases that are made in a moment and thrown away
    "wal_level": "minimal",
    "max_wal_senders": "0",
}

# a new database is a copy of some thousand files: ten times as fast where no disk is below them
MEMORY = "/dev/shm"
PREFIX = "maestro-pg-"


def programs() -> Path | None:
    """The directory of `postgres` and `initdb`: on PATH, or where Debian keeps each version's."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    on_path = shutil.which("postgres")
    candidates = [*reversed(debian), *([Path(on_path).parent] if on_path else [])]
    return next(
        (path for path in candidates if (path / "initdb").exists() and (path / "postgres").exists()), None
    )


class Server:
    """A server that runs; `address(name)` is where Studio finds a database of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def address(self, name: str) -> str:
        return f"postgresql://maestro@/{name}?host={self.directory}"

    def do(self, statement: str, database: str = "postgres") -> None:
        """One statement, in no transaction."""
        with psycopg.connect(
            host=str(self.directory), user="maestro", dbname=database, autocommit=True
        ) as connection:
            connection.execute(statement)  # type: ignore[call-overload]  # a test's own words

    def cut_all(self, database: str, which: str = "") -> None:
        """End the connections to a database whose last statement begins so, as a lost network would."""
        mine = f"datname = '{database}' AND query LIKE '{which}%' AND pid <> pg_backend_pid()"
        self.do(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}")


@contextlib.contextmanager
def running(binaries: Path) -> Iterator[Server]:
    # pytest's own directories are closed to other users, and PostgreSQL refuses to be root
    place = MEMORY if os.access(MEMORY, os.W_OK) else tempfile.gettempdir()
    _sweep(Path(place))
    directory = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=place))
    user = _unprivileged()
    if user is not None:
        os.chown(directory, user, -1)
    data = directory / "data"
    try:
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "maestro", "--auth=trust", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8"],
            user=user, check=True, capture_output=True, cwd="/",
        )  # fmt: skip
        options = [word for name, value in OPTIONS.items() for word in ("-c", f"{name}={value}")]
        with (directory / "log").open("wb") as log:
            server = subprocess.Popen(
                [binaries / "postgres", "-D", data, "-k", directory, *options],
                user=user, stdout=log, stderr=log, cwd="/", preexec_fn=_die_with_parent,
            )  # fmt: skip
        try:
            _wait(server, found := Server(directory))
            yield found
        finally:
            server.send_signal(signal.SIGQUIT)  # at once
            server.wait(60)
    finally:
        shutil.rmtree(directory)


def _die_with_parent() -> None:
    """Tests that are killed leave no server: the kernel sends it SIGQUIT then (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


def _sweep(place: Path) -> None:
    """Remove what tests that were killed have left."""
    for left in place.glob(f"{PREFIX}*"):
        pid = left.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdigit() and not Path("/proc", pid).exists():
            shutil.rmtree(left, ignore_errors=True)


def _unprivileged() -> int | None:
    """A user to run as when we are root: Debian's own for PostgreSQL, or nobody."""
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_uid
    except KeyError:
        return pwd.getpwnam("nobody").pw_uid


def _wait(server: subprocess.Popen[bytes], found: Server) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            found.do("SELECT 1")
            return
        except psycopg.OperationalError:
            assert server.poll() is None, (found.directory / "log").read_text()
            assert time.monotonic() < until, (found.directory / "log").read_text()
            time.sleep(0.02)
