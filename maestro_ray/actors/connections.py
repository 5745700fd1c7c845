"""Connections: the one who speaks to Studio, for every project and team of this state directory.

Hard state, in its journal: which slots are which team's, and the reports Studio has not accepted. Soft state: who has
shown signs of life, which runs are held, what watchers are shown. Sessions are kept alive only while the worker's own
ping arrives, so a dead worker cannot look alive.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any

from maestro_ray.actors.live_team import Assignment, LiveTeam
from maestro_ray.actors.mail import Courier, Letter, Mailbox
from maestro_ray.actors.messages import (
    Assign,
    Beat,
    BeChannel,
    BeLead,
    Delivery,
    Left,
    Lost,
    Members,
    Part,
    Ping,
    Quit,
    Report,
    WhoAmI,
    Withdraw,
)
from maestro_ray.actors.mirror import Mirror
from maestro_ray.actors.outbox import Outbox
from maestro_ray.actors.pool import Pool, SlotActors
from maestro_ray.actors.result import team_result
from maestro_ray.actors.team_env import TeamEnv
from maestro_ray.actors.team_record import TeamRecord
from maestro_ray.agent.sweep import sweep
from maestro_ray.clock import Clock
from maestro_ray.config import Config
from maestro_ray.connection.client import StudioClient
from maestro_ray.connection.socket import StudioSocket
from maestro_ray.errors import IllegalEvent, MaestroError, StudioUnavailable
from maestro_ray.home import Home
from maestro_ray.ids import suffix
from maestro_ray.journal import Entry, Journal
from maestro_ray.model import run as run_machine
from maestro_ray.model.run import Purpose

log = logging.getLogger(__name__)

# how long a member of a team may take to leave before its slot is ended, beyond the agents' own grace, in seconds
LEAVING = 10.0
ENDED_TEAMS_KEPT = 20


class Connections:
    """Public methods are called from one event loop. `name` tells one life of this actor from the next."""

    def __init__(
        self,
        home: Home,
        config: Config,
        studio: StudioClient,
        ws_url: str,
        slots: SlotActors,
        courier: Courier,
        clock: Clock,
    ) -> None:
        self.home = home
        self.config = config
        self.studio = studio
        self.clock = clock
        self.courier = courier
        self.pool = Pool(config.pool)
        self.slots = slots
        self.teams: dict[str, LiveTeam] = {}
        self.ended: dict[str, LiveTeam] = {}
        self.socket = StudioSocket(ws_url, studio.authorise, self._on_event, self._on_gap)
        self._mailbox = Mailbox(self._handle)
        self._journal = Journal(home.journal / "connections.db")
        self.outbox = Outbox(self._journal, home.instance, self._post_report, self._report_refused, clock)
        self._env = TeamEnv(home)
        self._tasks: set[asyncio.Task[Any]] = set()

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Take up what the journal says was going on, and keep the pool filled."""
        for entry in self._journal.read():
            self._replay(entry)
        for place in self.pool.all():
            # after a restart of Ray its actor is gone; one that is still there is left alone
            self.slots.make(place.name)
        for work in (self.outbox.run(), self.socket.run(), self._keep_sessions(), self._watch_beats()):
            self.spawn(work)

    async def close(self) -> None:
        """Leave everything as it is for the next life."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.courier.close()
        await self.studio.close()
        await asyncio.get_running_loop().run_in_executor(None, self._journal.close)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something beside; what goes wrong in it is logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended_task)
        return task

    def _ended_task(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("in the background: %r", error, exc_info=error)

    def fill_pool(self, wanted: int | None = None) -> None:
        """Make the slots that are missing, in the background: nobody waits for them."""
        for _ in range(self.pool.missing(wanted)):
            name = f"slot-{suffix(8)}"
            self.pool.add(name)
            self.slots.make(name)

    def _replay(self, entry: Entry) -> None:
        self.outbox.replay(entry)
        if entry.kind == "team":
            record = TeamRecord.from_json(entry.body)
            self._adopt(record, self._env.read(record.name))
        elif entry.kind == "team.ended" and (team := self.teams.pop(entry.body["id"], None)):
            for name in team.record.slots.values():
                self.pool.drop(name)

    def _adopt(self, record: TeamRecord, env: Mapping[str, str]) -> LiveTeam:
        """Hold the slots of a team and listen to its channels."""
        if known := self.teams.get(record.id):
            known.record = record
            team = known
        else:
            team = self.teams[record.id] = LiveTeam(record, env, Mirror(record.id, self.studio.post))
        parts = record.parts(self.home, self.config, env)
        for member, slot in record.slots.items():
            place = self.pool.add(slot)
            place.part, place.team, place.member = parts[slot], record.id, member
        self.socket.subscribe(f"private-project.{record.project}")
        self.socket.subscribe(record.channel_name)
        return team

    # ── mail ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def receive(self, sender: str, batch: Sequence[Letter]) -> list[Any]:
        """Take a batch of letters and give the reply to each."""
        return await self._mailbox.receive(sender, batch)

    def _handle(self, sender: str, message: Any) -> Any:
        match message:
            case Ping(slot, pid, node):
                return self._ping(slot, pid, node)
            case Report():
                return self._report(message)
            case Delivery():
                return self._delivery(message)
            case WhoAmI(slot, pid, node):
                return self._who(slot, pid, node)
            case _:
                raise IllegalEvent("connections", "any", f"{type(message).__name__} of {sender}")

    def _who(self, slot: str, pid: int, node: str) -> Part | None:
        """A slot that says hello. One that had a part and comes with another process has died and is back."""
        place = self.pool.add(slot)
        died = place.pid not in (0, pid)
        place.pid, place.node = pid, node
        team = self.teams.get(place.team)
        if team is None:
            return None
        if died:
            self._member_died(team, place.member)
        return place.part

    def _ping(self, slot: str, pid: int, node: str) -> None:
        place = self.pool.add(slot)
        place.pid, place.node, place.beat = pid, node, self.clock.monotonic()
        team = self.teams.get(place.team)
        if team and team.beat(place.member):
            if isinstance(place.part, BeLead):
                self.spawn(self.catch_up(team))
            elif not isinstance(place.part, BeChannel):
                self.courier.tell(team.record.lead, Beat(place.member, pid, node))
            team.happenings.add("worker.up", self.clock.wall(), worker=place.member, pid=pid, node=node)

    def _delivery(self, delivery: Delivery) -> int:
        """Answers with the number up to which this reader has everything; it is hard only in the channel."""
        team = self.teams.get(delivery.team)
        if team is None:
            return max((entry.number for entry in delivery.entries), default=0)
        fresh = [entry for entry in delivery.entries if entry.number > team.seen]
        for entry in fresh:
            team.happenings.add(
                entry.kind, entry.at, number=entry.number, sender=entry.sender, body=entry.body
            )
            team.seen = entry.number
        team.mirror.add(fresh)
        if delivery.dropped:
            team.happenings.add("text.dropped", self.clock.wall(), count=delivery.dropped)
        for text in delivery.texts:
            team.happenings.add("text", self.clock.wall(), sender=text.worker, run=text.run, text=text.text)
        return team.seen

    # ── reports ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _report(self, report: Report) -> asyncio.Future[int]:
        if report.action in ("complete", "fail"):
            for team in self.teams.values():
                team.runs.pop(report.run, None)
        return self.outbox.put(report)

    async def _post_report(self, path: str, body: Mapping[str, Any], key: str) -> Any:
        return await self.studio.post(path, body, key=key)

    def _report_refused(self, report: Report, error: MaestroError) -> None:
        """Somebody else has the run now, or it is over: what was reported counts for nothing, and that is said."""
        log.warning("Studio does not take the report %s of run %s: %s", report.action, report.run, error)
        for team in self.teams.values():
            team.happenings.add("report.refused", self.clock.wall(), run=report.run, reason=str(error))

    # ── Studio ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _on_event(self, channel: str, method: str, params: dict[str, Any]) -> None:
        for team in list(self.teams.values()):
            if channel == team.record.channel_name and method == "run.dispatched":
                self.spawn(self._claim(team, params["run"]["session_id"], params["run"]["id"]))
            elif channel == f"private-project.{team.record.project}":
                self._project_event(team, method, params)

    def _project_event(self, team: LiveTeam, method: str, params: dict[str, Any]) -> None:
        body = {key: value for key, value in params.items() if key not in ("id", "n")}
        team.happenings.add(method, self.clock.wall(), **body)
        if method in ("run.updated", "decision.requested") and team.open_plans:
            self.spawn(self._tell_when_waiting(team))
        if method == "run.updated":
            self._run_updated(team, params["run"])
        elif method == "team.ended" and params["team"]["id"] == team.record.id:
            self.end_team(team, "ended in Studio")

    def _run_updated(self, team: LiveTeam, run: Mapping[str, Any]) -> None:
        held = team.runs.get(run["id"])
        gone = (run_machine.State.CANCELLED, run_machine.State.INTERRUPTED)
        if held is not None and run["state"] in gone and run["epoch"] > held["epoch"]:
            del team.runs[run["id"]]
            self.courier.tell(team.record.lead, Withdraw(run["id"]))
        over = run["state"] in run_machine.OVER
        if over and run["purpose"] == Purpose.RELEASE_CLEANUP and run["plan_id"] in team.open_plans:
            self.spawn(self._plan_over(team, run["plan_id"]))

    async def _plan_over(self, team: LiveTeam, plan_id: str) -> None:
        """The plan's last run has ended. A team that was started for its plans ends with the last of them."""
        plan = await self.studio.get(f"plans/{plan_id}")
        if any(run["state"] in run_machine.LIVE for run in plan["runs"]) or plan_id not in team.open_plans:
            return
        team.open_plans.discard(plan_id)
        if not team.open_plans and not team.record.serves_all:
            self.end_team(team, f"plan {plan['status']}")

    async def _tell_when_waiting(self, team: LiveTeam) -> None:
        """Nothing goes on in the team's plans before the operator decides: those who watch should know."""
        cards: list[Mapping[str, Any]] = []
        for plan_id in list(team.open_plans):
            with contextlib.suppress(MaestroError):
                plan = await self.studio.get(f"plans/{plan_id}")
                if any(run["state"] in run_machine.LIVE for run in plan["runs"]):
                    return
                cards += plan["decisions"]
        waits = frozenset(card["id"] for card in cards)
        if waits and waits != team.waits:
            team.happenings.add("team.waiting", self.clock.wall(), decisions=cards)
        team.waits = waits

    def _on_gap(self, channel: str) -> None:
        for team in self.teams.values():
            if channel == team.record.channel_name:
                self.spawn(self.catch_up(team))
            elif channel == f"private-project.{team.record.project}":
                self.spawn(self._look_at_plans(team))

    async def catch_up(self, team: LiveTeam) -> None:
        """Take up every run Studio has handed to this team: new ones, and those a lead that is back has forgotten."""
        try:
            runs = await self.studio.get(f"agent-sessions/{team.record.session}/spawn-queue")
        except StudioUnavailable:
            return  # the next subscription comes through here again
        for run in runs:
            await self._claim(team, run["session_id"], run["id"])

    async def _look_at_plans(self, team: LiveTeam) -> None:
        """An event that ended a plan may have been missed."""
        for plan_id in list(team.open_plans):
            with contextlib.suppress(StudioUnavailable):
                plan = await self.studio.get(f"plans/{plan_id}")
                cleanup = [run for run in plan["runs"] if run["purpose"] == Purpose.RELEASE_CLEANUP]
                if cleanup and all(run["state"] in run_machine.OVER for run in cleanup):
                    await self._plan_over(team, plan_id)

    async def _claim(self, team: LiveTeam, session: str, run: str) -> None:
        try:
            assignment: Assignment = await self.studio.post(f"agent-sessions/{session}/run", {"run_id": run})
        except MaestroError as error:
            log.info("run %s is not claimed: %s", run, error)
            return
        if team.ending is None:
            team.runs[run] = assignment
            self.courier.tell(team.record.lead, Assign(assignment))

    # ── life and death of sessions ───────────────────────────────────────────────────────────────────────────────

    def _member_died(self, team: LiveTeam, member: str) -> None:
        """Its process is gone: what it held is interrupted at once, without waiting for a lease."""
        team.lost(member)
        team.happenings.add("worker.lost", self.clock.wall(), worker=member)
        session = next((each.session for each in team.record.members if each.name == member), "")
        if session:
            self.courier.tell(team.record.lead, Lost(member))
        for run in team.runs_of(session):
            del team.runs[run["id"]]
            self.spawn(self._interrupt(team, run))

    async def _interrupt(self, team: LiveTeam, run: Assignment) -> None:
        await asyncio.to_thread(sweep, f"{self.home.instance}:{team.record.id}:{run['id']}")
        try:
            await self.studio.post(f"cli-runs/{run['id']}/interrupt", {"epoch": run["epoch"]})
        except MaestroError as error:
            log.warning("run %s could not be interrupted: %s", run["id"], error)

    async def _keep_sessions(self) -> None:
        while True:
            await asyncio.sleep(self.config.session_heartbeat)
            for team in list(self.teams.values()):
                with contextlib.suppress(MaestroError):
                    await self.heartbeat(team)

    async def heartbeat(self, team: LiveTeam) -> None:
        """One call for the whole team, and only for those of it that have shown a sign of life within their lease."""
        alive = [session for session in team.record.sessions if self._alive(team, session)]
        if alive:
            await self.studio.post(f"agent-sessions/{alive[0]}/heartbeat", {"sessions": alive[1:]})

    def _alive(self, team: LiveTeam, session: str) -> bool:
        place = self.pool.get(team.record.slots[team.record.member_of(session)])
        return bool(place and place.beat and self.clock.monotonic() - place.beat <= self.config.lease)

    async def _watch_beats(self) -> None:
        """A member that is silent for a whole lease is told as lost; its slot decides whether it comes back."""
        while True:
            await asyncio.sleep(self.config.lease / 4)
            late = self.clock.monotonic() - self.config.lease
            for place in self.pool.all():
                team = self.teams.get(place.team)
                if team and place.beat is not None and place.beat < late and place.member in team.beaten:
                    self._member_died(team, place.member)

    # ── teams ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def record(self, record: TeamRecord, env: Mapping[str, str]) -> LiveTeam:
        """The team is a fact from here on: its slots are taken, and a next life of this actor will find it."""
        self._env.write(record.name, env)
        team = self._adopt(record, env)
        _, done = self._journal.append("team", record.to_json(), at=self.clock.wall())
        await done
        return team

    async def add_plan(self, team: LiveTeam, plan_id: str) -> None:
        """The team works for this plan and ends with it."""
        record = replace(team.record, plans=(*team.record.plans, plan_id))
        team.open_plans.add(plan_id)
        await self.record(record, team.env)

    async def remove_worker(self, team: LiveTeam, name: str) -> None:
        """Let one worker go, and the team on without it."""
        member = next(each for each in team.record.members if each.name == name)
        await self._leave(member.slot)
        await self.studio.delete(f"agent-sessions/{member.session}")
        self.pool.release(member.slot)
        team.beaten.discard(name)
        await self.record(team.record.without_member(name), team.env)
        self.courier.tell(team.record.lead, Left(name))
        self.courier.tell(
            team.record.channel, Members({each.name: each.slot for each in team.record.members})
        )

    def end_team(self, team: LiveTeam, reason: str) -> asyncio.Task[None]:
        """End a team in order: workers, lead, channel, Studio. Doing it twice is the same as once."""
        if team.ending is None:
            team.ending = self.spawn(self._end_team(team, reason))
        return team.ending

    async def _end_team(self, team: LiveTeam, reason: str) -> None:
        record = team.record
        team.result = await team_result(self.studio, team, self.pool)
        team.happenings.add("team.ending", self.clock.wall(), reason=reason)
        await asyncio.gather(*(self._leave(each.slot) for each in record.members))
        await self._leave(record.lead)
        await self._leave(record.channel)
        await asyncio.to_thread(sweep, f"{self.home.instance}:{record.id}:")
        await team.mirror.close(within=2.0)
        with contextlib.suppress(MaestroError):
            await self.studio.delete(f"teams/{record.id}")
        await asyncio.to_thread(self._env.clear, record)
        _, done = self._journal.append(
            "team.ended", {"id": record.id, "reason": reason}, at=self.clock.wall()
        )
        await done
        self._forget(team)
        team.happenings.add("team.ended", self.clock.wall(), reason=reason)
        team.happenings.end()

    def _forget(self, team: LiveTeam) -> None:
        record = team.record
        self.socket.unsubscribe(record.channel_name)
        for slot in record.slots.values():
            self.courier.forget(slot)
            self.pool.release(slot)
        for slot in self.pool.surplus():
            self.pool.drop(slot)
            self.slots.end(slot)
        self.fill_pool()
        del self.teams[record.id]
        self.ended[record.id] = team
        while len(self.ended) > ENDED_TEAMS_KEPT:
            del self.ended[next(iter(self.ended))]

    async def _leave(self, slot: str) -> None:
        """Ask a member to leave; one that does not is ended."""
        try:
            await asyncio.wait_for(self.courier.tell(slot, Quit()), self.config.stop_grace + LEAVING)
        except Exception as error:  # noqa: BLE001 - whatever kept it from leaving, it must go
            log.warning("%s does not leave (%r) and is ended", slot, error)
            self.courier.forget(slot)
            self.pool.drop(slot)
            self.slots.end(slot)
