"""What Studio says reaches the team it concerns, also when the event that said it was lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from workspace.sample import Sample

from maestro_ray.home import Home
from maestro_ray.testing import LocalMaestro

from .stage import APPROVE, begin, end, once

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
    maestro.connections.assignments.on_gap(f"private-project.{team.record.project}")
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
    await maestro.connections.studio.post(f"projects/{team.record.project}/analysis", {})
    card = (await maestro.until("decision.requested"))["decision"]
    assert (card["kind"], card["plan_id"]) == ("repo_analysis", None)
    assert card["question"].endswith("the workers of this team do tasks, and no repo_analysis")
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
    maestro.connections.assignments.on_gap(team.record.channel_name)
    async with asyncio.timeout(20):
        while (await studio.get(path))[0]["status"] != "accepted":
            await asyncio.sleep(0.01)
    await studio.delete(path)
    await maestro.until("cleared")
    async with asyncio.timeout(20):
        while await studio.get(path) or await studio.get(f"teams/{team.record.id}/inbox"):
            await asyncio.sleep(0.01)
    kinds = [each["kind"] for each in await studio.get(f"teams/{team.record.id}/messages")]
    assert [kinds.count(kind) for kind in ("directive", "said", "cleared")] == [1, 1, 1]


async def test_what_an_agent_says_is_shown_in_studio(maestro: LocalMaestro, sample: Sample) -> None:
    speaks = "command:sh -c 'echo I am at work; echo x > one.txt'"
    answer = await begin(maestro, sample, providers={"dev": speaks, "review": APPROVE})
    run = (await maestro.until("run.started", purpose="execute"))["body"]["run"]
    await end(maestro, answer["team"]["name"])
    assert "I am at work" in maestro.studio.app.state.studio.chunks.tail(run)
