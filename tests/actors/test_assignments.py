"""What Studio says reaches the team it concerns, also when the event that said it was lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from workspace.sample import Sample

from maestro_ray.actors.live_team import LiveTeam
from maestro_ray.actors.messages import Assign
from maestro_ray.agent.sweep import find
from maestro_ray.errors import StudioRefused
from maestro_ray.home import Home
from maestro_ray.testing import LocalMaestro, eventually

from .stage import APPROVE, begin, end, once, waiting_for

FAILS = "command:false"


@pytest.fixture
async def maestro(home: Home) -> AsyncIterator[LocalMaestro]:
    async with LocalMaestro(home) as maestro:
        yield maestro


async def test_a_plan_is_read_again_only_while_a_decision_is_open(
    maestro: LocalMaestro, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    get = maestro.connections.studio.get

    async def counted(path: str, **params: str) -> object:
        asked.append(path)
        return await get(path, **params)

    monkeypatch.setattr(maestro.connections.studio, "get", counted)
    once(sample, await end(maestro, (await begin(maestro, sample))["team"]["name"]), "one")
    # at the first subscription, when the last run has ended, and for the result
    assert len([path for path in asked if path.startswith("plans/")]) <= 4


async def test_a_decision_that_was_asked_for_during_a_gap_is_seen(
    maestro: LocalMaestro, sample: Sample
) -> None:
    await begin(maestro, sample, providers={"dev": FAILS, "review": APPROVE})
    (card,) = (await maestro.until("team.waiting"))["decisions"]
    (team,) = maestro.connections.teams.values()
    team.cards, team.waits = {}, frozenset()
    before = team.happenings.last
    maestro.connections.assignments.on_gap(team.record.key, f"private-project.{team.record.project}")
    async for event in team.happenings.follow(before):
        if event["kind"] == "team.waiting":
            assert [each["id"] for each in event["decisions"]] == [card["id"]]
            break


async def test_an_answered_decision_is_open_no_longer(maestro: LocalMaestro, sample: Sample) -> None:
    await begin(maestro, sample, providers={"dev": FAILS, "review": APPROVE})
    (card,) = (await maestro.until("team.waiting"))["decisions"]
    (team,) = maestro.connections.teams.values()
    await maestro.call("decide.answer", id=card["id"], answer="abort")
    await maestro.until("decision.answered")
    assert card["id"] not in team.cards


async def test_a_run_about_the_project_is_refused_in_words_and_nothing_waits_for_a_plan(
    maestro: LocalMaestro, sample: Sample
) -> None:
    await begin(maestro, sample, plan=None)
    (team,) = maestro.connections.teams.values()
    asked = {"purpose": "plan", "note": "sell more"}
    await maestro.connections.studio.post(f"projects/{team.record.project}/analysis", asked)
    card = (await maestro.until("decision.requested"))["decision"]
    assert (card["kind"], card["plan_id"]) == ("plan", None)
    assert card["question"].endswith("the workers of this team do tasks, and no plan")
    assert (team.record.plans, team.open_plans) == ((), set())


async def test_what_people_say_in_studio_reaches_the_team_once(maestro: LocalMaestro, sample: Sample) -> None:
    await begin(maestro, sample, plan=None)
    await maestro.until("team.up")
    (team,) = maestro.connections.teams.values()
    studio, path = maestro.connections.studio, f"agent-sessions/{team.record.session}/steering"
    added = await studio.post(path, {"text": "keep the API"})
    said = await studio.post(f"teams/{team.record.id}/inbox", {"text": "good morning"})
    directive = await maestro.until("directive")
    assert (directive["body"]["id"], directive["body"]["text"]) == (added["id"], "keep the API")
    assert (await maestro.until("said"))["body"] == {"id": said["id"], "text": "good morning"}
    maestro.connections.assignments.on_gap(team.record.key, team.record.channel_name)
    async with asyncio.timeout(60):
        while (await studio.get(path))[0]["status"] != "accepted":
            await asyncio.sleep(0.01)
    await studio.delete(path)
    await maestro.until("cleared")
    async with asyncio.timeout(60):
        while await studio.get(path) or await studio.get(f"teams/{team.record.id}/inbox"):
            await asyncio.sleep(0.01)
    kinds = [each["kind"] for each in await studio.get(f"teams/{team.record.id}/messages")]
    assert [kinds.count(kind) for kind in ("directive", "said", "cleared")] == [1, 1, 1]


async def test_a_directive_is_taken_in_though_the_first_looks_at_it_failed(
    maestro: LocalMaestro, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No further event tells of it, so heartbeats must."""
    await begin(maestro, sample, plan=None)
    await maestro.until("team.up")
    (team,) = maestro.connections.teams.values()
    assignments = maestro.connections.assignments
    look, failures = assignments.from_studio, [StudioRefused(500, "internal_error", "a mistake")] * 5

    async def fails_at_first(team: LiveTeam, path: str) -> Any:
        if path.endswith("/inbox") and failures:
            raise failures.pop()
        return await look(team, path)

    monkeypatch.setattr(assignments, "from_studio", fails_at_first)
    path = f"agent-sessions/{team.record.session}/steering"
    added = await maestro.connections.studio.post(path, {"text": "keep the API"})
    async with asyncio.timeout(60):
        while failures:
            assignments.look_again(team)  # as each heartbeat does
            await asyncio.sleep(0.01)
    assignments.look_again(team)
    assert (await maestro.until("directive"))["body"]["id"] == added["id"]


