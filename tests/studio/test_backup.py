from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shlex
import shutil
import sqlite3
import stat
import subprocess
from pathlib import Path

import pytest
import sqlalchemy as sa

from maestro_cli import main
from maestro_ray.errors import (
    Conflict,
    DatabaseInUse,
    DatabaseTooNew,
    MaestroError,
    NotFound,
    NotStudios,
    NotWritable,
)
from maestro_ray.studio import backup, upgrade
from maestro_ray.studio import schema as t
from maestro_ray.studio.claim import claim
from maestro_ray.studio.store import Store, Transaction
from maestro_ray.testing import FakeClock

from . import postgres
from .migrations.old import RELEASED, put_back


@pytest.fixture
def live(new_database: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(new_database, tmp_path / "studio.db"))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "elsewhere" / "backup.db"


async def projects(path: Path, clock: FakeClock) -> list[str]:
    store = await Store.open(path, clock, lambda *_: None)
    rows = await store.read(Transaction.all, sa.select(t.projects).order_by(t.projects.c.id))
    await store.close()
    return [row["name"] for row in rows]


async def add(path: Path, clock: FakeClock, name: str) -> None:
    store = await Store.open(path, clock, lambda *_: None)
    await store.write(lambda tx: tx.insert(t.projects, key=f"local:{name}", name=name))
    await store.close()


async def test_a_copy_made_while_studio_writes_is_of_one_moment(
    live: Path, target: Path, clock: FakeClock
) -> None:
    """Each transaction writes two rows: no copy may have one of them."""
    store = await Store.open(live, clock, lambda *_: None)
    copied = asyncio.Event()

    def two(tx: Transaction, number: int) -> None:
        for side in "ab":
            tx.insert(t.projects, key=f"local:{number}{side}", name="x" * 10_000)

    async def write() -> None:
        for number in itertools.count():
            await store.write(two, number)
            if copied.is_set():
                return

    writing = asyncio.create_task(write())
    for number in range(5):
        made = await asyncio.to_thread(backup.make, live, target, force=number > 0)
        assert made == backup.Made(upgrade.known()[-1], target.stat().st_size)
        assert len(await projects(target, clock)) % 2 == 0
        (target.parent / "backup.db").unlink() if number == 2 else None
    copied.set()
    await writing
    await store.close()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


async def test_what_is_put_back_is_what_was_copied_and_what_it_replaces_is_kept(
    live: Path, target: Path, clock: FakeClock
) -> None:
    await add(live, clock, "before")
    backup.make(live, target)
    await add(live, clock, "after")
    first = backup.restore(live, target)
    assert first.schema == upgrade.known()[-1]
    assert await projects(live, clock) == ["before"]
    assert first.kept is not None
    second = backup.restore(live, first.kept)
    assert await projects(live, clock) == ["before", "after"]
    assert second.kept not in (None, first.kept)
    assert stat.S_IMODE(live.stat().st_mode) == 0o600


def last_words(live: Path) -> None:
    """What a Studio that was killed has committed stands in its journal alone."""
    crashed = sqlite3.connect(live)
    crashed.execute("PRAGMA wal_autocheckpoint=0")
    crashed.execute("INSERT INTO projects (id, key, name) VALUES ('1', 'local:x', 'last words')")
    crashed.commit()
    for suffix in ("", "-wal"):
        shutil.copy(f"{live}{suffix}", f"{live}{suffix}.copy")
    crashed.close()
    for suffix in ("", "-wal"):
        Path(f"{live}{suffix}.copy").replace(f"{live}{suffix}")


async def test_the_journal_of_a_studio_that_was_killed_is_kept_with_its_database(
    live: Path, target: Path, clock: FakeClock
) -> None:
    backup.make(live, target)
    last_words(live)
    kept = backup.restore(live, target).kept
    assert kept is not None
    assert await projects(live, clock) == []
    assert await projects(kept, clock) == ["last words"]


