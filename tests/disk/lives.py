"""Programs that write down facts and tell each as soon as it is acknowledged: `python -m disk.lives KIND PLACE SYNC`.

Each has its counterpart, which says whether everything that was told is in what a crash has left. `SYNC` is `FULL`, or
what takes the place of it to see what that guards against.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from maestro_ray import journal
from maestro_ray.actors import channel, ledger
from maestro_ray.actors.facts import Facts
from maestro_ray.actors.mail import Courier
from maestro_ray.actors.messages import BeChannel, ClearSteering, Delivered, Post, Steer, TeamSpec
from maestro_ray.actors.minutes import Minutes
from maestro_ray.journal import Journal
from maestro_ray.journal_check import check
from maestro_ray.studio import backup, database, upgrade
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Store
from maestro_ray.testing import FakeClock

TEAM, LEDGER, STUDIO = "team.db", "connections.db", "studio.db"


def tell(line: str) -> None:
    """In one call, so that it has its place among the writes."""
    os.write(1, f"{line}\n".encode())


async def a_channel(place: Path) -> None:
    """Messages, directives and receipts, and condensed on the way."""
    channel.KEPT_IN_JOURNAL, channel.SLACK = 4, 4
    slots = {"lead": "l", "channel": "c", "dev-1": "d"}
    team = TeamSpec("t", "bot", "private-bot", "bot", "/", "/", "/", str(place / TEAM), "i", slots)

    async def nowhere(*_: Any) -> list[Any]:
        return [None]

    life = channel.Channel(BeChannel(team, ()), Courier("c", nowhere), FakeClock())
    await life.handle("x", Steer("d1", "holds"))
    tell("heard d1")
    for n in range(14):
        post = Post("dev-1", "said", {"text": "x" * 700 * (n % 3)}, f"m{n}")
        await life.handle("x", post)
        tell(f"posted m{n}")
        if n == 5:
            await life.handle("x", Delivered("dev-1", "d1", "in-turn"))
            tell("delivered d1")
        if n == 9:
            await life.handle("x", ClearSteering("c1"))
            tell("cleared d1")
    many = [Post("dev-1", "said", {}, f"s{n}") for n in range(6)]
    await asyncio.gather(*(life.handle("x", post) for post in many))
    for post in many:
        tell(f"posted {post.id}")
    life._courier.close()
    await life.close()
    tell("closed")


def channel_holds(place: Path, told: Sequence[str]) -> None:
    minutes = _replayed(place / TEAM, Minutes()) if told else Minutes()
    words = {tuple(line.split()) for line in told if line != "closed"}
    assert {identifier for what, identifier in words if what == "posted"} <= minutes.posted.keys()
    assert {identifier for what, identifier in words if what == "heard"} <= minutes.heard.keys()
    if ("delivered", "d1") in words:
        assert minutes.directives["d1"].receipts["dev-1"].how == "in-turn"
    if ("cleared", "d1") in words:
        assert str(minutes.directives["d1"].state) == "cleared"


async def a_ledger(place: Path) -> None:
    """Teams and reports, taken by Studio but for every third, and condensed on the way."""
    ledger.SLACK = 3
    life = ledger.Ledger(place / LEDGER, FakeClock())
    await life.append("team", {"id": "a"})[1]
    tell("team a")
    for n in range(10):
        number, done = life.append("report", {"run": f"r{n}", "epoch": n, "text": "x" * 900 * (n % 3)})
        await done
        tell(f"report {number}")
        if n % 3:
            await life.append("report.accepted", {"number": number})[1]
            tell(f"accepted {number}")
    life.close()
    tell("closed")


def ledger_holds(place: Path, told: Sequence[str]) -> None:
    facts = _replayed(place / LEDGER, Facts()) if told else Facts()
    words = [line.split() for line in told if line != "closed"]
    given = {int(name) for what, name in words if what == "report"}
    accepted = {int(name) for what, name in words if what == "accepted"}
    # the note that was on its way may be there or not
    assert given - accepted - {max(given, default=0)} <= facts.reports.keys()
    assert not accepted & facts.reports.keys()
    assert {name for what, name in words if what == "team"} <= facts.teams.keys()


def _replayed(path: Path, machine: Any) -> Any:
    """Opened as its owner does; then nothing may be wrong with it, and it takes another entry."""
    owner = Journal(path)
    for entry in owner.read():
        machine.apply(entry)
    owner.close()
    assert check(path, type(machine)()) == []
    return machine


async def studio(place: Path) -> None:
    """Transactions of Studio's store on its file."""
    store = await Store.open(place / STUDIO, FakeClock(), lambda *_: None)
    for n in range(6):
        await store.write(lambda tx, n=n: tx.insert(t.settings, name=f"k{n}", value="x" * 3000 * (n % 3)))
        tell(f"setting k{n}")
    await store.write(lambda tx: tx.execute(sa.delete(t.settings).where(t.settings.c.name == "k0")))
    tell("deleted k0")
    await store.close()
    tell("closed")


def studio_holds(place: Path, told: Sequence[str]) -> None:
    path = place / STUDIO
    connection = sqlite3.connect(path)
    sound = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert sound
    if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        # cut before its tables were there, which are made again: too slow to be done for each image
        connection.close()
        assert not told
        return
    connection.close()
    assert backup.verify(path, path) == upgrade.known()[-1]
    engine = database.connect(path)
    try:
        upgrade.bring_up(engine, path)
    finally:
        engine.dispose()
    connection = sqlite3.connect(path)
    found = {key for (key,) in connection.execute("SELECT name FROM settings")}
    connection.close()
    words = {tuple(line.split()) for line in told if line != "closed"}
    deleted = {key for what, key in words if what == "deleted"}
    kept = {key for what, key in words if what == "setting"} - deleted
    assert kept - {"k0"} <= found
    assert not deleted & found


LIVES: dict[str, tuple[Callable[[Path], Any], Callable[[Path, Sequence[str]], None]]] = {
    "channel": (a_channel, channel_holds),
    "ledger": (a_ledger, ledger_holds),
    "studio": (studio, studio_holds),
}


def weaken(sync: str) -> None:
    """Every connection syncs only so much."""
    connect = journal._connect

    def weak(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.execute(f"PRAGMA synchronous={sync}")
        return connection

    def weaker(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA synchronous={sync}").close()

    journal._connect = weak
    tune = database._sqlite

    def engine(path: Path, references: bool) -> sa.Engine:
        made = tune(path, references)
        sa.event.listen(made, "connect", weaker)
        return made

    database._sqlite = engine


if __name__ == "__main__":
    kind, where, sync = sys.argv[1:]
    weaken(sync)
    asyncio.run(LIVES[kind][0](Path(where)))
