from __future__ import annotations

import time

from maestro_ray.clock import SystemClock


def test_the_machines_clocks():
    clock = SystemClock()
    before = clock.monotonic()

    assert abs(clock.wall() - time.time()) < 5
    assert clock.monotonic() >= before
