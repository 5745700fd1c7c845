"""The ledger: what the journal adds up to survives every death, and the file stays as small as the facts."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sqlite3
import threading
from pathlib import Path
from typing import Any, TextIO

import pytest

from maestro_ray import journal
from maestro_ray.actors import ledger as module
from maestro_ray.actors.ledger import Ledger
from maestro_ray.errors import JournalBroken
from maestro_ray.testing import FakeClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "connections.db"


def facts(path: Path) -> tuple[dict[str, Any], dict[str, str], dict[int, Any]]:
    """What another life finds."""
    ledger = Ledger(path, FakeClock())
    ledger.close()
    return ledger.teams, ledger.ending, dict(ledger.reports)


def entries(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("SELECT count(*) FROM entries").fetchone()[0])
    finally:
        connection.close()


def a_report(number: int) -> dict[str, Any]:
    return {"run": f"run-{number}", "epoch": 1, "action": "complete", "body": {"n": number}, "project": "p"}


async def test_the_facts_of_a_life_are_those_of_the_next(path: Path) -> None:
    ledger = Ledger(path, FakeClock())
    for name in ("a", "b", "c"):
        ledger.append("team", {"id": name, "members": []})
    ledger.append("team", {"id": "b", "members": ["dev-1"]})
    ledger.append("team.ending", {"id": "b", "reason": "stopped"})
    ledger.append("team.ending", {"id": "c", "reason": "stopped"})
    ledger.append("team.ended", {"id": "c", "reason": "stopped"})
    first, _ = ledger.append("report", a_report(1))
    second, _ = ledger.append("report", a_report(2))
    await ledger.append("report.accepted", {"number": first})[1]
    now = (ledger.teams, ledger.ending, ledger.reports)
    ledger.close()
    assert facts(path) == now
    assert now == (
        {"a": {"id": "a", "members": []}, "b": {"id": "b", "members": ["dev-1"]}},
        {"b": "stopped"},
        {second: a_report(2)},
    )


async def test_a_long_journal_is_read_beside_the_loop(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked, read = threading.Event(), journal.Journal.read
    seen: list[bool] = []

    def slowly(self: journal.Journal) -> list[journal.Entry]:
        seen.append(looked.wait(60))
        return read(self)

    monkeypatch.setattr(journal.Journal, "read", slowly)
    opening = asyncio.create_task(Ledger.open(path, FakeClock()))
    await asyncio.sleep(0)
    looked.set()
    (await opening).close()
    assert seen == [True]


async def test_the_file_stays_small_and_numbers_are_never_given_twice(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLACK", 20)
    ledger = Ledger(path, FakeClock())
    ledger.append("team", {"id": "a"})
    kept, _ = ledger.append("report", a_report(0))
    numbers = {kept}
    for n in range(1, 500):
        number, done = ledger.append("report", a_report(n))
        assert number not in numbers
        numbers.add(number)
        ledger.append("report.accepted", {"number": number})
        if n % 50 == 0:
            await done
            ledger.close()
            ledger = Ledger(path, FakeClock())
    await ledger.append("team.ending", {"id": "a", "reason": "r"})[1]
    ledger.close()
    assert entries(path) <= 20 + 2 * 2 + 2
    assert facts(path) == ({"a": {"id": "a"}}, {"a": "r"}, {kept: a_report(0)})


async def test_what_is_on_its_way_is_in_a_condensed_journal_too(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report that nobody was answered yet must not fall out between two entries."""
    monkeypatch.setattr(module, "SLACK", 3)
    ledger = Ledger(path, FakeClock())
    given = [ledger.append("report", a_report(n))[0] for n in range(100)]
    ledger.close()
    assert list(facts(path)[2]) == given


async def test_after_a_failure_it_goes_back_to_what_the_file_says(path: Path) -> None:
    ledger = Ledger(path, FakeClock())
    await ledger.append("team", {"id": "a"})[1]
    connection = sqlite3.connect(path)
    connection.execute(
        "CREATE TRIGGER no BEFORE INSERT ON entries WHEN NEW.kind = 'report' BEGIN SELECT RAISE(ABORT, 'full'); END"
    )
    connection.commit()
    with pytest.raises(JournalBroken):
        await ledger.append("report", a_report(1))[1]
    connection.execute("DROP TRIGGER no")
    connection.commit()
    connection.close()
    await ledger.append("team", {"id": "b"})[1]
    assert (set(ledger.teams), ledger.reports) == ({"a", "b"}, {})
    ledger.close()
    assert set(facts(path)[0]) == {"a", "b"}


# ── killed at each step ──────────────────────────────────────────────────────────────────────────────────────────


class Dying:
    """A life that appends and condenses, and is killed before the so-manieth statement of its writer."""

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        self.left = step
        self.told = path.with_suffix(".told")

    def step(self, _statement: str) -> None:
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def watched(self, path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.set_trace_callback(self.step)
        return connection

    def run(self) -> None:
        journal._connect = self.watched
        module.SLACK = 1
        with self.told.open("w", buffering=1) as told:
            asyncio.run(self.live(told))

    async def live(self, told: TextIO) -> None:
        """Tells what it was acknowledged: a report's number, and the same below zero when it was accepted."""
        ledger = Ledger(self.path, FakeClock())
        for n in range(4):
            number, done = ledger.append("report", a_report(n))
            await done
            told.write(f"{number}\n")
            if n:
                await ledger.append("report.accepted", {"number": number})[1]
                told.write(f"{-number}\n")
        ledger.close()


connect = journal._connect


def test_killed_at_every_step_nothing_that_was_acknowledged_is_lost(tmp_path: Path) -> None:
    """Before each statement of the writer, those of a condensation among them."""
    deaths, condensed = 0, 0
    for step in range(200):
        life = Dying(tmp_path / f"{step}.db", step)
        process = multiprocessing.get_context("fork").Process(target=life.run)
        process.start()
        process.join()
        told = [int(line) for line in life.told.read_text().split()]
        given, accepted = {n for n in told if n > 0}, {-n for n in told if n < 0}
        reports = set(facts(life.path)[2])
        # the acceptance that was on its way when it died may be there or not, and so may the report
        assert given - accepted - {max(given, default=0)} <= reports
        assert not accepted & reports
        assert len(reports - given) <= 1
        condensed += 0 < entries(life.path) < len(told)
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        deaths += 1
    else:
        pytest.fail("it never came to its end")
    assert deaths > 15
    assert condensed > 3
