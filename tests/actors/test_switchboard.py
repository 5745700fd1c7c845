"""Connections of several projects: here or in further actors, at one Studio or at several, none disturbs another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from workspace.sample import Sample

from maestro_ray.actors.far import FarConnection
from maestro_ray.actors.messages import Changed, Missed
from maestro_ray.agent.sweep import find
from maestro_ray.config import Config, SandboxTable
from maestro_ray.connection.project import ProjectConnection
from maestro_ray.connection.trouble import Trouble
from maestro_ray.errors import StudioUnavailable
from maestro_ray.home import Home
from maestro_ray.testing import Faults, LocalActors, LocalMaestro, LocalStudio, eventually
from maestro_ray.workspace.remote import project_key
from maestro_ray.workspace.repo import Repo

from .stage import APPROVE, begin, end, nothing_left, once, waiting_for

ONE_EACH = Config(
    ping=0.05, lease=1.0, stop_grace=0.3, pool=4, connections_per_actor=1, sandbox=SandboxTable("off")
)


@pytest.fixture
def other(tmp_path: Path) -> Sample:
    return Sample.make(tmp_path / "other")


@pytest.fixture
async def maestro(home: Home) -> AsyncIterator[LocalMaestro]:
    async with LocalMaestro(home, config=ONE_EACH) as maestro:
        yield maestro


@pytest.fixture
async def elsewhere(tmp_path: Path) -> AsyncIterator[LocalStudio]:
    """A second Studio, with tokens of its own."""
    home = Home(tmp_path / "elsewhere", tmp_path / "elsewhere" / "run")
    home.prepare()
    studio = LocalStudio(home)
    await studio.start()
    yield studio
    await studio.stop()


def key_of(home: Home, sample: Sample) -> str:
    return project_key(Repo.open(sample.path), home.machine_id())


def holder_slot(maestro: LocalMaestro) -> str:
    (name,) = (place.name for place in maestro.connections.pool.all() if place.member == "connections")
    return name


async def two_at_work(maestro: LocalMaestro, sample: Sample, other: Sample, gate: Path) -> list[str]:
    """Two teams of two projects, whose developers wait for the gate; their names."""
    names = []
    for each in (sample, other):
        providers = {"dev": waiting_for(gate), "review": APPROVE}
        names.append((await begin(maestro, each, repo=str(each.path), providers=providers))["team"]["name"])
        await maestro.until("run.started", names[-1], purpose="execute")
    return names


async def both_complete(maestro: LocalMaestro, names: list[str], *samples: Sample) -> None:
    for name, sample in zip(names, samples, strict=True):
        once(sample, await end(maestro, name), "one")


async def test_with_one_for_each_actor_the_second_project_gets_an_actor_of_its_own(
    maestro: LocalMaestro, home: Home, sample: Sample, other: Sample, tmp_path: Path
) -> None:
    names = await two_at_work(maestro, sample, other, tmp_path / "gate")
    first, second = maestro.connections.switchboard
    assert isinstance(first, ProjectConnection)
    assert isinstance(second, FarConnection)
    slot = holder_slot(maestro)
    # it shares the pings of its node; red with no `pulses` in its leash
    assert (home.pulses / "local" / slot).exists()
    status = await maestro.call("status")
    assert [each["project"] for each in status["connections"]] == [
        key_of(home, sample),
        key_of(home, other),
    ]
    assert [each["connected"] for each in status["connections"]] == [True, True]
    assert status["connections"][1]["pid"] == maestro.connections.pool[slot].pid
    (tmp_path / "gate").touch()
    await both_complete(maestro, names, sample, other)
    nothing_left(home, sample)
    assert list(maestro.connections.switchboard) == []
    await eventually(lambda: (place := maestro.connections.pool.get(slot)) is None or place.part is None)


@pytest.mark.parametrize("victim", ["holder", "connections", "both"])
async def test_whichever_actor_of_connections_dies_both_plans_complete_once(
    maestro: LocalMaestro, home: Home, sample: Sample, other: Sample, tmp_path: Path, victim: str
) -> None:
    names = await two_at_work(maestro, sample, other, tmp_path / "gate")
    slot = holder_slot(maestro)
    deaths = {"holder": maestro.actors.kill(slot), "connections": maestro.kill_connections()}
    for name, death in deaths.items():
        if victim in (name, "both"):
            await death
        else:
            death.close()
    (tmp_path / "gate").touch()
    await both_complete(maestro, names, sample, other)
    nothing_left(home, sample)
    # a holder of an earlier life does not stay behind
    await eventually(lambda: not any(_holds(maestro, name) for name in maestro.actors.slots))


def _holds(maestro: LocalMaestro, slot: str) -> bool:
    return type(maestro.actors.slots[slot]._occupant).__name__ == "Holder"


async def test_a_far_connection_lives_with_lost_doubled_and_late_mail(
    home: Home, sample: Sample, other: Sample, tmp_path: Path
) -> None:
    faults = Faults(lost=0.1, unanswered=0.1, doubled=0.15, late=0.1)
    async with LocalMaestro(home, config=ONE_EACH, actors=LocalActors(faults=faults, seed=3)) as maestro:
        names = await two_at_work(maestro, sample, other, tmp_path / "gate")
        (tmp_path / "gate").touch()
        await both_complete(maestro, names, sample, other)


async def test_what_a_far_connection_is_told_while_its_actor_is_silent_is_told_again(
    maestro: LocalMaestro, sample: Sample, other: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after SIGSTOP and SIGCONT: the same life is told again what it holds, and says that it is connected."""
    await two_at_work(maestro, sample, other, tmp_path / "gate")
    _, far = maestro.connections.switchboard
    await eventually(lambda: far.connected)
    maestro.connections.switchboard.lost(maestro.connections.pool[holder_slot(maestro)])
    assert not far.connected
    await eventually(lambda: far.connected)
    (tmp_path / "gate").touch()
    await maestro.until(
        "team.ended", maestro.connections.teams[next(iter(maestro.connections.teams))].record.name
    )