async def test_what_an_agent_says_is_shown_in_studio(maestro: LocalMaestro, sample: Sample) -> None:
    speaks = "command:sh -c 'echo I am at work; echo x > one.txt'"
    answer = await begin(maestro, sample, providers={"dev": speaks, "review": APPROVE})
    run = (await maestro.until("run.started", purpose="execute"))["body"]["run"]
    await end(maestro, answer["team"]["name"])
    assert "I am at work" in maestro.studio.app.state.studio.chunks.tail(run)


# ── what Studio says beside what we know ─────────────────────────────────────────────────────────────────────────


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "gate"


async def at_work(maestro: LocalMaestro, home: Home, sample: Sample, gate: Path) -> tuple[LiveTeam, Any]:
    """A team whose developer's agent waits for the gate, and is heard of; the run it works on."""
    await begin(maestro, sample, providers={"dev": waiting_for(gate), "review": APPROVE})
    await maestro.until("run.started", purpose="execute")
    await eventually(lambda: find(f"{home.instance}:"))
    (team,) = maestro.connections.teams.values()
    await eventually(lambda: team.doing)
    (run,) = team.runs.values()
    return team, run


class Deaf:
    """Events are lost, as long as the test says."""

    def __init__(self, maestro: LocalMaestro) -> None:
        self._assignments = maestro.connections.assignments

    def __enter__(self) -> None:
        for name in ("on_event", "on_gap"):
            setattr(self._assignments, name, lambda *_: None)

    def __exit__(self, *_: object) -> None:
        for name in ("on_event", "on_gap"):
            delattr(self._assignments, name)


async def compared(maestro: LocalMaestro, team: LiveTeam) -> None:
    """A heartbeat, and all that follows from it here."""
    await maestro.connections.leases.heartbeat(team)
    await eventually(lambda: not team.comparing.locked())


@pytest.mark.parametrize("forgotten", [False, True], ids=["held", "withdrawn by a word that was lost"])
async def test_what_studio_took_back_unheard_is_worked_on_no_longer(
    maestro: LocalMaestro, home: Home, sample: Sample, gate: Path, forgotten: bool
) -> None:
    team, run = await at_work(maestro, home, sample, gate)
    with Deaf(maestro):
        await maestro.connections.studio.post(f"tasks/{run['task']['id']}/pause")
        if forgotten:
            team.runs.clear()
        await compared(maestro, team)
        await eventually(lambda: find(f"{home.instance}:") == [])
        assert team.runs == {}
    await maestro.until("run.withdrawn")
    await maestro.connections.studio.post(f"tasks/{run['task']['id']}/resume")
    gate.touch()
    once(sample, await end(maestro), "one")


async def test_what_studio_took_back_while_nobody_was_here_is_worked_on_no_longer(
    maestro: LocalMaestro, home: Home, sample: Sample, gate: Path
) -> None:
    _, run = await at_work(maestro, home, sample, gate)
    client = await maestro.studio.client()
    maestro.actors.unhost("connections")
    await maestro.connections.close()
    await client.post(f"tasks/{run['task']['id']}/pause")
    await client.close()
    await maestro.kill_connections()
    await eventually(lambda: find(f"{home.instance}:") == [])


