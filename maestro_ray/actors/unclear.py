"""An unclear verdict: whether a reviewer is asked for it once more, and in what words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from maestro_ray.actors.turn import Ended
from maestro_ray.model import steering
from maestro_ray.model.agent import Finished
from maestro_ray.model.run import Purpose
from maestro_ray.model.verdict import ask_again


def again(assignment: Mapping[str, Any], ended: Ended, directives: Sequence[str] = ()) -> str:
    """The prompt of another turn in the same session, with the operator's directives like any other; empty when there
    is nothing to ask, or nobody who remembers."""
    if (
        assignment["purpose"] != Purpose.REVIEW
        or ended.again is None
        or not isinstance(ended.event, Finished)
    ):
        return ""
    asked = ask_again(ended.event.text)
    return "\n\n".join(each for each in (steering.block(directives), asked) if each) if asked else ""
