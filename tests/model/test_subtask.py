from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.model.subtask import DEPTH, PER_TASK, refusal


@pytest.mark.parametrize(
    ("depth", "siblings", "may"),
    [
        (0, 0, True),
        (0, PER_TASK - 1, True),
        (0, PER_TASK, False),
        (DEPTH - 1, 0, True),
        (DEPTH, 0, False),
        (DEPTH + 5, 0, False),
    ],
)
def test_how_far_a_task_may_be_split(depth: int, siblings: int, may: bool) -> None:
    assert (refusal(depth, siblings) == "") is may


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))
def test_what_is_refused_stays_refused_further_down(depth: int, siblings: int, more: int) -> None:
    if refusal(depth, siblings):
        assert refusal(depth + more, siblings)
        assert refusal(depth, siblings + more)
