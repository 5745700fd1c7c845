"""One headless turn of an agent against the scripted model, from its start to its end."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from dataclasses import dataclass

from models.server import ModelServer, playing

from .cases import PROMPT, Case
from .door import closed_door
from .recipe import Recipe
from .talk import Line, Talk
from .workplace import Workplace

_GRACE = 15.0


@dataclass(frozen=True)
class Turn:
    """How it ended. `code` is negative for a signal; `ended_by` is the one it heeded when it was interrupted; `errors` its standard error; `left` runs on though it is gone.

    `wanted` are the places outside that it asked for.
    """

    code: int
    ended_by: str
    lines: list[Line]
    errors: str
    left: list[int]
    model: ModelServer
    wanted: list[str]


async def take_turn(recipe: Recipe, case: Case, place: Workplace, prompt: str = PROMPT) -> Turn:
    async with playing(case.part) as model, closed_door() as door:
        env = recipe.environment(model.url, place) | door.env
        talk, ended_by = await Talk.start(recipe.argv(prompt, model.url, place), env, place), ""
        try:
            assert talk.process.stdin
            talk.process.stdin.close()
            if case.interrupted:
                await (_command_runs(place) if case.commands else model.waited("never"))
                ended_by = await _interrupt(talk)
            code = await talk.gone()
            left = await place.left_behind()
        finally:
            await talk.cut()
    assert not model.broken, model.broken
    return Turn(code, ended_by, talk.said(), talk.errors, left, model, door.wanted)


async def _interrupt(talk: Talk) -> str:
    """The first of these signals that it heeds, by name. Some take none while the model or a tool is at work."""
    for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        talk.process.send_signal(sent)
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE):
                await talk.gone()
                break
    return sent.name


async def _command_runs(place: Workplace) -> None:
    await place.command_runs("while [ ! -e never ]")
