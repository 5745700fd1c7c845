"""One turn of one agent: its program under the shim, its provider's events, and the operator's directives."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from maestro_ray.actors.messages import BeWorker
from maestro_ray.agent.confined import Confined
from maestro_ray.agent.environment import allowed
from maestro_ray.agent.limits import reached
from maestro_ray.agent.process import AgentProcess
from maestro_ray.model.agent import (
    AgentEvent,
    DirectiveTaken,
    Failed,
    Finished,
    RateLimited,
    Reply,
    Said,
    SessionNamed,
    ToolCalled,
)
from maestro_ray.ports import Job
from maestro_ray.providers.registry import build
from maestro_ray.small_file import put_small

# text is sent on when this much has come or this long has passed since the last time
TEXT_BYTES = 4096
TEXT_SECONDS = 0.1

# puts the program of a job, with its environment, into its box
Confine = Callable[[Job, Sequence[str], Mapping[str, str]], Awaitable[Confined]]


@dataclass(frozen=True)
class Ended:
    """The turn's terminal event, and the rate limit it met, if any."""

    event: Finished | Failed
    limited: RateLimited | None = None


class Turn:
    """Begin, then finish; `steer` at any time in between; `stop` always, which leaves no process."""

    def __init__(
        self,
        part: BeWorker,
        job: Job,
        say: Callable[[str], None],
        delivered: Callable[[str], None],
        confine: Confine,
        heard: Callable[[str], None] = lambda _text: None,
        named: Callable[[str, str], None] = lambda _run, _session: None,
    ) -> None:
        """`say` gets what people watch, a little at a time; `heard` each piece of the agent's own words at once;
        `named` the run and the agent's own session, with which it can be resumed."""
        self._part = part
        self._job = job
        self._say = say
        self._heard = heard
        self._named = named
        self._delivered = delivered
        self._confine = confine
        self._provider = build(part.provider)
        self._talk = self._provider.open(job)
        self._process: AgentProcess | None = None
        self._begun = False
        self._early: list[bytes] = []
        self._text: list[str] = []
        self._said_at = 0.0
        self._limited: RateLimited | None = None
        self._terminal: Finished | Failed | None = None

    async def begin(self) -> None:
        """Start the program with its prompt. Raises `AgentFailed`."""
        launch = self._talk.launch
        for path, content in launch.files.items():
            put_small(path, content)
        team = self._part.team
        env = allowed(team.env, [*self._provider.environment(), *self._part.provider.env])
        env |= launch.env
        self._process = await AgentProcess.start(
            await self._confine(self._job, launch.argv, env),
            cwd=self._job.worktree,
            env=env,
            mark=f"{team.instance}:{team.id}:{self._job.run}",
            grace=team.stop_grace,
            merge_stderr=launch.merge_stderr,
        )
        await self._process.write(launch.stdin)
        if not launch.keep_stdin:
            await self._process.close_stdin()
        while self._early:
            await self._process.write(self._early.pop(0))
        self._begun = True

    async def finish(self) -> Ended:
        """Follow the agent to its end."""
        assert self._process is not None
        while piece := await self._next(self._process):
            await self._take(self._talk.feed(piece))
            self._flush(force=False)
        ended = await self._process.wait()
        await self._take(self._talk.exited(ended.code, self._process.stderr_tail()))
        self._flush(force=True)
        event = self._terminal or Failed("the agent ended without an outcome")
        if ended.limit:
            event = _limited_by(reached(ended.limit, self._part.team.limits), event)
        return Ended(event, self._limited)

    async def steer(self, identifier: str, text: str) -> None:
        """Put a directive into the running turn, when this agent takes any, and not before its prompt."""
        data = self._talk.steer(identifier, text)
        if data is None:
            return
        if self._process is not None and self._begun:
            await self._process.write(data)
        else:
            self._early.append(data)

    async def stop(self) -> None:
        """End the agent and everything it started. Harmless when repeated."""
        if self._process is not None:
            await asyncio.shield(self._process.stop())

    async def _next(self, process: AgentProcess) -> bytes:
        """The next piece of output; what was said before it does not wait for it."""
        if self._text:
            try:
                async with asyncio.timeout(TEXT_SECONDS):
                    return await process.read()
            except TimeoutError:
                self._flush(force=True)
        return await process.read()

    async def _take(self, events: Sequence[AgentEvent]) -> None:
        for event in events:
            match event:
                case Said(text):
                    self._text.append(text)
                    self._heard(text)
                case ToolCalled(tool, detail):
                    self._text.append(f"[{tool}] {detail}\n")
                case Reply(data) if self._process is not None:
                    await self._process.write(data)
                case DirectiveTaken(identifier):
                    self._delivered(identifier)
                case RateLimited():
                    self._limited = event
                case SessionNamed(session):
                    self._named(self._job.run, session)
                case Finished() | Failed():
                    self._terminal = self._terminal or event

    def _flush(self, *, force: bool) -> None:
        now = time.monotonic()
        if self._text and (
            force or now - self._said_at >= TEXT_SECONDS or sum(map(len, self._text)) >= TEXT_BYTES
        ):
            self._say("".join(self._text))
            self._text.clear()
            self._said_at = now


def _limited_by(sentence: str, event: Finished | Failed) -> Finished | Failed:
    """The outcome of a turn that met a limit says so first: the rest of it is only what followed."""
    if isinstance(event, Failed):
        return replace(event, reason=f"{sentence}; {event.reason}")
    return replace(event, text=f"{sentence}\n{event.text}")
