"""A session with Codex's app server: a permission is asked and given, a word reaches a running turn, a turn is interrupted."""

from __future__ import annotations

from typing import Any

from models.script import Part, Say
from models.server import ModelServer
from models.tools import Run, Write, wait_for

from .codex import CODEX, provider
from .rpc import Rpc
from .talk import Line, Talk
from .workplace import Workplace

PARTS = (
    Part((Write("hello.txt", "hello\n"), Say("Wrote hello.txt.")), words="Write the file"),
    Part((Run("python3 -c 'print(6 * 7)'"), Say("It printed 42.")), words="Run the numbers"),
    Part((wait_for("go"), Say("Heard it.")), words="Wait for me"),
    Part((Run("rm -rf /precious"), Say("Then not.")), words="Tidy up"),
    Part((wait_for("never"), Say("Never said.")), words="Wait for ever"),
)
STEERING = "Keep the public API."
# what changes nothing it runs unasked; this asks for all else
_POLICY = {"approvalPolicy": "untrusted", "sandbox": "workspace-write"}
_ASKS = "item/commandExecution/requestApproval"
_ASKS_CHANGE = "item/fileChange/requestApproval"


async def start(model: ModelServer, place: Workplace) -> Talk:
    env = CODEX.environment(model.url, place)
    return await Talk.start(["codex", "app-server", *provider(model.url)], env, place)


async def play(talk: Talk, place: Workplace) -> None:
    """All of it, in order; every answer that must come is waited for."""
    session = await _begin(talk, place)
    await session.change()
    await session.permit()
    await session.steer()
    await session.deny()
    await session.interrupt()


async def once(talk: Talk, place: Workplace) -> None:
    """One turn, however it ends."""
    session = await _begin(talk, place)
    await session.turn("Go.")
    await session.rpc.hear("turn/completed")


async def _begin(talk: Talk, place: Workplace) -> _Session:
    rpc = Rpc(talk, {})
    await rpc.call("initialize", clientInfo={"name": "maestro", "title": None, "version": "0.1.0"})
    await rpc.tell("initialized")
    begun = await rpc.call("thread/start", cwd=str(place.folder), **_POLICY)
    return _Session(rpc, begun["thread"]["id"], place)


class _Session:
    def __init__(self, rpc: Rpc, thread: str, place: Workplace) -> None:
        self.rpc = rpc
        self._thread = thread
        self._place = place

    async def change(self) -> None:
        await self.turn("Write the file.")
        await self._decide("accept", _ASKS_CHANGE)
        await self._ends("completed")

    async def permit(self) -> None:
        await self.turn("Run the numbers.")
        await self._decide("accept")
        await self._ends("completed")

    async def steer(self) -> None:
        """It asks for a loop of the shell too."""
        turn = await self.turn("Wait for me.")
        await self._decide("accept")
        await self._place.command_runs("while [ ! -e go ]")
        to = {"threadId": self._thread, "expectedTurnId": turn, "clientUserMessageId": "steer-1"}
        await self.rpc.call("turn/steer", **to, input=_text(STEERING))
        (self._place.folder / "go").touch()
        await self._ends("completed")

    async def deny(self) -> None:
        await self.turn("Tidy up.")
        await self._decide("decline")
        await self._ends("completed")

    async def interrupt(self) -> None:
        turn = await self.turn("Wait for ever.")
        await self._decide("accept")
        await self._place.command_runs("while [ ! -e never ]")
        await self.rpc.call("turn/interrupt", threadId=self._thread, turnId=turn)
        await self._ends("interrupted")

    async def turn(self, words: str) -> str:
        begun = await self.rpc.call("turn/start", threadId=self._thread, input=_text(words))
        return str(begun["turn"]["id"])

    async def _decide(self, decision: str, method: str = _ASKS) -> None:
        await self.rpc.answer(await self.rpc.hear(method), {"decision": decision})

    async def _ends(self, status: str) -> None:
        await self.rpc.hear("turn/completed", lambda params: params["turn"]["status"] == status)


def _text(words: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": words}]


def asks(line: Line) -> bool:
    return line.get("method") == _ASKS
