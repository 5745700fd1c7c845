"""A program in its box: what is started, and what keeps it there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from maestro_ray.limits_table import LimitsTable


@dataclass(frozen=True)
class Confined:
    """`argv` as it is started. With `guard` its first program is not the agent but what makes the box around it.

    `rules` are Landlock's. `limits` is what its tree may use at most. `env` is added to the agent's environment.
    `name` is how errors call the program.
    """

    argv: tuple[str, ...]
    guard: bool = False
    rules: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    limits: LimitsTable = field(default_factory=LimitsTable)

    @property
    def program(self) -> str:
        return self.name or (self.argv[0] if self.argv else "")
