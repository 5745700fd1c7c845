"""One headless turn of an agent against the scripted model, from its start to its end."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from models.server import ModelServer, playing

from .cases import PROMPT, Case
from .recipe import Recipe
from .talk import Line, Talk
from .workplace import Workplace


@dataclass(frozen=True)
class Turn:
    """How it ended. `code` is negative for a signal; `errors` its standard error; `left` runs on though it is gone."""

    code: int
    lines: list[Line]
    errors: str
    left: list[int]
    model: ModelServer
    place: Workplace


async def take_turn(recipe: Recipe, case: Case, place: Workplace, prompt: str = PROMPT) -> Turn:
    async with playing(case.part) as model:
        env = recipe.environment(model.url, place)
        talk = await Talk.start(recipe.argv(prompt, model.url, place), env, place)
        try:
            assert talk.process.stdin
            talk.process.stdin.close()
            if case.interrupted:
                await _interrupt(talk, model, place)
            code = await talk.process.wait()
            left = place.left()
        finally:
            await talk.cut()
    assert not model.broken, model.broken
    return Turn(code, talk.said(), talk.errors, left, model, place)


async def _interrupt(talk: Talk, model: ModelServer, place: Workplace) -> None:
    """While a command runs that never ends."""
    await place.command_runs("while [ ! -e never ]")
    talk.process.send_signal(signal.SIGINT)
