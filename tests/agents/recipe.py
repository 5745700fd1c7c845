"""How one agent is started: the program, its arguments, and what points it at the scripted model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from .workplace import Workplace


@dataclass(frozen=True)
class Recipe:
    """`argv` and `env` take the model's address; `files` are written into the agent's home first.

    `programs` are those it needs on PATH, its own first. `work` is the arguments of one headless turn, the prompt
    left out: it comes last. `commands` is false for those that run none unasked;
    `text` programs say what they do in plain words.
    """

    name: str
    programs: Sequence[str]
    work: Callable[[str, Workplace], Sequence[str]]
    env: Callable[[str], Mapping[str, str]]
    files: Callable[[str], Mapping[str, str]] = field(default=lambda url: {})
    commands: bool = True
    text: bool = False

    def environment(self, url: str, place: Workplace) -> dict[str, str]:
        for path, text in self.files(url).items():
            (place.home / path).parent.mkdir(parents=True, exist_ok=True)
            (place.home / path).write_text(text)
        return place.env(*self.programs) | dict(self.env(url))

    def argv(self, prompt: str, url: str, place: Workplace) -> list[str]:
        return [self.programs[0], *self.work(url, place), prompt]
