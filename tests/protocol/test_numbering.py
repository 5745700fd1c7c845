from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.protocol.numbering import Numbering


def test_the_first_number_is_the_start_when_none_was_given() -> None:
    numbering = Numbering()

    assert [numbering.take(n) for n in (41, 42, 42, 41, 43, 46, 44, 47)] == [0, 0, None, None, 0, 2, None, 0]


def test_a_given_last_number_shows_what_was_missed_before_the_first() -> None:
    assert Numbering(7).take(8) == 0
    assert Numbering(7).take(10) == 2
    assert Numbering(7).take(7) is None
    assert Numbering(0).take(1) == 0


@given(st.integers(0, 20), st.lists(st.integers(0, 60), max_size=60))
def test_each_number_is_news_once_or_missing_once(last: int, arrivals: list[int]) -> None:
    numbering, news, missing = Numbering(last), [], []
    for n in arrivals:
        skipped = numbering.take(n)
        if skipped is not None:
            missing += range(n - skipped, n)
            news.append(n)

    assert news == sorted(set(news))
    assert sorted(news + missing) == list(range(last + 1, max([last, *arrivals]) + 1))
