"""What becomes of reports that Studio does not take; their way through deaths is in test_connections.py."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from maestro_ray.actors.messages import Report
from maestro_ray.errors import StudioRefused, Unsendable
from maestro_ray.home import Home
from maestro_ray.testing import LocalMaestro


@pytest.fixture
async def maestro(home: Home) -> AsyncIterator[LocalMaestro]:
    async with LocalMaestro(home) as maestro:
        yield maestro


UNREAD = [StudioRefused(413, "bad_frame", "too large \udce9"), Unsendable("cli-runs/run/complete", "no")]


@pytest.mark.parametrize("error", UNREAD, ids=lambda error: type(error).__name__)
async def test_a_report_nobody_can_read_becomes_a_failure_then_an_interruption(
    maestro: LocalMaestro, error: Exception
) -> None:
    connections = maestro.connections
    put: list[Report] = []
    connections.reports.outbox.put = put.append  # type: ignore[assignment,method-assign]
    connections.reports.refused(Report("run", 3, "complete", {"result": {}}), error)
    own = {"reason": "x" * 9_000_000, "retryable": False, "hold": True}
    connections.reports.refused(Report("run", 3, "fail", own), error)
    for_complete, for_fail = put
    assert [(each.run, each.epoch, each.action) for each in put] == [("run", 3, "fail")] * 2
    assert all(each.body["reason"].isascii() and len(each.body["reason"]) < 4000 for each in put)
    assert (for_fail.body["retryable"], for_fail.body["hold"]) == (False, True)
    connections.reports.refused(for_complete, error)
    assert (put[2].action, put[2].body, put[2].epoch) == ("interrupt", {}, 3)
    connections.reports.refused(put[2], error)
    assert len(put) == len({each.id for each in put}) == 3


async def test_a_report_that_studio_has_read_and_refuses_counts_for_nothing(maestro: LocalMaestro) -> None:
    connections = maestro.connections
    put: list[Report] = []
    connections.reports.outbox.put = put.append  # type: ignore[assignment,method-assign]
    done = Report("run", 3, "complete", {"result": {}})
    connections.reports.refused(done, StudioRefused(409, "illegal_event", "over"))
    assert put == []
