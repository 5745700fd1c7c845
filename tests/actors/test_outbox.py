"""The outbox: a report is delivered once, in order, however long Studio is away and however often we die."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from maestro_ray.actors import outbox as module
from maestro_ray.actors.ledger import Ledger
from maestro_ray.actors.messages import Report
from maestro_ray.actors.outbox import Outbox
from maestro_ray.errors import StaleEpoch, StudioRefused, StudioUnavailable, Unauthenticated, Unsendable
from maestro_ray.journal import Journal
from maestro_ray.testing import FakeClock, eventually

DONE = Report("run-1", 3, "complete", {"result": {"commit": "c"}})


class Studio:
    """Raises what it was given first, then takes everything; repeats by key are answered and not taken again."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls: list[tuple[str, Mapping[str, Any], str]] = []
        self.taken: dict[str, str] = {}

    async def post(self, project: str, path: str, body: Mapping[str, Any], key: str) -> None:
        self.calls.append((path, body, key))
        if self.errors:
            raise self.errors.pop(0)
        self.taken.setdefault(key, path)


class Life:
    """One life of the outbox, from the journal on."""

    def __init__(self, path: Path, studio: Studio) -> None:
        self.ledger = Ledger(path, FakeClock())
        self.refused: list[tuple[Report, Exception]] = []
        self.outbox = Outbox(self.ledger, "home", studio.post, lambda *what: self.refused.append(what))
        self.task = asyncio.create_task(self.outbox.run())

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.ledger.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.001)


@pytest.fixture
async def begin(tmp_path: Path) -> AsyncIterator[Callable[[Studio], Life]]:
    lives: list[Life] = []

    def new_life(studio: Studio) -> Life:
        lives.append(Life(tmp_path / "c.db", studio))
        return lives[-1]

    yield new_life
    for life in lives:
        await life.end()


Begin = Callable[[Studio], Life]


async def test_a_report_is_in_the_journal_before_its_sender_is_answered_and_then_goes_out(
    begin: Begin,
) -> None:
    studio = Studio()
    life = begin(studio)
    await life.outbox.put(DONE)
    assert next(entry.kind for entry in life.ledger._journal.read()) == "report"
    await eventually(lambda: studio.taken)
    assert studio.calls == [
        ("cli-runs/run-1/complete", {"epoch": 3, "result": {"commit": "c"}}, f"home-{DONE.id}")
    ]
    await eventually(lambda: not len(life.outbox))


async def test_while_studio_is_away_reports_wait_and_those_of_one_run_keep_their_order(begin: Begin) -> None:
    studio = Studio(
        StudioUnavailable("u", "away"), Unauthenticated("expired"), StudioRefused(500, "internal_error", "oh")
    )
    life = begin(studio)
    actions = ("pause", "resume", "complete")
    await asyncio.gather(*(life.outbox.put(Report("run-1", 1, action)) for action in actions))
    await eventually(lambda: len(studio.taken) == 3)
    assert list(studio.taken.values()) == [f"cli-runs/run-1/{action}" for action in actions]
    # the first was tried four times with the same key
    assert [key for _, _, key in studio.calls].count(studio.calls[0][2]) == 4
    assert life.refused == []


class Choosy(Studio):
    """Never takes what is about these runs or projects; hangs over these."""

    def __init__(self, *, failing: str = "", hanging: str = "") -> None:
        super().__init__()
        self.failing, self.hanging = failing, hanging
        self.inside: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    async def post(self, project: str, path: str, body: Mapping[str, Any], key: str) -> None:
        self.inside[project] += 1
        self.most[project] = max(self.most[project], self.inside[project])
        try:
            await asyncio.sleep(0)
            if self.hanging and self.hanging in (project, path.split("/")[1]):
                await asyncio.Event().wait()
            if self.failing and self.failing in (project, path.split("/")[1]):
                self.calls.append((path, body, key))
                raise StudioRefused(500, "internal_error", "a report that Studio cannot digest")
            await super().post(project, path, body, key)
        finally:
            self.inside[project] -= 1


@pytest.mark.parametrize("trouble", ["failing", "hanging"])
@pytest.mark.parametrize("of", ["run-0", "project-0"])
async def test_neither_a_report_nor_a_studio_that_is_in_trouble_holds_up_the_others(
    begin: Begin, trouble: str, of: str
) -> None:
    studio = Choosy(**{trouble: of})
    life = begin(studio)
    for number in range(40):
        run, project = f"run-{number // 2}", f"project-{number % 2}"
        await life.outbox.put(Report(run, 1, "complete", {}, project))
    stuck = 2 if of == "run-0" else 20
    await eventually(lambda: len(studio.taken) == 40 - stuck)
    assert len(life.outbox) == stuck
    assert life.refused == []
    assert life.outbox.waits_for("project-0")
    if of == "project-0":
        assert not life.outbox.waits_for("project-1")


