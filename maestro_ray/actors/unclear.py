"""An unclear verdict: whether a reviewer is asked for it once more, and in what words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maestro_ray.actors.turn import Ended
from maestro_ray.model.agent import Finished
from maestro_ray.model.run import Purpose
from maestro_ray.model.verdict import ask_again


def again(assignment: Mapping[str, Any], ended: Ended) -> str:
    """The prompt of another turn in the same session; empty when there is nothing to ask, or nobody who remembers."""
    if (
        assignment["purpose"] != Purpose.REVIEW
        or ended.again is None
        or not isinstance(ended.event, Finished)
    ):
        return ""
    return ask_again(ended.event.text)
