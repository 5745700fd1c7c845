from __future__ import annotations

import time

from maestro_ray.clock import Lateness, SystemClock


def test_the_machines_clocks():
    clock = SystemClock()
    before = clock.monotonic()

    assert abs(clock.wall() - time.time()) < 5
    assert clock.monotonic() >= before


def test_who_looks_as_often_as_they_mean_to_is_never_late():
    lateness = Lateness(1.0, 100.0)

    assert [lateness.since(now) for now in (101.0, 101.5, 102.5)] == [0.0, 0.0, 0.0]


def test_a_late_look_is_told_once_and_without_what_was_meant():
    lateness = Lateness(1.0, 100.0)

    assert [lateness.since(now) for now in (107.0, 107.0, 108.0, 109.5)] == [6.0, 0.0, 0.0, 0.5]
