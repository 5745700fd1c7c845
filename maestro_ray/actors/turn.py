"""One turn of one agent: its program under the shim, its provider's events, and the operator's directives."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from maestro_ray.actors.messages import BeWorker
from maestro_ray.agent.confined import Confined
from maestro_ray.agent.environment import allowed
from maestro_ray.agent.limits import reached
from maestro_ray.agent.process import AgentProcess
from maestro_ray.agent.settings_file import laid_under
from maestro_ray.errors import Conflict
from maestro_ray.model.agent import (
    AgentEvent,
    DirectiveTaken,
    Failed,
    Finished,
    PermissionAsked,
    RateLimited,
    Reply,
    Retrying,
    Said,
    ServerLeftOut,
    SessionNamed,
    ToolCalled,
    ToolReturned,
    UsageCounted,
)
from maestro_ray.model.steering import How
from maestro_ray.ports import Job
from maestro_ray.providers.manual import KIND, ManualTurn
from maestro_ray.providers.registry import build
from maestro_ray.small_file import put_small

log = logging.getLogger(__name__)

# text is sent on when this much has come or this long has passed since the last time
TEXT_BYTES = 4096
TEXT_SECONDS = 0.1
# how long a program may live on after it has said how its turn ended
LINGER = 5.0

# a limit that ends later than this is a mistake, such as milliseconds; how long is waited then, in seconds
LONGEST_REST, SOME_REST = 30 * 86400.0, 300.0

# puts the program of a job, with its environment, into its box, where it may change these further places
Confine = Callable[[Job, Sequence[str], Mapping[str, str], Sequence[Path]], Awaitable[Confined]]


@dataclass(frozen=True)
class Ended:
    """The turn's terminal event, and the rate limit it met, if any.

    `again` says how another turn of the same session would reach the agent, for what the operator said meanwhile.
    """

    event: Finished | Failed
    limited: RateLimited | None = None
    again: How | None = None


@dataclass(frozen=True)
class Ears:
    """Who is told what of a turn.

    `say` gets what people watch, a little at a time; `heard` each piece of the agent's own words at once; `named` the
    run and the agent's own session, with which it can be resumed; `delivered` a directive that the agent has taken, and
    how; `spent` what was used. `permit` decides about what the agent asks leave for: an empty text, or why not.
    `returned` gets the result of each tool, `left_out` the name of an MCP server that cannot be used, and why.
    """

    say: Callable[[str], None]
    delivered: Callable[[str, How], None] = lambda _directive, _how: None
    heard: Callable[[str], None] = lambda _text: None
    named: Callable[[str, str], None] = lambda _run, _session: None
    spent: Callable[[UsageCounted], None] = lambda _usage: None
    permit: Callable[[PermissionAsked], Awaitable[str]] | None = None
    returned: Callable[[ToolReturned], None] = lambda _result: None
    left_out: Callable[[str, str], None] = lambda _server, _reason: None


class Turn:
    """Begin, then finish; `steer` at any time in between; `stop` always, which leaves no process."""

    def __init__(self, part: BeWorker, job: Job, ears: Ears, confine: Confine) -> None:
        self._part = part
        self._job = job
        self._ears = ears
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
        # the agent's own session, as far as it has named one
        self._session = job.resume
        # whether there is a directive that this agent takes in no running turn, and whether it was cut for that
        self._waiting = self._cut = False
        self._asked: set[asyncio.Task[None]] = set()
        self._patience: asyncio.Timeout | None = None
        # how many questions wait, and how much of its time is left meanwhile
        self._questions = 0
        self._left: float | None = None

    async def begin(self) -> None:
        """Start the program with its prompt. Raises `AgentFailed`."""
        launch = self._talk.launch
        for path, content in launch.files.items():
            put_small(path, content)
        team = self._part.team
        env = allowed(team.env, [*self._provider.environment(), *self._part.provider.env])
        env |= launch.env
        person = Path(env.get("HOME") or "/")
        for path, target in launch.links.items():
            _lay(path, _of(person, target), launch.defaults.get(path))
        writable = [_of(person, each) for each in launch.writes]
        self._process = await AgentProcess.start(
            await self._confine(self._job, launch.argv, env, writable),
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
        await self._cut_short()

    async def finish(self) -> Ended:
        """Follow the agent to its end, or to that of its time."""
        assert self._process is not None
        # a person takes the time they need
        most = 0 if self._part.provider.kind == KIND else self._part.team.limits.time
        try:
            async with asyncio.timeout(most or None) as self._patience:
                return await self._follow(self._process)
        except TimeoutError:
            await self.stop()
            self._flush(force=True)
            return Ended(self._terminal or Failed(reached("time", self._part.team.limits)), self._limited)

    async def _follow(self, process: AgentProcess) -> Ended:
        while self._terminal is None and (piece := await self._next(process)):
            await self._take(self._talk.feed(piece))
            self._flush(force=False)
        await self._leave(process)
        ended = await process.wait()
        await self._take(self._talk.exited(ended.code, process.stderr_tail()))
        self._flush(force=True)
        event = self._terminal or Failed("the agent ended without an outcome")
        if ended.limit:
            event = _limited_by(reached(ended.limit, self._part.team.limits), event)
        return Ended(event, self._limited, self._again(event))

    async def steer(self, identifier: str, text: str) -> None:
        """Put a directive into the running turn, and not before its prompt.

        An agent that takes none there hears it in another turn: after this one, or at once, in place of its rest.
        """
        data = self._talk.steer(identifier, text)
        if data is None:
            self._waiting = True
            await self._cut_short()
        elif self._process is not None and self._begun:
            await self._process.write(data)
        else:
            self._early.append(data)

    async def done(self, verdict: str) -> None:
        """The person who does this run is done. Raises `Conflict` for an agent's run, and before it has begun."""
        if not isinstance(self._talk, ManualTurn) or self._process is None or not self._begun:
            raise Conflict(f"the run {self._job.run} does not wait for a person", "see `maestro task list`")
        await self._process.write(self._talk.done(verdict))

    async def stop(self) -> None:
        """End the agent and everything it started. Harmless when repeated."""
        for asked in self._asked:
            asked.cancel()
        if self._process is not None:
            await asyncio.shield(self._process.stop())

    async def _cut_short(self) -> None:
        """End this turn for the sake of another that hears the operator, where the agent can go on then."""
        due = self._waiting and self._begun and self._terminal is None and bool(self._session)
        if due and not self._cut and self._talk.steering is How.RESTART:
            self._cut = True
            await self.stop()

    def _again(self, event: Finished | Failed) -> How | None:
        """Without a session of the agent's own another turn would be the same work once more."""
        if self._cut:
            return How.RESTART
        return How.NEXT_TURN if self._session and isinstance(event, Finished) else None

    async def _leave(self, process: AgentProcess) -> None:
        """It has said how its turn ended: what it may still write is of no turn, and it has no reason to stay."""
        if self._terminal is None:
            return
        await process.close_stdin()
        try:
            async with asyncio.timeout(LINGER):
                while await process.read():
                    pass
        except TimeoutError:
            await process.stop()

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
                    self._ears.heard(text)
                case ToolCalled(tool, detail):
                    # it works in its worktree: with that before it the name of a file is beyond the end of the line
                    self._text.append(f"[{tool}] {detail.replace(f'{self._job.worktree}/', '')}\n")
                case Retrying(attempt, wait, reason):
                    self._text.append(f"[retry {attempt}{f' in {wait:.0f} s' if wait else ''}] {reason}\n")
                case ToolReturned() | ServerLeftOut() | UsageCounted():
                    self._pass_on(event)
                case PermissionAsked():
                    self._ask(event)
                case Reply(data) if self._process is not None:
                    await self._process.write(data)
                case DirectiveTaken(identifier):
                    self._ears.delivered(identifier, self._talk.steering)
                case RateLimited(seconds, reason, resets_at):
                    wait = resets_at - time.time() if resets_at else seconds
                    self._limited = RateLimited(sound_rest(wait), reason)
                case SessionNamed(session):
                    self._session = session
                    self._ears.named(self._job.run, session)
                    await self._cut_short()
                case Finished() | Failed():
                    self._terminal = self._terminal or event

    def _pass_on(self, event: ToolReturned | ServerLeftOut | UsageCounted) -> None:
        match event:
            case ToolReturned():
                self._ears.returned(event)
            case ServerLeftOut(server, reason):
                self._ears.left_out(server, reason)
            case UsageCounted():
                self._ears.spent(event)

    def _ask(self, question: PermissionAsked) -> None:
        """The answer may take a person's time; the agent's other words go on meanwhile."""
        asked = asyncio.get_running_loop().create_task(self._permit(question))
        self._asked.add(asked)
        asked.add_done_callback(self._asked.discard)

    async def _permit(self, question: PermissionAsked) -> None:
        permit = self._ears.permit
        try:
            with self._time_stands():
                refusal = await permit(question) if permit else "nobody here gives leave"
        except Exception:  # without an answer its agent would wait for ever
            log.exception("a question of run %s", self._job.run)
            refusal = "maestro's own fault: nobody could be asked"
        if self._process is not None:
            await self._process.write(self._talk.answer(question.request, refusal))

    @contextlib.contextmanager
    def _time_stands(self) -> Iterator[None]:
        """What a person takes to answer is not the agent's time."""
        loop, patience = asyncio.get_running_loop(), self._patience
        due = patience.when() if patience else None
        if due is not None:
            self._left = due - loop.time()
        self._questions += 1
        self._set_time(None)
        try:
            yield
        finally:
            self._questions -= 1
            # an agent may ask several things at once: its time goes on with the last answer
            if self._left is not None and not self._questions:
                self._set_time(loop.time() + self._left)

    def _set_time(self, when: float | None) -> None:
        if self._patience is not None:
            with contextlib.suppress(RuntimeError):  # the turn is over
                self._patience.reschedule(when)

    def _flush(self, *, force: bool) -> None:
        now = time.monotonic()
        if self._text and (
            force or now - self._said_at >= TEXT_SECONDS or sum(map(len, self._text)) >= TEXT_BYTES
        ):
            self._ears.say("".join(self._text))
            self._text.clear()
            self._said_at = now


def _of(person: Path, path: str) -> Path:
    return person / path.removeprefix("~/")


def _lay(path: Path, target: Path, defaults: bytes | None = None) -> None:
    """Nothing that an earlier turn has laid there is followed, nor taken for ours."""
    if path.parent.is_symlink():
        path.parent.unlink()
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if path.is_symlink():
        path.unlink()
    if defaults is not None and (content := laid_under(target, defaults)) is not None:
        put_small(path, content)
    if target.exists() and not path.exists():
        path.symlink_to(target)


def _limited_by(sentence: str, event: Finished | Failed) -> Finished | Failed:
    """The outcome of a turn that met a limit says so first: the rest of it is only what followed."""
    if isinstance(event, Failed):
        return replace(event, reason=f"{sentence}; {event.reason}")
    return replace(event, text=f"{sentence}\n{event.text}")


def sound_rest(wait: float) -> float:
    """How long to wait, in seconds, for a limit that an agent says is over then."""
    return max(wait, 0.0) if wait <= LONGEST_REST else SOME_REST
