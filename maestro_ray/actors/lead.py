"""The lead: who belongs to the team and who does what now; and the runs that need no agent.

It handles one message at a time and never blocks: its own runs (epic, merges, release) happen in a thread, one after
the other, and come back as reports.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from maestro_ray.actors.lead_work import LeadWork
from maestro_ray.actors.mail import Courier
from maestro_ray.actors.messages import (
    Answer,
    Assign,
    Beat,
    BeLead,
    Digest,
    Directive,
    DirectivesCleared,
    Joined,
    Left,
    Lost,
    Roster,
    Withdraw,
    WorkerEvent,
)
from maestro_ray.actors.outcome import Outcome, about
from maestro_ray.actors.planner import planner
from maestro_ray.actors.recent import Recent
from maestro_ray.actors.reporter import Reporter
from maestro_ray.actors.threads import ended
from maestro_ray.clock import Clock
from maestro_ray.errors import IllegalEvent, MaestroError
from maestro_ray.model import team as machine
from maestro_ray.model.run import Purpose
from maestro_ray.redaction import Secrets

log = logging.getLogger(__name__)

# runs whose last handover is remembered: a repeat comes soon, or never
REMEMBERED = 1000


class Lead:
    """One team's lead. Public methods are called from one event loop."""

    def __init__(self, part: BeLead, courier: Courier, clock: Clock) -> None:
        self.run = ""
        self._part = part
        self._courier = courier
        self._clock = clock
        self._planner = planner(part, courier, clock)
        self._reporter = Reporter(part.team.bot, part.team, courier, clock)
        self._work = LeadWork(part, lambda kind, body: self._reporter.post(kind, **body))
        self._slots = dict(part.team.slots)
        self._sessions = {session: name for name, _, session in part.members}
        self._busy: dict[str, str] = {}
        self._queue: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        # the last epoch of runs of ours, and of those that are no longer ours
        self._seen: Recent[str, int] = Recent(REMEMBERED)
        self._withdrawn: Recent[str, int] = Recent(REMEMBERED)
        self._held: Mapping[str, Any] | None = None
        self._doing: asyncio.Task[Outcome] | None = None
        self._working: asyncio.Task[None] | None = None
        members = tuple(machine.Member(name, role, session) for name, role, session in part.members)
        team = machine.Team(part.team.id, part.team.name)
        for event in (machine.Allocated(members), machine.Spawned()):
            team, _ = machine.apply(team, event, clock.monotonic())
        self._team = team

    @property
    def handover(self) -> tuple[str, int]:
        """The run in hand and its epoch; an empty one when there is none."""
        if self._held is None and self._planner is not None:
            return self._planner.handover
        return (self._held["id"], self._held["epoch"]) if self._held else ("", 0)

    def start(self) -> None:
        self._working = asyncio.get_running_loop().create_task(self._work_through())

    async def quit(self) -> None:
        """Stop the run in hand and remove the lead's worktrees."""
        if self._planner is not None:
            await self._planner.quit()
        await self.close()
        await self._work.clear()

    async def close(self) -> None:
        """Stop the run in hand; what git has begun is ended first."""
        if self._planner is not None:
            await self._planner.close()
        if self._working is not None:
            await ended(self._working)

    def handle(self, sender: str, message: Any) -> Any:
        """Decide about one message at once; what comes back may be awaited for the answer."""
        match message:
            case Assign(assignment):
                return self._assign(assignment)
            case Withdraw():
                return self._withdraw(message)
            case Beat(name, pid, node):
                return self._apply(machine.Beaten(name, pid, node))
            case Lost(name):
                self._busy.pop(name, None)
                return self._apply(machine.Lost(name))
            case Left(name):
                return self._leave(name)
            case Joined(name, role, session, slot):
                return self._join(machine.Member(name, role, session), slot)
            case WorkerEvent():
                return self._worker_event(message)
            case Roster():
                return self._roster()
            case Digest(text, silent):
                return self._reporter.post("digest", text=text, silent=list(silent))
            case Directive() | DirectivesCleared() | Answer():
                return self._planner.handle(sender, message) if self._planner else None
            case _:
                raise IllegalEvent("lead", "any", f"{type(message).__name__} of {sender}")

    # ── the team ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _apply(self, event: machine.Event) -> None:
        self._team, effects = machine.apply(self._team, event, self._clock.monotonic())
        for effect in effects:
            match effect:
                case machine.TeamUp():
                    self._reporter.post("team.up", workers=sorted(self._team.members))
                case machine.Place() | machine.StopWorkers():
                    pass  # Connections owns the slots: it places a lost worker again and stops the team

    def _join(self, member: machine.Member, slot: str) -> None:
        if member.name in self._team.members:
            return
        self._slots[member.name] = slot
        self._sessions[member.session] = member.name
        self._apply(machine.Joined(member))
        self._reporter.post("worker.joined", worker=member.name, role=member.role)

    def _leave(self, name: str) -> None:
        member = self._team.members.get(name)
        if member is None:
            return
        self._apply(machine.Left(name))
        self._busy.pop(name, None)
        self._sessions.pop(member.session, None)
        self._courier.forget(self._slots.pop(name))
        self._reporter.post("worker.left", worker=name)

    def _worker_event(self, event: WorkerEvent) -> None:
        if event.began:
            self._busy[event.worker] = event.run
        elif self._busy.get(event.worker) == event.run:
            del self._busy[event.worker]

    def _roster(self) -> dict[str, Any]:
        now = self._clock.monotonic()
        return {
            "state": self._team.state.value,
            "workers": {
                member.name: {
                    "role": member.role,
                    "session": member.session,
                    "up": member.up,
                    "since": None if member.beat is None else round(now - member.beat, 3),
                    "run": self._busy.get(member.name, ""),
                }
                for member in self._team.members.values()
            },
        }

    # ── runs ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _assign(self, assignment: Mapping[str, Any]) -> None:
        session = assignment["session_id"]
        run, epoch = assignment["id"], assignment["epoch"]
        if session == self._part.session and self._planner and assignment["purpose"] == Purpose.PLAN:
            self._planner.handle("lead", Assign(assignment))
        elif session == self._part.session:
            if epoch > self._seen.get(run, -1):
                self._seen[run] = epoch
                self._queue.put_nowait(assignment)
        elif name := self._sessions.get(session):
            self._courier.tell(self._slots[name], Assign(assignment))
        else:
            raise IllegalEvent("lead", "without such a session", f"Assign to {session}")

    def _withdraw(self, message: Withdraw) -> Any:
        """To whoever holds the session; whether they work on it already is theirs to know."""
        if self._planner and message.run == self._planner.handover[0]:
            return self._planner.handle("lead", message)
        if message.session == self._part.session:
            self._withdrawn[message.run] = message.epoch
            if self._doing is not None and self._held is not None and self._is_withdrawn(self._held):
                self._doing.cancel()
        elif name := self._sessions.get(message.session):
            self._courier.tell(self._slots[name], message)
        return None

    def _is_withdrawn(self, assignment: Mapping[str, Any]) -> bool:
        return bool(assignment["epoch"] <= self._withdrawn.get(assignment["id"], -1))

    async def _work_through(self) -> None:
        while True:
            assignment = await self._queue.get()
            if not self._is_withdrawn(assignment):
                self.run, self._held = assignment["id"], assignment
                self._reporter.post("run.started", **about(assignment))
                await self._work_on(assignment)
                self.run, self._held, self._doing = "", None, None

    async def _work_on(self, assignment: Mapping[str, Any]) -> None:
        """To its end and its report, or until it is withdrawn; then Studio is told nothing, the team is."""
        self._doing = asyncio.get_running_loop().create_task(self._do(assignment))
        try:
            await asyncio.wait([self._doing])
        except asyncio.CancelledError:
            await ended(self._doing)
            raise
        if self._doing.cancelled():
            self._reporter.post("run.withdrawn", **about(assignment), summary="withdrawn")
            return
        outcome = self._doing.result().without(Secrets.of(self._part.team.env))
        await self._reporter.report(assignment, outcome.action, outcome.body)
        self._reporter.post("run.ended", **about(assignment), action=outcome.action, summary=outcome.summary)

    async def _do(self, assignment: Mapping[str, Any]) -> Outcome:
        try:
            return await self._reporter.with_room(assignment, lambda: self._work.do(assignment))
        except Exception as error:  # noqa: BLE001 - whatever it is ends the run, and is told
            return _failed(assignment, error)


def _failed(assignment: Mapping[str, Any], error: Exception) -> Outcome:
    if isinstance(error, MaestroError):
        return Outcome.failed(f"{error}. {error.hint}".removesuffix(". "))
    log.error("run %s", assignment["id"], exc_info=error)
    return Outcome.failed(f"maestro's own fault: {error!r}")
