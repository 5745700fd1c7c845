from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.protocol.backoff import Backoff
from maestro_ray.protocol.pusher import Advice

rolls = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(
    ("attempt", "top"), [(0, 2.0), (1, 3.0), (2, 5.0), (3, 9.0), (4, 17.0), (5, 30.0), (9999, 30.0)]
)
def test_the_wait_is_spread_over_the_whole_window_which_doubles_up_to_the_cap(
    attempt: int, top: float
) -> None:
    backoff = Backoff()

    waits = [backoff.next_delay(attempt, Advice.BACK_OFF, roll) for roll in (0.0, 0.5, 0.999999)]

    assert waits[0] == 1.0
    assert waits[1] == pytest.approx((1.0 + top) / 2)
    assert waits[2] == pytest.approx(top, abs=0.001)


def test_pure_full_jitter_has_no_floor() -> None:
    backoff = Backoff(cap=8.0, base=0.5, floor=0.0)

    assert backoff.next_delay(3, Advice.BACK_OFF, 0.0) == 0.0
    assert backoff.next_delay(3, Advice.BACK_OFF, 0.5) == 2.0
    assert backoff.next_delay(8, Advice.BACK_OFF, 0.5) == 4.0


def test_do_not_reconnect_means_never() -> None:
    assert Backoff().next_delay(0, Advice.DO_NOT_RECONNECT, 0.5) is None


def test_reconnect_now_is_followed_once_and_then_waits() -> None:
    backoff = Backoff()

    assert backoff.next_delay(0, Advice.RECONNECT_NOW, 0.9) == 0.0
    assert backoff.next_delay(1, Advice.RECONNECT_NOW, 0.0) == 1.0
    assert backoff.next_delay(1, Advice.RECONNECT_NOW, 0.5) == 1.5
    assert backoff.next_delay(3, Advice.RECONNECT_NOW, 0.5) == 3.0


def test_advice_that_makes_no_sense_after_a_close_still_ends_in_a_connection() -> None:
    assert Backoff().next_delay(0, Advice.STAY, 0.5) == 1.5


@given(st.integers(-5, 100_000), st.sampled_from([Advice.BACK_OFF, Advice.RECONNECT_NOW, Advice.STAY]), rolls)
def test_a_wait_is_never_negative_never_over_the_cap_and_repeated_ones_never_tight(
    attempt: int, advice: Advice, roll: float
) -> None:
    wait = Backoff().next_delay(attempt, advice, roll)

    assert wait is not None
    assert 0.0 <= wait <= 30.0
    assert wait >= 1.0 or (advice is Advice.RECONNECT_NOW and attempt <= 0)


def test_only_a_connection_that_lasted_begins_to_count_anew() -> None:
    backoff = Backoff()

    assert backoff.count(4, lived=10.0) == 0
    assert backoff.count(4, lived=9.9) == 5
    assert backoff.count(0, lived=0.0) == 1
