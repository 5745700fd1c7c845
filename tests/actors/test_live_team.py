"""A live team: when it is up, and which runs its sessions hold."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from maestro_ray.actors.live_team import REMEMBERED, LiveTeam
from maestro_ray.actors.mirror import Mirror

from .test_team_record import RECORD


async def nothing(*_: Any) -> None:
    return None


@pytest.fixture
async def team() -> LiveTeam:
    mirror: Any = SimpleNamespace()
    assert Mirror
    return LiveTeam(RECORD, {}, mirror, mirror)


async def test_it_is_up_when_everybody_is(team: LiveTeam) -> None:
    for member in ("lead", "channel"):
        assert team.beat(member)
    assert not team.up.is_set()
    assert team.beat("dev-1")
    assert team.up.is_set()
    assert not team.beat("dev-1")
    team.lost("dev-1")
    assert not team.up.is_set()
    assert team.beat("dev-1")
    assert team.up.is_set()


def a_run(epoch: int, run: str = "r", session: str = "s-dev") -> dict[str, Any]:
    return {"id": run, "epoch": epoch, "session_id": session}


async def test_what_is_claimed_is_held_until_it_is_reported(team: LiveTeam) -> None:
    assert team.hold(a_run(1))
    assert team.hold(a_run(1, "other", "s-lead"))
    assert [run["id"] for run in team.runs_of("s-dev")] == ["r"]
    team.reported("r", 1)
    assert team.runs_of("s-dev") == []


async def test_a_report_may_be_faster_than_the_answer_to_the_claim(team: LiveTeam) -> None:
    team.reported("r", 1)
    assert not team.hold(a_run(1))
    assert team.runs == {}
    assert team.hold(a_run(2))


async def test_a_late_report_of_an_old_epoch_ends_no_new_one(team: LiveTeam) -> None:
    team.hold(a_run(3))
    team.reported("r", 1)
    assert "r" in team.runs


async def test_what_members_say_they_work_on_is_held_too_until_it_is_reported(team: LiveTeam) -> None:
    team.hold(a_run(3))
    team.works("s-dev", "r", 1)
    team.works("s-lead", "m", 1)
    team.works("s-lead", "n", 5)
    assert team.holdings() == {("r", "s-dev", 3), ("r", "s-dev", 1), ("n", "s-lead", 5)}
    team.reported("n", 5)
    team.works("s-dev", "", 0)
    assert team.holdings() == {("r", "s-dev", 3)}
    team.let_go("r", 2)
    assert team.holdings()
    team.let_go("r", 3)
    assert not team.holdings()


async def test_it_remembers_a_bounded_number_of_reports(team: LiveTeam) -> None:
    for number in range(REMEMBERED + 1):
        team.reported(f"r{number}", 1)
    assert not team.is_reported("r0", 1)
    assert team.is_reported("r1", 1)
