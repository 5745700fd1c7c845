"""What each agent is put through: one turn each, and what it must leave behind."""

from __future__ import annotations

from dataclasses import dataclass

from models.script import After, Flood, Part, Refuse, Say, Step
from models.tools import Write, wait_for

from .recipe import Recipe

PROMPT = "Please write hello into hello.txt."


@dataclass(frozen=True)
class Case:
    """`interrupted` cases are ended by SIGINT, while the model thinks or, with `commands`, while one runs."""

    steps: tuple[Step, ...]
    interrupted: bool = False
    commands: bool = False

    @property
    def part(self) -> Part:
        return Part(self.steps)


CASES = {
    "edit": Case((Write("hello.txt", "hello\n"), Say("Wrote hello.txt."))),
    "refused": Case((Refuse(401, "invalid x-api-key"),)),
    "limited": Case((Refuse(429, "Number of requests has exceeded your rate limit", retry_after=1),)),
    "long": Case((Flood(8_000),)),
    "interrupted": Case((After("never", Say("late")),), interrupted=True),
    "interrupted_command": Case((wait_for("never"), Say("late")), interrupted=True, commands=True),
}


def cases_of(recipe: Recipe) -> dict[str, Case]:
    return {name: case for name, case in CASES.items() if recipe.commands or not case.commands}
