"""The lead: it passes on what is its workers', does what is its own one after the other, and never blocks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from workspace.sample import Sample

from maestro_ray.actors import lead as module
from maestro_ray.actors.lead import Lead
from maestro_ray.actors.messages import (
    Assign,
    Beat,
    Directive,
    DirectivesCleared,
    Joined,
    Left,
    Lost,
    Ping,
    Post,
    Report,
    Roster,
    Withdraw,
    WorkerEvent,
)
from maestro_ray.agent.sweep import find
from maestro_ray.errors import IllegalEvent, JournalBroken
from maestro_ray.home import Home
from maestro_ray.testing import FakeClock, eventually

from .office import Office
from .parts import a_lead, a_lead_run, a_run

BOOTSTRAP = a_lead_run("bootstrap_epic")


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def lead(home: Home, sample: Sample, office: Office, clock: FakeClock) -> AsyncIterator[Lead]:
    lead = Lead(a_lead(home, sample.path), office.courier(), clock)
    lead.start()
    yield lead
    await lead.quit()
    lead._courier.close()


def tell(lead: Lead, message: Any) -> Any:
    return lead.handle("connections", message)


def posted(office: Office) -> list[str]:
    return [post.kind for post in office.of(Post, "slot-channel")]


async def test_runs_of_workers_are_passed_on(lead: Lead, office: Office) -> None:
    mine, other = a_run("c" * 40), a_run("c" * 40, id="run-2", session_id="session-dev2")
    tell(lead, Assign(mine))
    tell(lead, Assign(other))
    await office.until(lambda: len(office.of(Assign)) == 2)
    assert office.of(Assign, "slot-dev") == [Assign(mine)]
    assert office.of(Assign, "slot-dev2") == [Assign(other)]


async def test_a_run_of_nobody_here_is_refused(lead: Lead) -> None:
    with pytest.raises(IllegalEvent):
        tell(lead, Assign(a_run("c" * 40, session_id="stranger")))


async def test_its_own_run_is_done_reported_and_told(lead: Lead, office: Office, sample: Sample) -> None:
    tell(lead, Assign(BOOTSTRAP))
    await office.until(lambda: "run.ended" in posted(office))
    (report,) = office.of(Report, "connections")
    assert (report.run, report.epoch, report.action) == ("run-bootstrap_epic", 1, "complete")
    assert report.body["result"]["commit"] == sample.sha("epic/a-plan-1")
    assert posted(office) == ["run.started", "run.ended"]


async def test_the_same_run_twice_is_done_once_and_a_new_epoch_again(lead: Lead, office: Office) -> None:
    for run in (BOOTSTRAP, BOOTSTRAP, {**BOOTSTRAP, "epoch": 2}):
        tell(lead, Assign(run))
    await office.until(lambda: len(office.of(Report)) == 2)
    first, second = office.of(Report)
    assert (first.epoch, second.epoch) == (1, 2)
    assert first.body["result"] == second.body["result"]


async def test_what_git_refuses_is_a_failed_run_and_the_next_one_is_done(lead: Lead, office: Office) -> None:
    tell(lead, Assign(a_lead_run("bootstrap_epic", id="run-0", plan={"base_branch": "nowhere"})))
    tell(lead, Assign({**BOOTSTRAP, "purpose": "unheard-of", "id": "run-1"}))
    tell(lead, Assign(BOOTSTRAP))
    await office.until(lambda: len(office.of(Report)) == 3)
    refused, odd, done = office.of(Report)
    assert "there is no branch 'nowhere'" in refused.body["reason"]
    assert odd.action == "fail"
    assert done.action == "complete"


async def test_a_report_that_cannot_be_taken_does_not_end_the_lead(
    lead: Lead, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = asyncio.sleep
    monkeypatch.setattr("maestro_ray.actors.mail.asyncio.sleep", lambda _seconds: pause(0))
    errors: list[Any] = [JournalBroken("x", "full")]
    office.replies[Report] = lambda *_: errors.pop() if errors else 1
    tell(lead, Assign(BOOTSTRAP))
    tell(lead, Assign({**BOOTSTRAP, "epoch": 2}))
    await office.until(lambda: len(office.of(Report)) == 3)
    assert [report.epoch for report in office.of(Report)] == [1, 1, 2]


async def test_a_withdrawal_goes_to_its_holder_whether_or_not_he_was_heard_of(
    lead: Lead, office: Office
) -> None:
    """Between Assign and the worker's first word, and in a lead that has just begun its life."""
    tell(lead, Withdraw("run-1", "session-dev", 1))
    await office.until(lambda: office.of(Withdraw))
    assert office.of(Withdraw, "slot-dev") == [Withdraw("run-1", "session-dev", 1)]


async def test_its_own_run_that_is_withdrawn_before_it_began_is_not_done(
    lead: Lead, office: Office, sample: Sample
) -> None:
    tell(lead, Assign(BOOTSTRAP))
    tell(
        lead, Assign({**BOOTSTRAP, "id": "run-2", "plan": {**BOOTSTRAP["plan"], "epic_branch": "epic/other"}})
    )
    tell(lead, Withdraw("run-2", "session-lead", 1))
    tell(lead, Assign({**BOOTSTRAP, "id": "run-3"}))
    await office.until(lambda: len(office.of(Report)) == 2)
    assert [report.run for report in office.of(Report)] == ["run-bootstrap_epic", "run-3"]
    assert sample.git("branch", "--list", "epic/other") == ""


