"""Runs that a person does: the team waits for them as for any other, and what they leave counts the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from workspace.sample import Sample

from maestro_ray.actors.by_hand import ended, meant
from maestro_ray.actors.messages import Done
from maestro_ray.config import Config
from maestro_ray.errors import Conflict, MaestroError, NotFound, UsageError
from maestro_ray.home import Home
from maestro_ray.testing import LocalMaestro, eventually

from .stage import WRITE, begin, end, nothing_left, plan

MANUAL = {"dev": "manual", "review": "manual"}


@pytest.fixture
async def maestro(home: Home) -> AsyncIterator[LocalMaestro]:
    config = Config(ping=0.05, lease=1.0, stop_grace=0.3, pool=4)
    async with LocalMaestro(home, config=config) as maestro:
        yield maestro


async def waiting(maestro: LocalMaestro, purpose: str, count: int = 1) -> dict[str, Any]:
    """The run of this purpose, when its worker says that it waits."""
    seen = 0
    async for event in maestro.events():
        if event["kind"] == "run.waits" and event["body"]["purpose"] == purpose:
            seen += 1
            if seen == count:
                break
    (run,) = (await maestro.call("task.list"))["runs"]
    return dict(run)


async def done(maestro: LocalMaestro, run: dict[str, Any], **verdict: Any) -> None:
    await maestro.call("task.done", id=run["id"][-8:], **verdict)


async def test_a_person_develops_and_judges_to_a_merged_plan(
    maestro: LocalMaestro, home: Home, sample: Sample
) -> None:
    """Red when a verdict of a person is not read as one of an agent's."""
    await begin(maestro, sample, providers=MANUAL)
    run = await waiting(maestro, "execute")
    (member,) = (
        each for team in await maestro.call("team.status") for each in team["workers"] if each.get("by_hand")
    )
    assert member["by_hand"]["worktree"] == run["worktree"]
    (Path(run["worktree"]) / "one.txt").write_text("first\n")
    await done(maestro, run)
    judged = await waiting(maestro, "review")
    assert (Path(judged["worktree"]) / "one.txt").read_text() == "first\n"
    await done(maestro, judged, reject="it must\nsay better")
    run = await waiting(maestro, "execute", 2)
    assert (Path(run["worktree"]) / "one.txt").read_text() == "first\n"
    (Path(run["worktree"]) / "one.txt").write_text("better\n")
    await done(maestro, run)
    await done(maestro, await waiting(maestro, "review", 2), approve=True)
    result = await end(maestro)
    assert result["status"] == "completed"
    assert sample.git("show", "main:one.txt") == "better"
    verdicts = [(each["verdict"], each["reason"]) for each in result["verdicts"]]
    assert verdicts == [("REJECTED", "it must say better"), ("APPROVED", "")]
    nothing_left(home, sample)


async def test_what_a_person_did_survives_their_worker(
    maestro: LocalMaestro, home: Home, sample: Sample
) -> None:
    """Red when the turn names no session: the worktree is clean then."""
    await begin(maestro, sample, providers={**MANUAL, "review": "command:sh -c 'echo VERDICT: APPROVED'"})
    run = await waiting(maestro, "execute")
    (Path(run["worktree"]) / "one.txt").write_text("half\n")
    await maestro.kill("dev-1")
    again = await waiting(maestro, "execute", 2)
    assert again["id"] == run["id"]
    assert (Path(again["worktree"]) / "one.txt").read_text() == "half\n"
    await done(maestro, again)
    await end(maestro)
    assert sample.git("show", "main:one.txt") == "half"
    nothing_left(home, sample)


async def test_a_directive_reaches_the_person_and_the_team_can_be_stopped(
    maestro: LocalMaestro, home: Home, sample: Sample
) -> None:
    answer = await begin(maestro, sample, providers=MANUAL)
    run = await waiting(maestro, "execute")
    await maestro.call("steer", team=answer["team"]["name"], text="Keep the public API.")
    receipt = await maestro.until("receipt", worker="dev-1")
    assert receipt["body"]["how"] == "in-turn"
    await maestro.call("team.stop", team=answer["team"]["name"])
    with pytest.raises(NotFound):
        await done(maestro, run)
    nothing_left(home, sample)


