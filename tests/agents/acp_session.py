"""A session over the Agent Client Protocol: permissions, a second prompt while one runs, a cancelled turn."""

from __future__ import annotations

from models.script import Part, Say
from models.server import ModelServer
from models.tools import Run, Write, wait_for

from .recipe import Recipe
from .rpc import Rpc
from .talk import Talk
from .workplace import Workplace

PARTS = (
    Part((Write("hello.txt", "hello\n"), Say("Wrote hello.txt.")), words="Write the file"),
    Part((Run("rm -rf /precious"), Say("Then not.")), words="Tidy up"),
    Part((wait_for("go"), Say("Heard it.")), words="Wait for me"),
    Part((wait_for("never"), Say("Never said.")), words="Wait for ever"),
)
STEERING = "Keep the public API."
_HEAD = {"jsonrpc": "2.0"}
# Gemini 0.61 fails to make a new file when it must read it through its client first
_ABLE = {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False}


class AcpSession:
    """The same with every agent that speaks it; `mode` is one of its own in which it asks."""

    PARTS = PARTS

    def __init__(self, recipe: Recipe, mode: str = "") -> None:
        self._recipe = recipe
        self._mode = mode

    async def start(self, model: ModelServer, place: Workplace) -> Talk:
        env = self._recipe.environment(model.url, place)
        argv = [self._recipe.programs[0], *self._recipe.work(model.url, place)]
        return await Talk.start(argv, env, place)

    async def play(self, talk: Talk, place: Workplace) -> None:
        """All of it, in order; every answer that must come is waited for."""
        await (await self._begin(talk, place)).all()

    async def once(self, talk: Talk, place: Workplace) -> None:
        """One turn, however it ends."""
        turns = await self._begin(talk, place)
        await turns.answered(await turns.prompt("Go."))

    async def _begin(self, talk: Talk, place: Workplace) -> _Turns:
        rpc = Rpc(talk, _HEAD)
        await rpc.call("initialize", protocolVersion=1, clientCapabilities=_ABLE)
        session = await rpc.call("session/new", cwd=str(place.folder), mcpServers=[])
        if self._mode:
            await rpc.call("session/set_mode", sessionId=session["sessionId"], modeId=self._mode)
        return _Turns(rpc, session["sessionId"], place)


class _Turns:
    def __init__(self, rpc: Rpc, session: str, place: Workplace) -> None:
        self._rpc = rpc
        self._session = session
        self._place = place

    async def all(self) -> None:
        await self._decided("Write the file.", "allow_once")
        await self._decided("Tidy up.", "reject_once")
        await self._steered()
        await self._cancelled()

    async def _decided(self, words: str, kind: str) -> None:
        turn = await self.prompt(words)
        await self._decide(kind)
        await self._rpc.result(turn)

    async def _steered(self) -> None:
        """What becomes of the first prompt differs from agent to agent; both are answered."""
        first = await self.prompt("Wait for me.")
        await self._decide("allow_once")
        await self._place.command_runs("while [ ! -e go ]")
        second = await self.prompt(STEERING)
        (self._place.folder / "go").touch()
        await self.answered(first)
        await self.answered(second)

    async def _cancelled(self) -> None:
        turn = await self.prompt("Wait for ever.")
        await self._decide("allow_once")
        await self._place.command_runs("while [ ! -e never ]")
        await self._rpc.tell("session/cancel", sessionId=self._session)
        await self.answered(turn)

    async def prompt(self, words: str) -> int:
        prompt = [{"type": "text", "text": words}]
        return await self._rpc.send("session/prompt", sessionId=self._session, prompt=prompt)

    async def _decide(self, kind: str) -> None:
        asked = await self._rpc.hear("session/request_permission")
        option = next(each["optionId"] for each in asked["params"]["options"] if each["kind"] == kind)
        await self._rpc.answer(asked, {"outcome": {"outcome": "selected", "optionId": option}})

    async def answered(self, number: int) -> None:
        """With a result or with an error."""
        await self._rpc.talk.until(lambda line: "method" not in line and line.get("id") == number)
