"""What each agent is put through: one turn each, and what it must leave behind."""

from __future__ import annotations

from dataclasses import dataclass

from models.script import After, Flood, Part, Refuse, Say, Step
from models.tools import Write, wait_for

PROMPT = "Please write hello into hello.txt."


@dataclass(frozen=True)
class Case:
    """`interrupted` cases are ended by a signal as soon as the model is asked."""

    steps: tuple[Step, ...]
    interrupted: bool = False

    @property
    def part(self) -> Part:
        return Part(self.steps)


CASES = {
    "edit": Case((Write("hello.txt", "hello\n"), Say("Wrote hello.txt."))),
    "refused": Case((Refuse(401, "invalid x-api-key"),)),
    "limited": Case((Refuse(429, "Number of requests has exceeded your rate limit", retry_after=1),)),
    "long": Case((Flood(8_000),)),
    "interrupted": Case((wait_for("never"), After("never", Say("late"))), interrupted=True),
}