async def test_its_own_run_that_is_withdrawn_stops_and_may_be_handed_out_again(
    lead: Lead, office: Office, sample: Sample
) -> None:
    """Studio hands it the same run anew, under a new epoch, while the old one has just begun."""
    tell(lead, Assign(BOOTSTRAP))
    await office.until(lambda: "run.started" in posted(office))
    tell(lead, Withdraw(BOOTSTRAP["id"], "session-lead", 1))
    tell(lead, Assign({**BOOTSTRAP, "epoch": 3}))
    await office.until(lambda: office.of(Report))
    assert [report.epoch for report in office.of(Report)] == [3]
    assert posted(office)[:3] == ["run.started", "run.withdrawn", "run.started"]


async def test_a_plan_that_is_cancelled_during_its_release_test_is_not_released(
    lead: Lead, office: Office, sample: Sample, home: Home, tmp_path: Path
) -> None:
    base = sample.sha("main")
    epic = sample.side("epic/a-plan-1", work="x")
    waits = {"epic_head": epic, "test": f"touch {tmp_path / 'begun'}; sleep 600"}
    release = a_lead_run("release", epic, plan=waits)
    tell(lead, Assign(release))
    await eventually((tmp_path / "begun").exists)
    tell(lead, Withdraw(release["id"], "session-lead", 1))
    tell(lead, Assign(a_lead_run("release_cleanup", epic, plan={"epic_head": epic, "status": "cancelled"})))
    await office.until(lambda: office.of(Report))
    assert [report.run for report in office.of(Report)] == ["run-release_cleanup"]
    assert sample.sha("main") == base
    assert find(f"{home.instance}:") == []


# ── who is here ──────────────────────────────────────────────────────────────────────────────────────────────────


def roster(lead: Lead) -> dict[str, Any]:
    return tell(lead, Roster())  # type: ignore[no-any-return]


async def test_the_team_is_up_when_every_worker_is(lead: Lead, office: Office, clock: FakeClock) -> None:
    assert roster(lead)["state"] == "spawning"
    tell(lead, Beat("dev-1", 11, "n"))
    assert roster(lead)["state"] == "spawning"
    tell(lead, Beat("dev-2", 12, "n"))
    assert roster(lead)["state"] == "active"
    clock.advance(2.0)
    assert roster(lead)["workers"]["dev-1"] == {
        "role": "dev", "session": "session-dev", "up": True, "since": 2.0, "run": ""
    }  # fmt: skip
    await office.until(lambda: posted(office) == ["team.up"])


async def test_who_is_lost_is_down_and_busy_with_nothing(lead: Lead) -> None:
    tell(lead, Beat("dev-1", 11, "n"))
    tell(lead, WorkerEvent("dev-1", "run-1", True))
    assert roster(lead)["workers"]["dev-1"]["run"] == "run-1"
    tell(lead, Lost("dev-1"))
    assert roster(lead)["workers"]["dev-1"]["up"] is False
    assert roster(lead)["workers"]["dev-1"]["run"] == ""
    with pytest.raises(IllegalEvent):
        tell(lead, Lost("stranger"))


async def test_the_end_of_an_old_run_does_not_end_the_new_one(lead: Lead) -> None:
    tell(lead, WorkerEvent("dev-1", "run-2", True))
    tell(lead, WorkerEvent("dev-1", "run-1", False))
    assert roster(lead)["workers"]["dev-1"]["run"] == "run-2"
    tell(lead, WorkerEvent("dev-1", "run-2", False))
    assert roster(lead)["workers"]["dev-1"]["run"] == ""


async def test_who_joins_is_given_work_and_who_left_is_not(lead: Lead, office: Office) -> None:
    for _ in range(2):
        tell(lead, Joined("test-1", "test", "session-test", "slot-test"))
    tell(lead, Assign(a_run("c" * 40, session_id="session-test")))
    await office.until(lambda: office.of(Assign, "slot-test"))
    for _ in range(2):
        tell(lead, Left("test-1"))
    assert "test-1" not in roster(lead)["workers"]
    with pytest.raises(IllegalEvent):
        tell(lead, Assign(a_run("c" * 40, session_id="session-test")))
    await office.until(lambda: len(posted(office)) == 2)
    assert posted(office) == ["worker.joined", "worker.left"]


async def test_steering_is_the_workers_matter_and_anything_else_is_refused(lead: Lead) -> None:
    assert tell(lead, Directive("d", "x")) is None
    assert tell(lead, DirectivesCleared()) is None
    with pytest.raises(IllegalEvent):
        tell(lead, Ping("s", 1, "n", "t"))


async def test_who_comes_and_goes_and_what_is_over_leaves_nothing(
    lead: Lead, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        tell(lead, Joined(f"dev-{number + 7}", "dev", f"s-{number}", f"slot-{number}"))
        tell(lead, Assign(a_run("c" * 40, session_id=f"s-{number}")))
        await office.until(lambda number=number: office.of(Assign, f"slot-{number}"))
        tell(lead, Left(f"dev-{number + 7}"))
        for number in range(module.REMEMBERED + 1):
            tell(lead, Withdraw(f"run-{number}", "session-lead", 1))
    assert set(lead._slots) == {"lead", "channel", "dev-1", "dev-2"}
    assert [name for name in lead._courier._queues if name.removeprefix("slot-").isdigit()] == []
    assert len(lead._withdrawn) == module.REMEMBERED
