"""A disk that fills up in the middle of a team's work: it is said, and with room the work ends once."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from disk.small import SmallDisk, small_disk
from workspace.sample import Sample

from maestro_ray import room
from maestro_ray.actors import service
from maestro_ray.agent.sweep import find
from maestro_ray.errors import Conflict, JournalBroken, MaestroError
from maestro_ray.home import Home
from maestro_ray.testing import LocalMaestro, eventually

from .stage import APPROVE, begin, end, nothing_left, once, plan


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 16 * 1024) as disk:
        yield disk


@pytest.fixture
def home(disk: SmallDisk) -> Iterator[Home]:
    """On the small disk: journals, Studio's database, worktrees."""
    home = Home(disk.path / "home", disk.path / "home" / "run")
    home.prepare()
    yield home
    assert find(f"{home.instance}:") == []


@pytest.fixture
async def maestro(home: Home, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LocalMaestro]:
    monkeypatch.setattr(room, "PAUSE", 0.3)
    async with LocalMaestro(home) as maestro:
        yield maestro


@pytest.mark.parametrize("works", [True, False], ids=["agent", "checkout"])
async def test_a_disk_that_fills_up_while_an_agent_works_costs_nothing(
    maestro: LocalMaestro,
    home: Home,
    sample: Sample,
    disk: SmallDisk,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    works: bool,
) -> None:
    """The agent fails, or git or a journal does; nothing is counted as an attempt, and everything happens once.

    Red (an attempt is used up) without `no_room` in the worker, or without `missing_at` in `workspace.git.failure`,
    by whether the disk is full before the agent begins.
    """
    gate = tmp_path / "gate"
    words = f'until [ -e {gate} ]; do sleep 0.02; done; seq 200000 > "$MAESTRO_KEY.txt" || exit 1'
    providers = {"dev": f"command:sh -c '{words}'", "review": APPROVE}
    name = (await begin(maestro, sample, providers=providers))["team"]["name"]
    await maestro.until("run.started", purpose="execute")
    if works:
        await eventually(lambda: find(f"{home.instance}:"))
    disk.fill()
    gate.touch()
    monkeypatch.setattr(service, "CHANNEL_WITHIN", 1.0)

    async def steer_on() -> None:
        while True:
            with suppress(Conflict):  # the channel of a slow machine has not answered in time
                await maestro.call("steer", team=name, text="x" * 2000)

    with pytest.raises(MaestroError, match=r"journal .*\.db cannot be used: .*disk.* is full"):
        await steer_on()
    disk.empty()
    once(sample, await end(maestro), "one")
    nothing_left(home, sample)
    runs = [
        event
        for event in maestro.connections.ended.popitem()[1].happenings.after(0)
        if event["kind"] == "run.ended"
    ]
    executes = [event["body"] for event in runs if event["body"]["purpose"] == "execute"]
    assert [each["action"] for each in executes] == ["complete"]


async def test_a_team_cannot_start_on_a_full_disk_and_leaves_nothing(
    maestro: LocalMaestro, home: Home, sample: Sample, disk: SmallDisk
) -> None:
    """Whichever file is the first that cannot be written: who asks is told why, and of the team nothing stays."""
    disk.fill()
    started = []

    async def begin_on() -> None:
        while True:
            started.append((await begin(maestro, sample, plan=None))["team"]["name"])

    with pytest.raises(MaestroError, match=r"full|No space"):
        await begin_on()
    disk.empty()
    for name in started:
        await maestro.call("team.stop", team=name)
    await eventually(lambda: not maestro.connections.teams)
    await begin(maestro, sample, plan=plan("one"))
    once(sample, await end(maestro), "one")
    nothing_left(home, sample)


async def test_a_team_that_cannot_be_written_down_is_ended(
    maestro: LocalMaestro, home: Home, sample: Sample
) -> None:
    """Red (it stays in the list, with slots and sessions) when `start` does not end it."""
    ledger = sqlite3.connect(home.connections_journal)
    ledger.execute(
        "CREATE TRIGGER full BEFORE INSERT ON entries BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
    )
    with pytest.raises(JournalBroken, match=r"connections\.db cannot be used: database or disk is full"):
        await begin(maestro, sample)
    await eventually(lambda: not maestro.connections.teams)
    ledger.execute("DROP TRIGGER full")
    ledger.close()
    await begin(maestro, sample)
    once(sample, await end(maestro), "one")
    nothing_left(home, sample)


async def test_a_worker_that_cannot_be_written_down_has_not_joined(
    maestro: LocalMaestro, home: Home, sample: Sample
) -> None:
    """Red (a member without a part, which the team waits for) when `_add_worker` records it before its `try`."""
    name = (await begin(maestro, sample))["team"]["name"]
    (before,) = await maestro.call("team.status")
    ledger = sqlite3.connect(home.connections_journal)
    ledger.execute(
        "CREATE TRIGGER full BEFORE INSERT ON entries BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
    )
    with pytest.raises(JournalBroken, match=r"connections\.db cannot be used: database or disk is full"):
        await maestro.call("team.join", team=name, providers={"dev": "command:true"})
    ledger.execute("DROP TRIGGER full")
    ledger.close()
    (after,) = await maestro.call("team.status")
    assert [each["name"] for each in after["workers"]] == [each["name"] for each in before["workers"]]
    sessions = (await maestro.connections.studio.get(f"teams/{before['id']}"))["sessions"]
    assert [each["status"] for each in sessions if each["name"] == "dev-2"] == ["ended"]
    once(sample, await end(maestro), "one")
    nothing_left(home, sample)


# ── the repository's own disk ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LocalMaestro]:
    """A maestro whose state directory is on another disk than the repository."""
    monkeypatch.setattr(room, "PAUSE", 0.3)
    home = Home(tmp_path / "home", tmp_path / "home" / "run")
    home.prepare()
    async with LocalMaestro(home) as maestro:
        yield maestro


@pytest.mark.parametrize(("purpose", "stopped"), [("execute", "execute"), ("review", "merge")])
async def test_git_pauses_on_a_full_disk_and_what_it_was_to_do_is_done_once(
    elsewhere: LocalMaestro, disk: SmallDisk, tmp_path: Path, purpose: str, stopped: str
) -> None:
    """A developer's commit and a lead's merge. Red (attempts are used up) without `_with_room` and the lead's `_pause`."""
    sample, gate = Sample.make(disk.path / "project"), tmp_path / "gate"
    wait = f"until [ -e {gate} ]; do sleep 0.02; done; "
    providers = {
        "dev": f"command:sh -c '{wait if purpose == 'execute' else ''}seq 50000 > \"$MAESTRO_KEY.txt\"'",
        "review": f"command:sh -c '{wait if purpose == 'review' else ''}echo VERDICT: APPROVED'",
    }
    await begin(elsewhere, sample, providers=providers)
    (live,) = elsewhere.connections.teams.values()
    await elsewhere.until("run.started", purpose=purpose)
    await eventually(lambda: find(f"{elsewhere.home.instance}:"))
    disk.fill()
    gate.touch()
    paused = await elsewhere.until("run.paused")
    assert "No space left on device" in paused["body"]["reason"]
    started = [e["body"] for e in live.happenings.after(0) if e["kind"] == "run.started"]
    assert [each["purpose"] for each in started if each["run"] == paused["body"]["run"]] == [stopped]
    disk.empty()
    once(sample, await end(elsewhere), "one")
    ended = [e["body"]["action"] for e in live.happenings.after(0) if e["kind"] == "run.ended"]
    assert set(ended) == {"complete"}