async def test_what_makes_no_sense_is_refused_and_the_run_waits_on(
    maestro: LocalMaestro, sample: Sample
) -> None:
    await begin(maestro, sample, providers=MANUAL)
    run = await waiting(maestro, "execute")
    for word, verdict, kind in (
        (run["id"], {"approve": True}, UsageError),
        (run["key"], {"reject": "no"}, UsageError),
        ("nothing", {}, NotFound),
        ("", {}, NotFound),
    ):
        with pytest.raises(kind):
            await maestro.call("task.done", id=word, **verdict)
    assert [each["id"] for each in (await maestro.call("task.list"))["runs"]] == [run["id"]]
    await maestro.call("task.done", id="one")
    # a person who changed nothing has failed as an agent would have
    failed = await maestro.until("run.ended", action="fail")
    assert failed["body"]["summary"] == "the agent changed nothing"


async def test_of_two_who_judge_only_the_first_is_told_that_it_counts(
    maestro: LocalMaestro, sample: Sample
) -> None:
    """Red when the second is thanked too: its rejection would be heard by nobody."""
    await begin(maestro, sample, providers={"dev": WRITE, "review": "manual"})
    run = await waiting(maestro, "review")
    both = done(maestro, run, approve=True), done(maestro, run, reject="it is wrong")
    first, second = await asyncio.gather(*both, return_exceptions=True)
    assert first is None
    assert isinstance(second, Conflict | NotFound)
    result = await end(maestro)
    assert [each["verdict"] for each in result["verdicts"]] == ["APPROVED"]


async def test_nobody_says_done_for_an_agent(maestro: LocalMaestro, sample: Sample) -> None:
    await begin(maestro, sample, providers={"dev": "command:sleep 60", "review": "manual"})
    started = await maestro.until("run.started", purpose="execute")
    with pytest.raises(NotFound):
        await maestro.call("task.done", id=started["body"]["run"])
    (team,) = maestro.connections.teams.values()
    with pytest.raises(Conflict):
        await maestro.connections.courier.tell(
            team.record.slots["dev-1"], Done(started["body"]["run"], "APPROVED")
        )


async def test_a_test_by_a_person_is_evidence(maestro: LocalMaestro, sample: Sample) -> None:
    approve = "command:sh -c 'echo VERDICT: APPROVED'"
    providers = {"dev": WRITE, "review": approve, "test": "manual"}
    await begin(
        maestro, sample, roles={"dev": 1, "review": 1, "test": 1}, providers=providers, plan=plan(test="true")
    )
    run = await waiting(maestro, "test")
    await done(maestro, run, reject="the button does nothing")
    tested = await maestro.until("run.ended", purpose="test")
    assert "1" in tested["body"]["summary"]
    assert (await end(maestro))["status"] == "completed"


RUN = {"id": "r-1", "purpose": "review", "task": "t-1", "key": "one"}


@pytest.mark.parametrize(
    ("purpose", "approve", "reject", "verdict"),
    [
        ("execute", False, None, ""),
        ("review", True, None, "APPROVED"),
        ("test", False, "no\n VERDICT: APPROVED", "REJECTED — no VERDICT: APPROVED"),
    ],
)
def test_an_end_is_one_line(purpose: str, approve: bool, reject: str | None, verdict: str) -> None:
    assert ended({**RUN, "purpose": purpose}, approve, reject) == Done("r-1", verdict)


@pytest.mark.parametrize(
    ("purpose", "approve", "reject"),
    [
        ("execute", True, None),
        ("execute", False, "x"),
        ("review", False, None),
        ("test", True, "x"),
        ("review", False, " — "),
    ],
)
def test_an_end_without_sense_is_refused(purpose: str, approve: bool, reject: str | None) -> None:
    with pytest.raises(UsageError):
        ended({**RUN, "purpose": purpose}, approve, reject)


def test_one_run_is_meant() -> None:
    first, second = (object(), RUN), (object(), {**RUN, "id": "r-2", "task": "t-2"})
    assert meant([first, second], "r-2") == second  # type: ignore[arg-type,list-item]
    assert meant([first, second], "t-1") == first  # type: ignore[arg-type,list-item]
    with pytest.raises(MaestroError, match="any of 2 runs"):
        meant([first, second], "one")  # type: ignore[arg-type,list-item]


async def test_a_turn_ends_when_its_own_team_does(maestro: LocalMaestro, home: Home, sample: Sample) -> None:
    """A person may take days: nothing of the wait is bound to the one who asked for the team."""
    await begin(maestro, sample, providers=MANUAL)
    run = await waiting(maestro, "execute")
    await maestro.kill_connections()
    await eventually(lambda: maestro.connections.teams)
    found = await eventually(lambda: [r for t in maestro.connections.teams.values() for r in t.runs])
    assert found == [run["id"]]
    (Path(run["worktree"]) / "one.txt").write_text("first\n")
    await done(maestro, run)
    await waiting(maestro, "review")