async def test_a_crowd_of_reports_comes_a_few_at_a_time(begin: Begin) -> None:
    studio = Choosy()
    life = begin(studio)
    await asyncio.gather(*(life.outbox.put(Report(f"run-{n}", 1, "complete", {}, "p")) for n in range(100)))
    await eventually(lambda: len(studio.taken) == 100)
    assert studio.most["p"] == module.AT_ONCE
    await eventually(lambda: not len(life.outbox))
    assert life.outbox._turns == life.outbox._delivering == {}


async def test_one_who_is_told_of_a_refusal_and_fails_blocks_nothing(begin: Begin) -> None:
    studio = Studio(StaleEpoch("run-1", 3, 4))
    life = begin(studio)

    def broken(*_: Any) -> None:
        raise RuntimeError("nobody foresaw this")

    life.outbox._refused = broken
    await life.outbox.put(DONE)
    await life.outbox.put(Report("run-1", 3, "fail"))
    await eventually(lambda: list(studio.taken.values()) == ["cli-runs/run-1/fail"])


async def test_a_journal_of_an_earlier_version_names_no_project(tmp_path: Path, begin: Begin) -> None:
    journal = Journal(tmp_path / "c.db")
    body = {"run": "run-1", "epoch": 3, "action": "complete", "body": {}}
    await journal.append("report", body, at=0.0)[1]
    journal.close()
    studio = Choosy()
    begin(studio)
    await eventually(lambda: studio.taken)
    assert studio.most.keys() == {""}
    assert studio.calls[0][2] == "home-1"


FINAL = [
    StaleEpoch("run-1", 3, 4),
    StudioRefused(409, "conflict", "over"),
    StudioRefused(413, "http_error", "a proxy cannot take it"),
    Unsendable("cli-runs/run-1/complete", "a lone surrogate"),
]


@pytest.mark.parametrize("error", FINAL, ids=repr)
async def test_what_is_refused_is_told_and_does_not_block_the_next(begin: Begin, error: Exception) -> None:
    studio = Studio(error)
    life = begin(studio)
    await life.outbox.put(DONE)
    await life.outbox.put(Report("run-2", 1, "fail"))
    await eventually(lambda: studio.taken)
    assert life.refused == [(DONE, error)]
    assert list(studio.taken.values()) == ["cli-runs/run-2/fail"]


NO_ANSWER = [
    OSError(28, "No space left on device"),
    KeyError("access_token"),
    ValueError("a token file that is cut short"),
    RuntimeError("nobody foresaw this"),
    StudioRefused(301, "http_error", "moved"),
    StudioRefused(404, "http_error", "<html>the proxy knows no such page</html>"),
    StudioRefused(500, "internal_error", "oh"),
]


@pytest.mark.parametrize("error", NO_ANSWER, ids=repr)
async def test_what_is_no_answer_of_studio_keeps_the_report(begin: Begin, error: Exception) -> None:
    studio = Studio(error, error)
    life = begin(studio)
    await life.outbox.put(DONE)
    await eventually(lambda: studio.taken)
    assert life.refused == []
    assert [key for _, _, key in studio.calls] == [f"home-{DONE.id}"] * 3


async def test_a_report_that_comes_twice_has_one_key(begin: Begin) -> None:
    """Its sender did not hear that it was taken, for we had died meanwhile."""
    studio = Studio()
    first = begin(studio)
    await first.outbox.put(DONE)
    await first.end()
    second = begin(studio)
    await second.outbox.put(DONE)
    await eventually(lambda: not len(second.outbox))
    assert {key for _, _, key in studio.calls} == {f"home-{DONE.id}"}


async def test_after_a_death_it_is_delivered_with_the_same_key(begin: Begin) -> None:
    """Studio had taken it, but we died before we knew."""
    away = Studio(*(StudioUnavailable("u", "away") for _ in range(100_000)))
    first = begin(away)
    await first.outbox.put(DONE)
    await eventually(lambda: away.calls)
    await first.end()
    studio = Studio()
    second = begin(studio)
    await eventually(lambda: studio.taken)
    assert studio.calls[0] == away.calls[0]
    await eventually(lambda: not len(second.outbox))
    await second.end()

    third_studio = Studio()
    third = begin(third_studio)
    await third.outbox.put(Report("run-9", 1, "complete"))
    await eventually(lambda: third_studio.taken)
    assert list(third_studio.taken.values()) == ["cli-runs/run-9/complete"]


async def test_keys_never_repeat_over_lives(begin: Begin) -> None:
    studio = Studio()
    for _ in range(3):
        life = begin(studio)
        await life.outbox.put(Report("run-1", 3, "complete"))
        await eventually(lambda life=life: not len(life.outbox))
        await life.end()
    assert len(studio.taken) == 3