@pytest.mark.parametrize("links", [True, False])
async def test_a_restore_that_fails_at_its_end_leaves_the_last_commits_of_a_studio_that_was_killed(
    live: Path, target: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    backup.make(live, target)
    last_words(live)
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", _no_links)
    monkeypatch.setattr(Path, "replace", _full)
    with pytest.raises(NotWritable):
        backup.restore(live, target)
    assert list(live.parent.glob("*.replaced-*")) == []
    assert await projects(live, clock) == ["last words"]


@pytest.mark.parametrize("links", [True, False])
def test_a_restore_that_fails_at_its_end_leaves_a_broken_database_and_its_journal_too(
    live: Path, target: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    backup.make(live, target)
    live.write_bytes(b"nothing of use" * 1000)
    live.with_name("studio.db-wal").write_bytes(b"neither")
    before = _files(live)
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", _no_links)
    monkeypatch.setattr(Path, "replace", _full)
    with pytest.raises(NotWritable):
        backup.restore(live, target)
    assert _files(live) == before


@pytest.mark.parametrize("links", [True, False])
def test_at_no_moment_of_a_restore_is_there_no_database(
    live: Path, target: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """Who is killed then finds one at the next start; where there was none, Studio would make an empty one."""
    backup.make(live, target)
    whole, seen, replace = live.read_bytes(), list[bytes](), Path.replace

    def look(path: Path, to: Path) -> Path:
        seen.append(live.read_bytes())
        return replace(path, to)

    if not links:
        monkeypatch.setattr(Path, "hardlink_to", _no_links)
    monkeypatch.setattr(Path, "replace", look)
    kept = backup.restore(live, target).kept
    assert seen == [whole]
    assert kept is not None
    assert kept.read_bytes() == whole
    if not links:
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def _files(live: Path) -> dict[str, bytes]:
    """But what SQLite makes anew whenever it looks, and the lock."""
    soft = ("-shm", ".lock")
    return {
        path.name: path.read_bytes()
        for path in live.parent.glob("studio.db*")
        if not path.name.endswith(soft)
    }


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")


async def test_a_broken_database_is_replaced_and_kept_as_it_is(
    live: Path, target: Path, clock: FakeClock
) -> None:
    backup.make(live, target)
    live.write_bytes(b"nothing of use" * 1000)
    live.with_name("studio.db-wal").write_bytes(b"neither")
    kept = backup.restore(live, target).kept
    assert kept is not None
    assert kept.read_bytes().startswith(b"nothing of use")
    assert kept.with_name(f"{kept.name}-wal").read_bytes() == b"neither"
    assert await projects(live, clock) == []


async def test_where_there_is_no_database_yet_one_is_put(live: Path, target: Path, clock: FakeClock) -> None:
    backup.make(live, target)
    live.unlink()
    assert backup.restore(live, target).kept is None
    assert await projects(live, clock) == []


async def test_a_copy_of_an_older_schema_is_brought_up_at_the_next_start(
    live: Path, tmp_path: Path, clock: FakeClock
) -> None:
    assert backup.restore(live, put_back(RELEASED[0], tmp_path / "old.db")).schema == "0001"
    assert await projects(live, clock) == ["shop"]


def test_a_running_studio_is_in_the_way_and_nothing_is_touched(live: Path, target: Path) -> None:
    backup.make(live, target)
    before = live.read_bytes()
    with claim(live), pytest.raises(DatabaseInUse):
        backup.restore(live, target)
    assert live.read_bytes() == before
    assert sorted(path.name for path in live.parent.glob("studio.db*")) == ["studio.db", "studio.db.lock"]


def test_a_file_that_exists_is_overwritten_only_when_asked(live: Path, target: Path) -> None:
    target.write_text("precious")
    with pytest.raises(Conflict, match="exists already") as raised:
        backup.make(live, target)
    assert "--force" in raised.value.hint
    assert target.read_text() == "precious"
    backup.make(live, target, force=True)
    assert backup.verify(target, target) == upgrade.known()[-1]
    assert [path.name for path in target.parent.iterdir()] == ["backup.db"]


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_is_not_overwritten(
    live: Path, target: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    verify = backup.verify

    def slow(path: Path, named: Path) -> str:
        target.write_text("precious")
        return verify(path, named)

    monkeypatch.setattr(backup, "verify", slow)
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", _no_links)
    with pytest.raises(Conflict):
        backup.make(live, target)
    assert target.read_text() == "precious"
    assert [path.name for path in target.parent.iterdir()] == ["backup.db"]


async def test_a_file_system_without_links_will_do(
    live: Path, target: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "hardlink_to", _no_links)
    backup.make(live, target)
    assert backup.restore(live, target).kept is not None
    assert await projects(live, clock) == []


def _no_links(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda path: path.write_text("certainly not SQLite\n" * 100), NotStudios),
        (lambda path: path.write_bytes(b""), NotStudios),
        (lambda path: path.write_bytes(path.read_bytes()[:8192]), NotStudios),
        (lambda path: _damage(path), NotStudios),
        (lambda path: _execute(path, "UPDATE alembic_version SET version_num = '9999'"), DatabaseTooNew),
        (lambda path: _execute(path, "DROP TABLE alembic_version; DROP TABLE runs"), NotStudios),
        (lambda path: path.unlink(), NotFound),
        (lambda path: (path.unlink(), path.mkdir()), NotFound),
    ],
)
async def test_a_copy_that_cannot_be_used_is_refused_and_the_database_stays(
    live: Path, target: Path, clock: FakeClock, spoil: object, error: type[MaestroError]
) -> None:
    await add(live, clock, "here")
    backup.make(live, target)
    spoil(target)  # type: ignore[operator]
    with pytest.raises(error) as raised:
        backup.restore(live, target)
    assert str(target) in str(raised.value)
    assert await projects(live, clock) == ["here"]
    assert sorted(path.name for path in live.parent.glob("*studio.db*")) in (
        ["studio.db"], ["studio.db", "studio.db.lock"],
    )  # fmt: skip


def _execute(path: Path, script: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def _damage(path: Path) -> None:
    """A row does not agree with its index: only a check of the whole finds it."""
    whole = path.read_bytes()
    assert whole.count(b"local:here") == 2
    path.write_bytes(whole.replace(b"local:here", b"local:hero", 1))


async def test_a_damaged_database_is_not_copied_as_if_it_were_sound(
    live: Path, target: Path, clock: FakeClock
) -> None:
    await add(live, clock, "here")
    _damage(live)
    with pytest.raises(NotStudios, match="damaged: row 1 missing from index"):
        backup.make(live, target)
    assert list(target.parent.iterdir()) == []


def test_what_cannot_be_copied_or_written_is_said_to_be(live: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no database"):
        backup.make(tmp_path / "none.db", tmp_path / "copy.db")
    with pytest.raises(NotWritable, match="directory"):
        backup.make(live, tmp_path, force=True)
    with pytest.raises(NotWritable):
        backup.make(live, tmp_path / "no" / "copy.db")
    for same in (live, tmp_path / "elsewhere" / ".." / "studio.db"):
        (tmp_path / "elsewhere").mkdir(exist_ok=True)
        with pytest.raises(Conflict, match="the database itself"):
            backup.make(live, same, force=True)
        with pytest.raises(Conflict, match="the database itself"):
            backup.restore(live, same)
    assert os.listdir(tmp_path / "elsewhere") == []


async def test_what_is_said_about_a_server_does_it(
    empty_postgres: str,
    tmp_path: Path,
    clock: FakeClock,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The commands in the hints are typed as they stand."""
    monkeypatch.setenv("MAESTRO_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{postgres.programs()}:{os.environ['PATH']}")
    (tmp_path / "config.toml").write_text(f'[studio]\ndatabase = "{empty_postgres}"\n')

    def do(command: str) -> None:
        assert main.run(["studio", command, str(tmp_path / "b.dump")]) == 1
        subprocess.run(shlex.split(capsys.readouterr().err.partition("hint: ")[2]), check=True)

    async def names() -> list[str]:
        store = await Store.open(empty_postgres, clock, lambda *_: None)
        rows = await store.read(Transaction.all, sa.select(t.projects).order_by(t.projects.c.id))
        await store.write(lambda tx: tx.insert(t.projects, key=f"local:{len(rows)}", name=f"{len(rows)}"))
        await store.close()
        return [row["name"] for row in rows]

    assert await names() == []
    do("backup")
    assert await names() == ["0"]
    do("restore")
    assert await names() == ["0"]
