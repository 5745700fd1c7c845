from __future__ import annotations

import pytest

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
