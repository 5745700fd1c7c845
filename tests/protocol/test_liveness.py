from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.protocol.liveness import Liveness, Pulse


def test_silence_then_a_ping_then_the_verdict() -> None:
    life = Liveness(silence=30.0, patience=20.0, now=100.0)

    assert life.deadline() == 130.0
    assert life.check(129.9) is Pulse.QUIET
    assert life.check(130.0) is Pulse.PING
    assert life.deadline() == 150.0
    assert life.check(149.9) is Pulse.QUIET
    assert life.check(150.0) is Pulse.DEAD


def test_any_sign_of_life_begins_again() -> None:
    life = Liveness(silence=30.0, patience=20.0, now=100.0)
    life.check(130.0)

    life.heard(140.0)

    assert life.deadline() == 170.0
    assert life.check(150.0) is Pulse.QUIET


def test_a_machine_that_slept_for_an_hour_asks_first() -> None:
    life = Liveness(silence=30.0, patience=20.0, now=100.0)

    assert life.check(3700.0) is Pulse.PING
    assert life.deadline() == 3720.0


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 100)), max_size=30))
def test_nobody_is_declared_dead_unasked(steps: list[tuple[bool, float]]) -> None:
    life, now, asked = Liveness(30.0, 20.0, 0.0), 0.0, False
    for heard, wait in steps:
        now += wait
        if heard:
            life.heard(now)
            asked = False
        pulse = life.check(now)
        assert pulse is not Pulse.DEAD or asked
        asked = asked or pulse is Pulse.PING
