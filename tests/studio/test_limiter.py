from __future__ import annotations

import pytest

from maestro_ray.errors import TooManyRequests
from maestro_ray.studio import limiter
from maestro_ray.studio.limiter import Limiter


def test_a_burst_and_then_a_steady_rate() -> None:
    bucket = Limiter(burst=3, rate=0.5)
    for _ in range(3):
        bucket.take("a", 10.0)
    with pytest.raises(TooManyRequests) as caught:
        bucket.take("a", 10.0)
    assert caught.value.args == (2,)
    bucket.take("b", 10.0)
    bucket.take("a", 12.0)
    with pytest.raises(TooManyRequests):
        bucket.take("a", 12.5)


def test_those_who_were_refused_are_not_refused_longer() -> None:
    bucket = Limiter(burst=1, rate=1)
    bucket.take("a", 0.0)
    for moment in (0.2, 0.4, 0.9):
        with pytest.raises(TooManyRequests):
            bucket.take("a", moment)
    bucket.take("a", 1.0)


def test_it_does_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiter, "_SWEEP_AT", 10)
    bucket = Limiter(burst=1, rate=1)
    for number in range(100):
        bucket.take(str(number), number * 0.5)
    assert len(bucket._buckets) <= 11
