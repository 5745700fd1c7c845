"""A goal: what a team was asked for in words, and what its lead needs to make a plan of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from maestro_ray.ports import ProviderSpec

# the lead among those who have an agent: its name, its role
LEAD = "lead"
# in characters
LONGEST = 20_000


@dataclass(frozen=True)
class Goal:
    """`provider` is the agent of the lead, `base` the branch the plan is released into; with `yes` the first plan is
    carried out without a question. `tests`: somebody in the team runs test commands, so that there must be one.
    The last four are the plan's."""

    text: str
    provider: ProviderSpec
    base: str = ""
    yes: bool = False
    tests: bool = False
    attempts: int = 3
    revision_cap: int = 3
    reviewers: int = 1
    review_policy: str = "all"

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """As `dataclasses.asdict` writes it, and JSON after that."""
        provider: dict[str, Any] = {
            key: tuple(each) if isinstance(each, list) else each for key, each in data["provider"].items()
        }
        return cls(**{**data, "provider": ProviderSpec(**provider)})
