from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys

import pytest

from maestro_cli import main
from maestro_ray.clock import SystemClock
from maestro_ray.home import Home
from maestro_ray.studio import upgrade
from maestro_ray.studio.store import Store

STOP = "hint: stop it with `maestro daemon stop`, and try again\n"


@pytest.fixture
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("MAESTRO_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    home = Home.find()
    home.prepare()
    return home


@pytest.fixture
def database(home):
    async def make():
        await (await Store.open(home.studio_database, SystemClock(), lambda *_: None)).close()

    asyncio.run(make())
    return home.studio_database


def run(capsys, *words):
    code = main.run(["studio", *words])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_a_backup_is_written_and_put_back(capsys, database, tmp_path):
    schema, file = upgrade.known()[-1], tmp_path / "b.db"
    code, out, err = run(capsys, "backup", "b.db")
    assert (code, err) == (0, "")
    assert out == f"wrote {file}: schema {schema}, {file.stat().st_size:,} bytes\n"

    code, out, err = run(capsys, "restore", "b.db")
    (kept,) = database.parent.glob("studio.db.replaced-*")
    assert (code, err) == (0, "")
    assert out == f"restored {database} from {file}: schema {schema}\nwhat it was before: {kept}\n"


def test_the_same_as_json(capsys, database, tmp_path):
    (tmp_path / "there").mkdir()
    schema, file = upgrade.known()[-1], tmp_path / "there" / "b.db"
    _, out, _ = run(capsys, "backup", "b.db", "-C", "there", "--json")
    assert json.loads(out) == {
        "kind": "studio", "action": "backup", "status": "ok",
        "path": str(file), "schema": schema, "bytes": file.stat().st_size,
    }  # fmt: skip
    database.unlink()
    _, out, _ = run(capsys, "restore", str(file), "--json")
    assert json.loads(out) == {
        "kind": "studio", "action": "restore", "status": "ok", "path": str(database), "schema": schema, "kept": None,
    }  # fmt: skip


def test_a_file_that_exists_is_left_alone_unless_forced(capsys, database, tmp_path):
    (tmp_path / "b.db").write_text("precious")
    assert run(capsys, "backup", "b.db") == (
        1,
        "",
        f"error: {tmp_path / 'b.db'} exists already\nhint: name another file, or overwrite it with --force\n",
    )
    assert run(capsys, "backup", "b.db", "--force")[0] == 0


def test_what_cannot_be_is_told(capsys, home, tmp_path):
    code, _, err = run(capsys, "backup", "b.db")
    assert (code, err.splitlines()[0]) == (1, f"error: there is no database {str(home.studio_database)!r}")
    code, out, _ = run(capsys, "restore", "b.db", "--json")
    assert (code, json.loads(out)["error_kind"]) == (1, "not_found")
    (tmp_path / "b.db").write_text("certainly not SQLite\n" * 100)
    code, out, _ = run(capsys, "restore", "b.db", "--json")
    assert (code, json.loads(out)["error_kind"]) == (1, "not_studios")
    assert run(capsys, "restore")[0] == run(capsys, "backup")[0] == 2


def test_studio_is_backed_up_while_it_runs_and_must_be_stopped_for_a_restore(capsys, home):
    reading, writing = os.pipe()
    studio = subprocess.Popen(
        [sys.executable, "-m", "maestro_ray.studio", "--ready", str(writing)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        pass_fds=[writing],
    )
    os.close(writing)
    try:
        with os.fdopen(reading) as ready:
            assert json.loads(ready.readline())["pid"] == studio.pid
        assert run(capsys, "backup", "b.db")[0] == 0
        assert run(capsys, "restore", "b.db") == (
            1,
            "",
            f"error: the database {home.studio_database} is in use by a running Studio (pid {studio.pid})\n{STOP}",
        )
    finally:
        studio.send_signal(signal.SIGTERM)
        studio.wait(60)
    assert run(capsys, "restore", "b.db")[0] == 0


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        ("backup", "pg_dump --format=custom --no-owner '--file={file}' --dbname=postgresql://ada@db:5433/maestro"),
        ("restore", "pg_restore --clean --if-exists --no-owner --single-transaction --dbname=postgresql://ada@db:5433/maestro '{file}'"),
    ],
)  # fmt: skip
def test_a_server_is_backed_up_with_its_own_tools(capsys, home, tmp_path, command, hint):
    (home.root / "config.toml").write_text(
        '[studio]\ndatabase = "postgresql://ada:hunter2@db:5433/maestro"\n'
    )
    code, out, err = run(capsys, command, "my backup.db")
    assert (code, out) == (1, "")
    assert err == (
        "error: Studio's database is on a PostgreSQL server, which has tools of its own\n"
        f"hint: {hint.format(file=tmp_path / 'my backup.db')}\n"
    )
