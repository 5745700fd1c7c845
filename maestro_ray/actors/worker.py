"""A worker: takes one run at a time, lets an agent do it in a worktree of its own, and reports what became of it.

It knows its lead, its channel and its own run. A run's outcome is the agent's terminal event and the worktree's
difference, never an exit code alone; maestro commits, not the agent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from maestro_ray import room
from maestro_ray.actors.desk import Desk
from maestro_ray.actors.hooking import Hooking
from maestro_ray.actors.mail import Courier, PeerGone
from maestro_ray.actors.messages import (
    Answer,
    Assign,
    BeWorker,
    Delivered,
    Directive,
    DirectivesCleared,
    Done,
    Text,
    WhatHolds,
    Withdraw,
    WorkerEvent,
)
from maestro_ray.actors.outcome import Outcome, about
from maestro_ray.actors.permits import Permits
from maestro_ray.actors.proposals import Proposals
from maestro_ray.actors.purse import AGAIN, Purse
from maestro_ray.actors.raising import tell
from maestro_ray.actors.reporter import Reporter
from maestro_ray.actors.run_servers import run_servers
from maestro_ray.actors.spending import Spending, prices_of
from maestro_ray.actors.survey_bench import SurveyBench
from maestro_ray.actors.threads import ended
from maestro_ray.actors.turn import Ears, Ended, Turn
from maestro_ray.actors.unclear import again
from maestro_ray.actors.workbench import Workbench
from maestro_ray.clock import Clock
from maestro_ray.config import TEMPLATES
from maestro_ray.errors import Conflict, IllegalEvent, MaestroError
from maestro_ray.model.agent import Failed, UsageCounted
from maestro_ray.model.run import Purpose
from maestro_ray.model.steering import How
from maestro_ray.ports import Job
from maestro_ray.providers.manual import KIND as MANUAL
from maestro_ray.redaction import Redactor, Secrets, redact

log = logging.getLogger(__name__)

T = TypeVar("T")

# seconds between two tries to hear what holds, of a channel that is starting
AGAIN_SOON = 0.3

# a turn that ended because all that was granted is used
BROKE = Outcome.limited(0.0, "the budget is used up", alone=True)


class Worker:
    """One worker of one team. Public methods are called from one event loop."""

    def __init__(
        self, part: BeWorker, courier: Courier, clock: Clock, bench: Workbench | None = None
    ) -> None:
        """A `bench` of another kind makes it do other work than tasks."""
        self.run = ""
        self._part = part
        self._courier = courier
        self._reporter = Reporter(part.name, part.team, courier, clock)
        self._permits = Permits(part, courier, self._reporter)
        self._tasks = bench or Workbench(part)
        self._survey = bench or SurveyBench(part)
        self._bench = self._tasks
        # what its agents are told and nobody else: it leaves this object in no text
        self._secrets = Secrets.of(part.team.env)
        self._clock = clock
        self._hooking = Hooking(part.team, part.name, lambda kind, body: self._reporter.post(kind, **body))
        self._permits.ruling = self._hooking.ruling
        self._missed: set[str] = set()
        self._directives: dict[str, str] = {}
        self._receipts: dict[str, How] = {}
        # whether this life was told what held when it began
        self._told = False
        self._purse = Purse(Spending(), _unasked, capped=False)
        # whose purse it is: that of a run which waits for the end of the one before is not there yet
        self._payer: Mapping[str, Any] | None = None
        self._working: set[asyncio.Task[None]] = set()
        # the work on a run that is reported and has only its hooks left: the next one waits for them
        self._leaving: asyncio.Task[None] | None = None
        self._turn: Turn | None = None
        # the end of a turn for which nothing is left
        self._stopping: asyncio.Future[None] | None = None
        self._taken: tuple[str, int] | None = None
        self._held: Mapping[str, Any] | None = None

    @property
    def handover(self) -> tuple[str, int]:
        """The run in hand and its epoch; an empty one when there is none."""
        return (self._held["id"], self._held["epoch"]) if self._held else ("", 0)

    def start(self) -> None:
        """Nothing to do before the first run: the worktree is made when it is needed."""

    async def quit(self) -> None:
        """Stop what runs and leave no agent and no worktree."""
        await self._stop()
        await self._bench.clear()

    async def close(self) -> None:
        """The agent ends with this life; the worktree waits for the next."""
        await self._stop()

    def handle(self, sender: str, message: Any) -> Any:
        """Decide about one message at once; what comes back may be awaited for the answer."""
        match message:
            case Assign(assignment):
                return self._assign(assignment)
            case Withdraw(run, _, epoch):
                return self._withdraw(run, epoch)
            case Done(run, verdict):
                return self._done(run, verdict)
            case Directive(identifier, text):
                return self._direct(identifier, text)
            case DirectivesCleared(kept):
                return self._clear_all_but(kept)
            case Answer():
                return self._permits.answered(message)
            case _:
                raise IllegalEvent("worker", "any", f"{type(message).__name__} of {sender}")

    # ── runs ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _assign(self, assignment: Mapping[str, Any]) -> None:
        run, epoch = assignment["id"], assignment["epoch"]
        if self._taken is not None and self._taken[0] == run and epoch <= self._taken[1]:
            return
        self._taken, self.run, self._held = (run, epoch), run, assignment
        work = asyncio.get_running_loop().create_task(self._work(assignment, list(self._working)))
        self._working.add(work)
        work.add_done_callback(self._working.discard)

    async def _work(self, assignment: Mapping[str, Any], before: Sequence[asyncio.Task[None]]) -> None:
        for each in before:
            await (asyncio.wait([each]) if each is self._leaving else ended(each))
        self._bench = self._survey if assignment["purpose"] == Purpose.REPO_ANALYSIS else self._tasks
        self._purse, self._payer = self._open_purse(assignment), assignment
        self._tell_lead(assignment, began=True)
        self._reporter.post("run.started", **about(assignment))
        self._hooking.about = {**about(assignment), "role": self._part.role, "commit": assignment["commit"]}
        try:
            outcome = (await self._outcome(assignment)).without(self._secrets)
            await self._bench.finish(assignment)
            spent = self._purse.spending.told()
            await self._reporter.report(assignment, outcome.action, {**outcome.body, **spent})
            self._leaving = asyncio.current_task()
            self._end(assignment, "run.ended", action=outcome.action, summary=outcome.summary)
            await self._hooking.rest()
            await self._hooking.ask("RunEnd", action=outcome.action, summary=outcome.summary)
        finally:
            await self._hooking.close()

    def _end(self, assignment: Mapping[str, Any], kind: str, *, summary: str, **body: Any) -> None:
        if self._held is assignment:
            self.run, self._held = "", None
        self._reporter.post(kind, **about(assignment), summary=summary, **body)
        self._tell_lead(assignment, began=False, summary=summary)

    async def _outcome(self, assignment: Mapping[str, Any]) -> Outcome:
        try:
            return await self._until_done(assignment)
        except MaestroError as error:
            return Outcome.failed(str(error))
        except Exception as error:
            log.exception("run %s", assignment["id"])
            return Outcome.failed(f"maestro's own fault: {error!r}")

    async def _until_done(self, assignment: Mapping[str, Any]) -> Outcome:
        """Turns until one ends with an outcome; a rate limit is a pause between two."""
        if reason := self._bench.refusal(assignment):
            return Outcome.failed(reason, retryable=False)
        if denied := await self._hooking.ask("RunStart"):
            return Outcome.failed(f"a hook denies this run: {denied}", retryable=False)
        await self._reporter.with_room(assignment, lambda: self._bench.prepare(assignment))
        self._missed.clear()
        scratch, team = self._bench.scratch(assignment), self._part.team
        desk = Desk(self._part.name, team, assignment, self._courier, self._reporter, self._clock)
        async with run_servers(team, desk, scratch, self._left_out) as self._bench.given:
            outcome = await self._turns(assignment)
        judges = assignment["purpose"] == Purpose.REVIEW and outcome.action == "complete"
        return await self._hooking.judged(outcome, assignment["commit"]) if judges else outcome

    async def _turns(self, assignment: Mapping[str, Any]) -> Outcome:
        proposals = Proposals()
        await self._hear_what_holds()
        if self._bench.session(assignment):
            self._reporter.post("run.resumed", run=assignment["id"])
        while True:
            await self._fill_purse(assignment)
            outcome = await self._reporter.with_room(
                assignment, lambda: self._one_turn(assignment, proposals)
            )
            if outcome.action == "again":
                continue
            if outcome.resume_after is None:
                return outcome
            if outcome is BROKE:
                continue
            reason = redact(outcome.summary, self._secrets)
            more = {**outcome.body, **self._purse.spending.told()}
            await self._reporter.pause(assignment, outcome.resume_after, reason, more)

    def _open_purse(self, assignment: Mapping[str, Any]) -> Purse:
        spec = self._part.provider
        model = "" if spec.kind in TEMPLATES else spec.arg or spec.model
        spending = Spending(prices_of(self._part.team), spec.kind, model, self._part.session)
        ask = partial(self._reporter.spent, assignment)
        return Purse(spending, ask, capped=bool(assignment.get("budget")))

    async def _fill_purse(self, assignment: Mapping[str, Any]) -> None:
        """Nothing is begun before it is reserved; while it cannot be, the run pauses with its agent's session."""
        purse = self._purse
        if reason := await purse.fill():

            async def filled() -> bool:
                await asyncio.sleep(AGAIN)
                return not await purse.fill()

            await self._reporter.wait(assignment, reason, purse.spending.told(), filled)

    async def _one_turn(
        self,
        assignment: Mapping[str, Any],
        proposals: Proposals,
        how: How = How.NEXT_TURN,
        unclear: Ended | None = None,
    ) -> Outcome:
        """`how` is how the directives of its prompt reach the agent. What the operator says while an agent works that
        takes nothing then is heard in another turn of it, and only the last has an outcome. A reviewer whose verdict
        was `unclear` is asked for it once more."""
        if reason := self._bench.no_room():  # a turn costs money
            return Outcome.limited(room.PAUSE, reason, alone=True)
        directives = dict(self._directives)
        job = await self._permits.begin(assignment, self._bench.job(assignment, list(directives.values())))
        if unclear:
            job = replace(job, prompt=again(assignment, unclear, list(directives.values())))
        end = await self._played(assignment, proposals, job, list(directives), how)
        await self._permits.end()
        if self._stopping is not None and isinstance(end.event, Failed):
            return BROKE  # it was stopped between two steps, and is to go on there
        if end.again and self._unheard():
            return await self._one_turn(assignment, proposals, end.again, unclear)
        if unclear is None and again(assignment, end):
            self._reporter.post("verdict.unclear", run=assignment["id"])
            return await self._one_turn(assignment, proposals, unclear=end)
        # an agent that cannot go on with its session has said what it has said
        end = unclear if unclear and isinstance(end.event, Failed) and not end.limited else end
        outcome = await self._reporter.with_room(assignment, lambda: self._bench.outcome(assignment, end))
        # what was found on a full disk says nothing of the work; what was committed there is whole
        doubtful = outcome.action == "fail" or assignment["purpose"] != Purpose.EXECUTE
        reason = self._bench.no_room() if doubtful else ""
        return Outcome.limited(room.PAUSE, reason, alone=True) if reason else outcome

    async def _played(
        self,
        assignment: Mapping[str, Any],
        proposals: Proposals,
        job: Job,
        directives: Sequence[str],
        how: How,
    ) -> Ended:
        """The turn itself, with these directives in its prompt. However it ends, all that it said and used is told."""
        voice = Redactor(self._secrets)

        def say(text: str) -> None:
            self._say(voice.feed(text))

        def named(run: str, session: str) -> None:
            self._bench.name_session(run, session)
            if self._part.provider.kind == MANUAL:  # from now on what the person does is kept
                self._reporter.post("run.waits", **about(assignment), worktree=str(job.worktree))

        async with self._proposing(assignment, proposals) as heard:
            ears = Ears(
                say, self._delivered, heard, named, self._spent, self._permits.permit, self._hooking.returned,
                self._left_out,
            )  # fmt: skip
            self._turn, self._stopping = Turn(self._part, job, ears, self._bench.confine), None
            keeping = asyncio.get_running_loop().create_task(self._purse.keep())
            try:
                await self._turn.begin()
                for identifier in directives:
                    self._delivered(identifier, how)
                return await self._turn.finish()
            finally:
                turn, self._turn = self._turn, None
                try:
                    await turn.stop()
                finally:
                    await ended(keeping)
                self._purse.spending.turn_over()
                self._say(voice.close())

    def _spent(self, usage: UsageCounted) -> None:
        if self._purse.spent(usage) and self._turn is not None and self._stopping is None:
            self._stopping = asyncio.ensure_future(self._turn.stop())

    @contextlib.asynccontextmanager
    async def _proposing(
        self, assignment: Mapping[str, Any], proposals: Proposals
    ) -> AsyncIterator[Callable[[str], None]]:
        """Hears what the agent proposes and raises, and leaves when that is in the outbox: before the run's outcome.

        Only who makes the change may: what a test or a review prints is mostly somebody else's.
        """
        telling: list[asyncio.Task[None]] = []

        def heard(text: str) -> None:
            found = proposals.feed(text) if assignment["purpose"] == Purpose.EXECUTE else ()
            work = [tell(self._reporter, assignment, each, self._secrets) for each in found]
            telling.extend(asyncio.get_running_loop().create_task(each) for each in work if each)

        proposals.begin()
        try:
            yield heard
        except asyncio.CancelledError:
            await _ended(telling)
            raise
        finally:
            await asyncio.gather(*telling, return_exceptions=True)

    def _left_out(self, server: str, reason: str) -> None:
        """The team is told of an MCP server that an agent has to do without, once in a run."""
        if server not in self._missed:
            self._missed.add(server)
            told = {"server": server, "reason": redact(reason, self._secrets)}
            self._reporter.post("mcp.left_out", run=self.run, **told)

    def _withdraw(self, run: str, epoch: int) -> Awaitable[None] | None:
        """The run is somebody else's matter now: Studio is told nothing, the team is."""
        held = self._held
        if held is None or held["id"] != run or held["epoch"] > epoch:
            return None
        purse = self._purse if self._payer is held else None
        return self._withdrawn(held, self._let_go(), purse)

    async def _withdrawn(
        self, held: Mapping[str, Any], working: Sequence[asyncio.Task[None]], purse: Purse | None
    ) -> None:
        await _ended(working)
        if purse and (spent := purse.spending.told()):
            # it was used, whoever has the run now
            await self._reporter.report(held, "spent", spent)
        self._end(held, "run.withdrawn", summary="withdrawn")

    async def _stop(self) -> None:
        """Returns when no agent and no thread works any more, also to a second one who asks."""
        await _ended(self._let_go())

    def _let_go(self) -> list[asyncio.Task[None]]:
        """Decided at once: what is assigned from here on is another run. The work on the one before must end."""
        self.run, self._held = "", None
        return list(self._working)

    # ── steering ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _hear_what_holds(self) -> None:
        """No agent is told anything before its worker knows what the operator said before this life, in that order."""
        if self._told:
            return
        before: Sequence[str] = ()
        with contextlib.suppress(PeerGone):
            channel = self._part.team.slots["channel"]
            before = await self._courier.insist(channel, WhatHolds(self._part.name), pause=AGAIN_SOON)
        self._told = True
        first = {each: self._directives[each] for each in before if each in self._directives}
        self._directives = {**first, **self._directives}

    async def _direct(self, identifier: str, text: str) -> None:
        if identifier in self._directives:
            # the channel has begun a new life; what it was told last may be lost with the one before
            if how := self._receipts.get(identifier):
                self._tell_channel(Delivered(self._part.name, identifier, how.value))
            return
        self._directives[identifier] = text
        if self._turn is not None:
            await self._turn.steer(identifier, text)

    async def _done(self, run: str, verdict: str) -> None:
        if self._turn is None or self.run != run:
            raise Conflict(f"the run {run} is not at work here now", "see `maestro task list`")
        await self._turn.done(verdict)

    def _unheard(self) -> bool:
        return any(identifier not in self._receipts for identifier in self._directives)

    def _clear_all_but(self, kept: Sequence[str]) -> None:
        for identifier in set(self._directives).difference(kept):
            del self._directives[identifier]
            self._receipts.pop(identifier, None)

    def _delivered(self, identifier: str, how: How) -> None:
        if identifier in self._directives and identifier not in self._receipts:
            self._receipts[identifier] = how
            self._tell_channel(Delivered(self._part.name, identifier, how.value))

    # ── telling ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _say(self, text: str) -> None:
        if text:
            self._courier.tell(self._part.team.slots["channel"], Text(self._part.name, self.run, text))

    def _tell_channel(self, message: Delivered) -> None:
        self._courier.assure(self._part.team.slots["channel"], message)

    def _tell_lead(self, assignment: Mapping[str, Any], *, began: bool, summary: str = "") -> None:
        event = WorkerEvent(self._part.name, assignment["id"], began, summary)
        self._courier.tell(self._part.team.slots["lead"], event)


async def _unasked(_body: Mapping[str, Any]) -> None:
    """Before the first run there is nothing to spend."""


async def _ended(working: Sequence[asyncio.Task[None]]) -> None:
    for work in working:
        await ended(work)
