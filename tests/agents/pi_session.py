"""A session with pi: a word reaches a running turn, and a turn is aborted. It asks for no permission."""

from __future__ import annotations

from models.script import Part, Say
from models.server import ModelServer
from models.tools import wait_for

from .pi import PI
from .talk import Line, Talk
from .workplace import Workplace

PARTS = (
    Part((wait_for("go"), Say("Heard it.")), words="Wait for me"),
    Part((wait_for("never"), Say("Never said.")), words="Wait for ever"),
)
STEERING = "Keep the public API."


async def start(model: ModelServer, place: Workplace) -> Talk:
    env = PI.environment(model.url, place)
    argv = ["pi", "--mode", "rpc", "--offline", "--provider", "scripted", "--model", "model"]
    return await Talk.start(argv, env, place)


async def play(talk: Talk, place: Workplace) -> None:
    """All of it, in order; every answer that must come is waited for."""
    await talk.say({"id": "1", "type": "prompt", "message": "Wait for me."})
    await place.command_runs("while [ ! -e go ]")
    await talk.say({"id": "2", "type": "steer", "message": STEERING})
    await talk.until(lambda line: answers(line, "2"))
    (place.folder / "go").touch()
    await talk.until(ends)
    await talk.say({"id": "3", "type": "prompt", "message": "Wait for ever."})
    await place.command_runs("while [ ! -e never ]")
    await talk.say({"id": "4", "type": "abort"})
    await talk.until(lambda line: answers(line, "4"))
    await talk.until(ends)


async def once(talk: Talk, place: Workplace) -> None:
    """One turn, however it ends."""
    await talk.say({"id": "1", "type": "prompt", "message": "Go."})
    await talk.until(ends)


def answers(line: Line, number: str) -> bool:
    return line["type"] == "response" and line.get("id") == number


def ends(line: Line) -> bool:
    return line["type"] == "agent_end" and not line.get("willRetry")
