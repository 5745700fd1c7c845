"""Two minutes in which everything is killed, and one of goals; the longer runs are `python -m tests.chaos`."""

from __future__ import annotations

import pytest
from chaos.__main__ import MUST_BE_ZERO
from chaos.goals import Goals
from chaos.soak import soak

pytestmark = [pytest.mark.ray, pytest.mark.e2e]

SECONDS, EVERY, SEED = 120.0, 6.0, 4


@pytest.mark.timeout(600)
def test_whatever_is_killed_nothing_is_stuck_lost_doubled_or_left(tmp_path_factory):
    """That each fault is seen when it is there is test_audit.py; which protection each kind of kill needs, and was seen
    red without, is e2e/test_kill_matrix.py. A single one switched off need not show here: a kill seldom meets its moment.
    """
    found = soak(tmp_path_factory.mktemp("c"), SECONDS, EVERY, SEED)

    assert {name: found[name] for name in MUST_BE_ZERO} == dict.fromkeys(MUST_BE_ZERO, 0), found
    assert found["kills"] >= SECONDS / EVERY / 2
    assert found["runs_done"] > 20


# without those of Ray: to start all of it again takes a third of the time, and the test above has them
OF_MAESTRO = ("lead", "worker", "connections", "studio", "daemon", "channel", "agent", "shim")


@pytest.mark.timeout(600)
def test_whatever_is_killed_a_goal_is_planned_paid_asked_about_and_released_once(tmp_path_factory):
    """`promises.py` says what must hold; that each breach is seen is test_promises.py."""
    found = soak(tmp_path_factory.mktemp("c"), 75.0, 5.0, SEED, OF_MAESTRO, Goals.on)

    assert {name: found[name] for name in MUST_BE_ZERO} == dict.fromkeys(MUST_BE_ZERO, 0), found
    assert found["kills"] >= 5
    assert found["runs_done"] > 10
    # at least the plan and a budget were answered
    assert found["cards"] >= 2
