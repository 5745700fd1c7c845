"""A session with Claude Code: a permission is asked and given, a word reaches a running turn, a turn is interrupted."""

from __future__ import annotations

import uuid

from models.script import Part, Say
from models.server import ModelServer
from models.tools import Run, wait_for

from .claude import CLAUDE, SESSION
from .talk import Line, Talk
from .workplace import Workplace

PARTS = (
    Part((Run("python3 -c 'print(6 * 7)'"), Say("It printed 42.")), words="Run the numbers"),
    Part((wait_for("go"), Say("Heard it.")), words="Wait for me"),
    Part((wait_for("never"), Say("Never said.")), words="Wait for ever"),
    Part((Run("rm -rf /precious"), Say("Then not.")), words="Tidy up"),
)
STEERING = "Keep the public API."


async def start(model: ModelServer, place: Workplace) -> Talk:
    env = CLAUDE.environment(model.url, place)
    return await Talk.start(["claude", *SESSION], env, place)


async def play(talk: Talk, place: Workplace) -> None:
    """All of it, in order; every answer that must come is waited for."""
    await talk.say(control("initialize", "1", hooks=None))
    await talk.until(lambda line: line["type"] == "control_response")
    await _permit(talk)
    await _steer(talk, place)
    await _deny(talk)
    await _interrupt(talk, place)


async def once(talk: Talk, place: Workplace) -> None:
    """One turn, however it ends."""
    await talk.say(user("Go."))
    await talk.until(ends)


async def _permit(talk: Talk) -> None:
    await talk.say(user("Run the numbers."))
    asked = await talk.until(asks)
    await talk.say(allow(asked))
    await talk.until(ends)


async def _steer(talk: Talk, place: Workplace) -> None:
    """Nobody is asked for a command that changes nothing. The second line is read while the command of the first runs, and stands in the next request."""
    await talk.say(user("Wait for me."))
    await place.command_runs("while [ ! -e go ]")
    await talk.say(user(STEERING))
    (place.folder / "go").touch()
    await talk.until(ends)


async def _deny(talk: Talk) -> None:
    await talk.say(user("Tidy up."))
    asked = await talk.until(asks)
    denial = {"behavior": "deny", "message": "maestro: not outside the worktree"}
    await talk.say(answer(asked["request_id"], denial))
    await talk.until(ends)


async def _interrupt(talk: Talk, place: Workplace) -> None:
    await talk.say(user("Wait for ever."))
    await place.command_runs("while [ ! -e never ]")
    await talk.say(control("interrupt", "2"))
    await talk.until(lambda line: line["type"] == "control_response")
    await talk.until(ends)


def user(text: str) -> Line:
    """Its `uuid` is ours: the replay bears it, and tells when the line was read."""
    message = {"role": "user", "content": [{"type": "text", "text": text}]}
    return {"type": "user", "message": message, "uuid": str(uuid.uuid5(uuid.NAMESPACE_OID, text))}


def control(subtype: str, number: str, **more: object) -> Line:
    return {"type": "control_request", "request_id": number, "request": {"subtype": subtype, **more}}


def allow(asked: Line) -> Line:
    return answer(asked["request_id"], {"behavior": "allow", "updatedInput": asked["request"]["input"]})


def answer(number: str, response: Line) -> Line:
    body = {"subtype": "success", "request_id": number, "response": response}
    return {"type": "control_response", "response": body}


def asks(line: Line) -> bool:
    return line["type"] == "control_request" and line["request"]["subtype"] == "can_use_tool"


def ends(line: Line) -> bool:
    return line["type"] == "result"
