"""What the model does: parts chosen by what the prompt holds, and one step for each time it is asked."""

from __future__ import annotations

from dataclasses import dataclass, field

from .answer import Answer, Refusal, Usage, long_text, text
from .question import Question
from .tools import Edit, Read, Run, Use, Write, call, finish

SMALL_TALK = "All is well."


@dataclass(frozen=True)
class Say:
    """A text. The last step of a part is one, or it is said that all is done."""

    text: str


@dataclass(frozen=True)
class Flood:
    """So many bytes of text; None: until nobody reads it any more."""

    size: int | None


@dataclass(frozen=True)
class Refuse:
    """An HTTP error, so many `times` (None: always), then the next step instead. `retry_after` in seconds."""

    status: int
    message: str
    times: int | None = None
    retry_after: int | None = None


@dataclass(frozen=True)
class After:
    """The step, but only when the test has opened this gate of the server."""

    gate: str
    step: Say | Flood | Write | Edit | Read | Run | Use


Step = Say | Flood | Refuse | After | Write | Edit | Read | Run | Use


@dataclass(frozen=True)
class Part:
    """What to do, step by step, when the words stand in what people said."""

    steps: tuple[Step, ...]
    words: str = ""
    usage: Usage = field(default_factory=Usage)


class Script:
    """The part whose words were said last is played; `refused` counts what was refused, by part and step."""

    def __init__(self, *parts: Part) -> None:
        self._parts = parts
        self._refused: dict[tuple[int, int], int] = {}

    def step(self, question: Question) -> tuple[Step, Usage]:
        """The step to take now: how often the model has answered since the words were said decides."""
        if question.aside:
            return Say(SMALL_TALK), Usage()
        said = [(_last_said(question, part.words), -number) for number, part in enumerate(self._parts)]
        place, number = max(said, default=(-1, 0))
        if place < 0:
            return Say(SMALL_TALK), Usage()
        answered = sum(turn.who == "model" for turn in question.turns[place:])
        return self._step(-number, answered), self._parts[-number].usage

    def _step(self, number: int, answered: int) -> Step:
        steps = self._parts[number].steps
        position = 0
        for place, step in enumerate(steps):
            if isinstance(step, Refuse):
                if position == answered and self._refuses(number, place, step):
                    return step
            elif position == answered:
                return step
            else:
                position += 1
        return Say("Done.")

    def _refuses(self, number: int, place: int, step: Refuse) -> bool:
        count = self._refused[number, place] = self._refused.get((number, place), 0) + 1
        return step.times is None or count <= step.times


def _last_said(question: Question, words: str) -> int:
    """The place of the last message with these words; no words stand at the beginning. -1: nobody said them."""
    if not words:
        return 0
    said = [place for place, turn in enumerate(question.turns) if turn.who == "user" and words in turn.text]
    return max(said, default=-1)


def answer(step: Step, question: Question, usage: Usage) -> Answer | Refusal:
    """The step as an answer to this question, with the tools it offers."""
    if isinstance(step, After):
        return answer(step.step, question, usage)
    if isinstance(step, Refuse):
        return Refusal(step.status, step.message, step.retry_after)
    if isinstance(step, Flood):
        return Answer((long_text(step.size), *finish(question)), usage)
    if isinstance(step, Say):
        return Answer((text(step.text), *finish(question)), usage)
    return Answer((call(step, question),), usage)