async def test_a_run_that_was_handed_out_anew_unheard_is_taken_up_under_its_new_epoch(
    maestro: LocalMaestro, home: Home, sample: Sample, gate: Path
) -> None:
    team, run = await at_work(maestro, home, sample, gate)
    with Deaf(maestro):
        await maestro.connections.studio.post(f"cli-runs/{run['id']}/interrupt", {"epoch": run["epoch"]})
        await compared(maestro, team)
        await eventually(lambda: [each.epoch for each in team.doing.values()] == [run["epoch"] + 2])
    gate.touch()
    once(sample, await end(maestro), "one")


async def test_a_run_that_nobody_heard_of_is_claimed_with_the_next_heartbeat(
    maestro: LocalMaestro, sample: Sample
) -> None:
    with Deaf(maestro):
        await begin(maestro, sample)
        (team,) = maestro.connections.teams.values()
        await eventually(lambda: team.up.is_set() and not team.comparing.locked())
    await compared(maestro, team)
    once(sample, await end(maestro), "one")


async def pinged(maestro: LocalMaestro, team: LiveTeam, times: int = 3) -> None:
    """Until every member has shown so often what it does."""
    for _ in range(times):
        before = {
            place.name: place.beat for place in maestro.connections.pool.of_team(team.record.id).values()
        }
        assert len(before) == len(team.record.slots)
        for name, beat in before.items():
            await eventually(lambda name=name, beat=beat: maestro.connections.pool[name].beat != beat)


async def test_a_run_whose_holder_was_never_told_is_told_again(
    maestro: LocalMaestro, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a lead that died with the word in its hand."""
    lost: list[Assign] = []
    tell = maestro.connections.courier.tell

    def careless(receiver: str, message: Any) -> Any:
        if isinstance(message, Assign) and not lost:
            lost.append(message)
            return tell("slot-nowhere", message)
        return tell(receiver, message)

    monkeypatch.setattr(maestro.connections.courier, "tell", careless)
    await begin(maestro, sample)
    (team,) = maestro.connections.teams.values()
    await eventually(lambda: lost and team.runs)
    await pinged(maestro, team)
    assert not team.doing
    await compared(maestro, team)
    once(sample, await end(maestro), "one")


@pytest.mark.parametrize("waits", [True, False], ids=["on its way", "refused"])
async def test_a_run_whose_report_has_ended_nothing_is_interrupted(
    maestro: LocalMaestro,
    home: Home,
    sample: Sample,
    gate: Path,
    waits: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    team, run = await at_work(maestro, home, sample, gate)
    team.reported(run["id"], run["epoch"])
    monkeypatch.setattr(maestro.connections.reports.outbox, "runs", lambda: {run["id"]} if waits else set())
    await compared(maestro, team)
    if waits:
        assert team.runs == {}
        assert (await maestro.connections.studio.get(f"cli-runs/{run['id']}"))["epoch"] == run["epoch"]
    else:  # it is worked on again: under a new epoch, or as another attempt
        before = (run["id"], run["epoch"])
        await eventually(lambda: [each for each in team.doing.values() if (each.run, each.epoch) != before])
    gate.touch()
    once(sample, await end(maestro), "one")


async def test_a_new_life_knows_what_is_reported_and_not_yet_out(
    maestro: LocalMaestro, home: Home, sample: Sample, gate: Path
) -> None:
    """Studio says it is being worked on, for it has not heard; whoever did it must not do it again."""
    _, run = await at_work(maestro, home, sample, gate)
    await maestro.studio.stop()
    gate.touch()
    await maestro.until("run.ended", purpose="execute")
    await maestro.kill_connections()
    (team,) = maestro.connections.teams.values()
    assert team.is_reported(run["id"], run["epoch"])
    await maestro.studio.start()
    once(sample, await end(maestro), "one")


async def test_however_often_the_socket_is_cut_one_question_waits_for_a_studio_that_is_away(
    maestro: LocalMaestro, sample: Sample
) -> None:
    await begin(maestro, sample, plan=None)
    (team,) = maestro.connections.teams.values()
    await eventually(lambda: not team.comparing.locked())
    await maestro.studio.stop()
    catching = [asyncio.create_task(maestro.connections.assignments.catch_up(team)) for _ in range(10)]
    await asyncio.sleep(0)  # each goes as far as it can without an answer
    # one asks and one waits; who asks may be the team itself, which has seen its socket cut
    assert 1 <= len([task for task in catching if not task.done()]) <= 2
    await maestro.studio.start()
    await asyncio.gather(*catching)