async def test_a_holder_that_is_none_any_more_is_not_heard(
    maestro: LocalMaestro, sample: Sample, other: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gaps: list[str] = []
    monkeypatch.setattr(maestro.connections.assignments, "on_gap", lambda key, _channel: gaps.append(key))
    await two_at_work(maestro, sample, other, tmp_path / "gate")
    _, far = maestro.connections.switchboard
    assert isinstance(far, FarConnection)
    await eventually(lambda: far.connected and far.key in gaps)
    gaps.clear()
    for message in (Missed("connections-9", far.key, "c"), Changed("connections-9", far.key, Trouble.AWAY)):
        maestro.connections.switchboard.handle(message)
    maestro.connections.switchboard.handle(Missed(far.holder.name, "another", "c"))
    assert gaps == []
    assert far.connected
    maestro.connections.switchboard.handle(Missed(far.holder.name, far.key, "c"))
    assert gaps == [far.key]


# ── several Studios ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("each", [1, 256], ids=["far", "here"])
async def test_a_studio_that_is_away_holds_up_nobody_elses_project(
    home: Home, sample: Sample, other: Sample, tmp_path: Path, elsewhere: LocalStudio, each: int
) -> None:
    config = Config(
        ping=0.05, lease=1.0, stop_grace=0.3, pool=4, connections_per_actor=each, sandbox=SandboxTable("off")
    )
    async with LocalMaestro(home, config=config) as maestro:
        maestro.logins[key_of(home, other)] = await elsewhere.login()
        names = await two_at_work(maestro, sample, other, tmp_path / "gate")
        await elsewhere.stop()
        (tmp_path / "gate").touch()
        await maestro.until("run.ended", names[1], purpose="execute")
        await eventually(lambda: len(maestro.connections.reports.outbox))
        once(sample, await end(maestro, names[0]), "one")
        assert [live.record.name for live in maestro.connections.teams.values()] == [names[1]]
        assert len(maestro.connections.reports.outbox) == 1
        await elsewhere.start()
        once(other, await end(maestro, names[1]), "one")
        await eventually(lambda: not len(maestro.connections.reports.outbox))


async def test_decisions_of_every_studio_are_listed_and_answered_where_they_lie(
    home: Home, sample: Sample, other: Sample, elsewhere: LocalStudio
) -> None:
    async with LocalMaestro(home) as maestro:
        maestro.logins[key_of(home, other)] = await elsewhere.login()
        for each in (sample, other):
            providers = {"dev": "command:false", "review": APPROVE}
            name = (await begin(maestro, each, repo=str(each.path), providers=providers))["team"]["name"]
            await maestro.until("team.waiting", name)
        cards = (await maestro.call("decide.list"))["cards"]
        assert len(cards) == 2
        address = elsewhere.url
        await elsewhere.stop()
        left = await maestro.call("decide.list")
        assert len(left["cards"]) == 1
        assert [each["studio"] for each in left["away"]] == [address]
        with pytest.raises(StudioUnavailable):
            await maestro.call("decide.list", repo=str(other.path))
        await elsewhere.start()
        (there,) = (await maestro.call("decide.list", repo=str(other.path)))["cards"]
        assert (await elsewhere.store.read(_open_cards)) == [there["id"]]
        await maestro.call("decide.answer", id=there["id"], answer="abort")
        assert (await elsewhere.store.read(_open_cards)) == []
        assert len((await maestro.call("decide.list"))["cards"]) == 1


def _open_cards(tx: Any) -> list[str]:
    from maestro_ray.studio import schema as t

    return [str(row["id"]) for row in tx.all(t.decisions.select()) if row["status"] == "open"]


async def test_a_connection_without_a_team_is_closed_when_its_last_report_is_out(
    home: Home, sample: Sample
) -> None:
    """The team is over, its report is late: the connection is there for the report, and then no more."""
    from maestro_ray.actors.messages import Report

    async with LocalMaestro(home) as maestro:
        await maestro.connections.reports.outbox.put(
            Report("gone", 1, "complete", {"result": {}}, key_of(home, sample))
        )
        await eventually(lambda: not len(maestro.connections.reports.outbox))
        await eventually(lambda: list(maestro.connections.switchboard) == [])
        assert find(f"{home.instance}:") == []


async def test_a_project_in_use_is_not_closed(home: Home) -> None:
    async with LocalMaestro(home) as maestro:
        with maestro.connections.using("local:x/a"):
            connection = maestro.connections.connection("local:x/a")
            with maestro.connections.using("local:x/a"):
                pass
            assert maestro.connections.connection("local:x/a") is connection
        assert list(maestro.connections.switchboard) == []
        await asyncio.sleep(0)
