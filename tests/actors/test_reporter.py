"""What a member says of its runs: reports that cannot be lost, messages for its team, and pauses for want of room."""

from __future__ import annotations

from pathlib import Path

import pytest

from maestro_ray import room
from maestro_ray.actors.messages import Post, Report
from maestro_ray.actors.reporter import Reporter
from maestro_ray.clock import SystemClock
from maestro_ray.errors import DiskFull, GitFailed
from maestro_ray.home import Home

from .office import Office
from .parts import a_run, a_spec

FULL = DiskFull("git", 1, "no space", "/small")


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def reporter(home: Home, office: Office, tmp_path: Path) -> Reporter:
    return Reporter("dev-1", a_spec(home, tmp_path), office.courier(), SystemClock())


async def test_while_the_disk_takes_nothing_it_pauses_and_tries_again(
    reporter: Reporter, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red with `with_room` raising what it gets."""
    monkeypatch.setattr(room, "PAUSE", 0.01)
    run, tries = a_run("0" * 40), [FULL, FULL]

    async def work() -> str:
        if tries:
            raise tries.pop()
        return "done"

    assert await reporter.with_room(run, work) == "done"
    assert [report.action for report in office.of(Report)] == ["pause", "resume"] * 2
    posts = await office.until(lambda: len(office.of(Post, "slot-channel")) == 2 and office.of(Post))
    assert {(post.sender, post.kind, post.body["reason"]) for post in posts} == {
        ("dev-1", "run.paused", str(FULL))
    }


async def test_what_has_another_reason_is_raised_at_once(reporter: Reporter, office: Office) -> None:
    async def work() -> None:
        raise GitFailed("git", 1, "unrelated")

    with pytest.raises(GitFailed):
        await reporter.with_room(a_run("0" * 40), work)
    assert office.of(Report) == []
