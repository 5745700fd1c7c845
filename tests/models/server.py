"""The model as a server on loopback: it plays a script to whoever asks, in the dialect they ask in, and keeps what they asked."""

from __future__ import annotations

import asyncio
import itertools
import threading
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from maestro_ray.studio.server import Server

from . import anthropic, chat, gemini, responses
from .answer import Answer, Refusal
from .question import Question
from .script import After, Script, answer

# how long a test may take to open a gate
PATIENCE = 120.0


@dataclass(frozen=True)
class Asked:
    """One request for an answer, as it came: `body` is its JSON, header names are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    question: Question


class ModelServer:
    """`asked` grows with each request for an answer; `other` has the paths of all further requests.

    `broken` has what it could not read or answer, with the reason: the asking program has got a 500.
    """

    def __init__(self, script: Script) -> None:
        self.asked: list[Asked] = []
        self.other: list[str] = []
        self.broken: list[str] = []
        self.url = ""
        self._script = script
        self._numbers = itertools.count(1)
        self._gates: dict[str, asyncio.Event] = {}
        self._waiting: dict[str, asyncio.Event] = {}
        self._more = asyncio.Condition()
        self._server = Server(Starlette(routes=self._routes()), grace=1, signals=False)

    async def start(self) -> None:
        self.url = f"http://127.0.0.1:{await self._server.begin()}"

    async def stop(self) -> None:
        """Answers that wait for a gate get none."""
        for gate in self._gates.values():
            gate.set()
        await self._server.stop()

    def open(self, gate: str) -> None:
        """Let the answers through that wait for it, now and later."""
        self._gate(gate).set()

    async def waited(self, gate: str) -> None:
        """When an agent's request waits at this gate."""
        async with asyncio.timeout(PATIENCE):
            await self._waiting.setdefault(gate, asyncio.Event()).wait()

    async def until_asked(self, words: str) -> Asked:
        """The first request in which people said these words."""
        async with asyncio.timeout(PATIENCE), self._more:
            while not (found := [each for each in self.asked if words in each.question.said]):
                await self._more.wait()
        return found[0]

    def _gate(self, gate: str) -> asyncio.Event:
        return self._gates.setdefault(gate, asyncio.Event())

    def _routes(self) -> list[Route]:
        return [
            Route("/v1/messages", self._guarded(self._messages), methods=["POST"]),
            Route("/v1/messages/count_tokens", self._count, methods=["POST"]),
            Route("/v1/chat/completions", self._guarded(self._chat), methods=["POST"]),
            Route("/v1/responses", self._guarded(self._responses), methods=["POST"]),
            Route("/v1beta/models/{call:path}", self._guarded(self._gemini), methods=["POST"]),
            Route("/{rest:path}", self._else, methods=["GET", "POST", "PUT", "HEAD"]),
        ]

    def _guarded(
        self, reply: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            try:
                return await reply(request)
            except Exception:
                self.broken.append(f"{await request.body()!r}\n{traceback.format_exc()}")
                raise

        return guarded

    async def _messages(self, request: Request) -> Response:
        body = await request.json()
        return await self._reply(request, body, anthropic.question(body), anthropic)

    async def _chat(self, request: Request) -> Response:
        body = await request.json()
        return await self._reply(request, body, chat.question(body), chat)

    async def _responses(self, request: Request) -> Response:
        body = await request.json()
        return await self._reply(request, body, responses.question(body), responses)

    async def _gemini(self, request: Request) -> Response:
        model, _, method = request.path_params["call"].partition(":")
        body = await request.json()
        if method == "countTokens":
            return JSONResponse({"totalTokens": 100})
        asked = gemini.question(body, model, stream=method == "streamGenerateContent")
        return await self._reply(request, body, asked, gemini)

    async def _count(self, request: Request) -> Response:
        return JSONResponse({"input_tokens": 100})

    async def _else(self, request: Request) -> Response:
        """Whatever a program looks up when it starts: it lives without an answer."""
        self.other.append(f"{request.method} {request.url.path}")
        return JSONResponse({"error": {"message": "this server has only models"}}, 404)

    async def _reply(
        self, request: Request, body: dict[str, Any], question: Question, dialect: ModuleType
    ) -> Response:
        async with self._more:
            self.asked.append(Asked(request.url.path, dict(request.headers), body, question))
            self._more.notify_all()
        step, usage = self._script.step(question)
        if isinstance(step, After):
            await self._pass(step.gate)
        said = answer(step, question, usage)
        if isinstance(said, Refusal):
            after = {} if said.retry_after is None else {"retry-after": str(said.retry_after)}
            return JSONResponse(dialect.refusal(said), said.status, headers=after)
        number = next(self._numbers)
        if question.stream:
            return StreamingResponse(
                _flow(dialect.stream(said, question.model, number)), media_type="text/event-stream"
            )
        return JSONResponse(_whole(dialect, said, question.model, number))

    async def _pass(self, gate: str) -> None:
        self._waiting.setdefault(gate, asyncio.Event()).set()
        async with asyncio.timeout(PATIENCE):
            await self._gate(gate).wait()


def _whole(dialect: ModuleType, said: Answer, model: str, number: int) -> dict[str, Any]:
    body: dict[str, Any] = dialect.whole(said, model, number)
    return body


async def _flow(events: Iterator[bytes]) -> AsyncIterator[bytes]:
    """One by one, so that a reader that goes away ends even what has no end."""
    for each in events:
        yield each
        await asyncio.sleep(0)


@asynccontextmanager
async def playing(*parts: Any) -> AsyncIterator[ModelServer]:
    """A server with these parts as its script, for a test that is a coroutine."""
    server = ModelServer(Script(*parts))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@contextmanager
def playing_aside(*parts: Any) -> Iterator[ModelServer]:
    """The same in a thread of its own, for tests that are no coroutines. Only `url`, `asked` and `other` are for them."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="model server")
    thread.start()
    try:
        server = asyncio.run_coroutine_threadsafe(_started(parts), loop).result(PATIENCE)
        yield server
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(PATIENCE)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _started(parts: tuple[Any, ...]) -> ModelServer:
    server = ModelServer(Script(*parts))
    await server.start()
    return server
