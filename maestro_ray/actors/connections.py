"""Connections: the one who speaks to Studio, for every project and team of this state directory.

Hard state, in its journal: which slots are which team's, and the reports Studio has not accepted. Soft state: who has
shown signs of life, which runs are held, what watchers are shown. Sessions are kept alive only while the worker's own
ping arrives, so a dead worker cannot look alive. Each project's connection is an object of its own
(`connection(key)`), and may live in a further actor.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from maestro_ray.actors.answers import Answers
from maestro_ray.actors.assignments import Assignments
from maestro_ray.actors.leases import Leases
from maestro_ray.actors.ledger import Ledger
from maestro_ray.actors.live_team import LiveTeam
from maestro_ray.actors.mail import Courier, Letter, Mailbox
from maestro_ray.actors.messages import (
    Answered,
    Asking,
    Assign,
    Beat,
    BeLead,
    BeWorker,
    Changed,
    Delivery,
    Heard,
    Left,
    Lost,
    Members,
    Missed,
    Part,
    Ping,
    Pings,
    PlanTasks,
    Quit,
    Report,
    Shown,
    Spent,
    WhoAmI,
)
from maestro_ray.actors.mirror import Mirror
from maestro_ray.actors.planning import Planning
from maestro_ray.actors.pool import Place, Pool, SlotActors
from maestro_ray.actors.recent import Recent
from maestro_ray.actors.reports import Reports
from maestro_ray.actors.result import team_result
from maestro_ray.actors.silences import Silences
from maestro_ray.actors.stream import Stream
from maestro_ray.actors.switchboard import Switchboard
from maestro_ray.actors.team_env import TeamEnv
from maestro_ray.actors.team_hooks import TeamHooks
from maestro_ray.actors.team_record import TeamRecord
from maestro_ray.actors.threads import in_thread
from maestro_ray.agent.sweep import sweep
from maestro_ray.background import Background
from maestro_ray.clock import Clock
from maestro_ray.config import Config
from maestro_ray.connection.client import StudioClient
from maestro_ray.connection.login import Identify
from maestro_ray.connection.project import Connection
from maestro_ray.errors import IllegalEvent
from maestro_ray.home import Home
from maestro_ray.ids import suffix
from maestro_ray.journal import WHOLE
from maestro_ray.model import channels

log = logging.getLogger(__name__)

# how long a member of a team may take to leave before its slot is ended, beyond the agents' own grace, in seconds
LEAVING = 10.0
# how long a slot may take to show itself after Connections has begun a new life, in seconds
RETURNING = 20.0
# how long after a team's start or end the pool is filled again, in seconds
REFILL = 0.5
# of how many ended teams what happened can be read, and of how many plans that are over a living team tells
ENDED_TEAMS_KEPT, ENDED_PLANS_KEPT = 20, 50
PROJECTS_REMEMBERED = 1000


class Connections:
    """Public methods are called from one event loop. `identify` says as whom, and at which Studio, a project is worked
    for; with an empty key it is asked for the Studio of this machine."""

    def __init__(
        self,
        home: Home,
        config: Config,
        identify: Identify,
        slots: SlotActors,
        courier: Courier,
        clock: Clock,
        ledger: Ledger,
    ) -> None:
        self.home = home
        self.config = config
        self.clock = clock
        self.courier = courier
        self.pool = Pool(config.pool)
        self.slots = slots
        self.teams: dict[str, LiveTeam] = {}
        # ids of projects, by key
        self.projects: Recent[str, str] = Recent(PROJECTS_REMEMBERED)
        self.ended: dict[str, LiveTeam] = {}
        self.answers = Answers(self)
        self.assignments = Assignments(self)
        self.switchboard = Switchboard(
            config, identify, self.assignments, self, slots, courier, self.spawn, str(home.pulses)
        )
        self._mailbox = Mailbox(self._handle)
        self._ledger = ledger
        self._background = Background(lambda error: log.error("in the background: %r", error, exc_info=error))
        self._using: Counter[str] = Counter()
        self.reports = Reports(self, ledger)
        self._env = TeamEnv(home)
        self.leases = Leases(self)
        self.hooks = TeamHooks(self)
        self.planning = Planning(self)
        self.silences = Silences(self)

    @property
    def studio(self) -> StudioClient:
        """REST of the Studio of this machine, for what is about no project."""
        return self.switchboard.rest("")

    def connection(self, key: str) -> Connection:
        """The connection of the project with this key; it is opened when it is first asked for."""
        return self.switchboard.connection(key)

    @contextlib.contextmanager
    def using(self, key: str) -> Iterator[None]:
        """The connection of this project is needed for a while, also without a team."""
        self._using[key] += 1
        try:
            yield
        finally:
            self._using[key] -= 1
            self.release(key)

    def release(self, key: str) -> None:
        """Close the connection of a project that no team works for and no report waits for."""
        used = any(team.record.key == key for team in self.teams.values()) or self.reports.outbox.waits_for(
            key
        )
        if not used and not self._using[key]:
            del self._using[key]
            self.switchboard.release(key)

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Take up what the journal says was going on, and keep the pool filled."""
        # what earlier lives left; who lives pings itself anyway, for nothing is known of it here
        shutil.rmtree(self.home.pulses, ignore_errors=True)
        self.home.machine_id()  # made by one, before requests that come at once all want it
        ending = dict(self._ledger.ending)
        for body in list(self._ledger.teams.values()):
            record = TeamRecord.from_json(body)
            self._adopt(record, self._env.read(record.name))
        self.reports.recall()
        for place in self.pool.all():
            place.beat = self.clock.monotonic() + RETURNING
            # after a restart of Ray its actor is gone; one that is still there is left alone
            self.slots.make(place.name)
        for work in (
            self.reports.outbox.run(),
            self.leases.keep_sessions(),
            self.leases.watch_beats(),
            self.silences.watch(),
        ):
            self.spawn(work)
        if self.teams:  # they have the processors first
            self.spawn(self._refill_pool(RETURNING))
        for team in list(self.teams.values()):
            if team.record.id in ending:
                self.end_team(team, ending[team.record.id])
            else:
                self.spawn(self._end_if_cut(team))

    async def _end_if_cut(self, team: LiveTeam) -> None:
        """A start that was cut before the team had its plan at work has told nobody of the team."""
        if team.record.goal and not team.record.plans:
            await self.planning.resume(team)
        elif not team.record.serves_all:
            plans = [await self.assignments.from_studio(team, f"plans/{plan}") for plan in team.record.plans]
            if all(plan["status"] == "draft" for plan in plans):
                self.end_team(team, "its start was cut")

    async def close(self) -> None:
        """Leave everything as it is for the next life."""
        await self._background.end()
        for team in self.teams.values():
            await team.mirror.close(within=0.0)
            await team.stream.close()
        self.courier.close()
        await self.switchboard.close()
        await in_thread(self._ledger.close)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run something beside; what goes wrong in it is logged."""
        return self._background.spawn(work)

    def refill_pool(self) -> None:
        """Fill the pool in a moment: whoever was just answered has the processors first."""
        self.spawn(self._refill_pool(REFILL))

    async def _refill_pool(self, wait: float) -> None:
        await asyncio.sleep(wait)
        self.fill_pool()

    def fill_pool(self, wanted: int | None = None) -> None:
        """Make the slots that are missing; nobody waits for them here."""
        for _ in range(self.pool.missing(wanted)):
            name = f"slot-{suffix(8)}"
            self.pool.add(name)
            self.slots.make(name)

    def _adopt(self, record: TeamRecord, env: Mapping[str, str]) -> LiveTeam:
        """Hold the slots of a team and listen to its channels."""
        if known := self.teams.get(record.id):
            known.record = record
            team = known
        else:
            post = self.connection(record.key).rest.post
            team = self.teams[record.id] = LiveTeam(record, env, Mirror(record.id, post), Stream(post))
        parts = record.parts(self.home, self.config, env)
        for member, slot in record.slots.items():
            place = self.pool.add(slot)
            place.part, place.team, place.member = parts[slot], record.id, member
        connection = self.connection(record.key)
        connection.subscribe(channels.project(record.project))
        connection.subscribe(record.channel_name)
        return team

    # ── mail ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def receive(self, sender: str, batch: Sequence[Letter]) -> list[Any]:
        """Take a batch of letters and give the reply to each."""
        return await self._mailbox.receive(sender, batch)

    def _handle(self, sender: str, message: Any) -> Any:
        match message:
            case Ping():
                return self._ping(message)
            case Pings(node, shown):
                return tuple(self._renew(node, each) for each in shown)
            case Report():
                return self.reports.put(message)
            case Spent(run, epoch, body, project):
                return self.reports.spent(project, run, {"epoch": epoch, **body})
            case Delivery():
                return self._delivery(message)
            case PlanTasks(project, plan):
                return self._tasks(project, plan)
            case Asking():
                return self.answers.look(message)
            case WhoAmI(slot, pid, node):
                return self._who(slot, pid, node)
            case Answered() | Heard() | Missed() | Changed():
                return self.switchboard.handle(message)
            case _:
                raise IllegalEvent("connections", "any", f"{type(message).__name__} of {sender}")

    async def _tasks(self, key: str, plan: str) -> list[dict[str, Any]]:
        found = await self.connection(key).rest.get(f"plans/{plan}")
        return [
            {name: task[name] for name in ("id", "key", "title", "status", "role")} for task in found["tasks"]
        ]

    def _who(self, slot: str, pid: int, node: str) -> Part | None:
        """A slot that says hello. One that had a part and comes with another process has died and is back."""
        place = self.pool.add(slot)
        died = place.pid not in (0, pid)
        place.pid, place.node = pid, node
        if self.switchboard.is_holder(place):
            if died:
                self.switchboard.lost(place)
            return place.part
        team = self.teams.get(place.team)
        if team is None or team.ending is not None:
            return None
        if died:
            self.member_died(team, place)
        return place.part

    def _ping(self, ping: Ping) -> bool:
        place, team = self.pool.get(ping.slot), self.teams.get(ping.team)
        if place is None or place.team != ping.team or not (team or self.switchboard.beat(place)):
            return False
        place.pid, place.node, place.beat = ping.pid, ping.node, self.clock.monotonic()
        if team and isinstance(place.part, BeLead | BeWorker):
            team.works(place.part.session, ping.run, ping.epoch)
        if team and team.beat(place.member):
            self._member_is_up(team, place)
        return True

    def _renew(self, node: str, shown: Shown) -> bool:
        """Another tells that somebody lives. That raises nobody who is not known to, for it may come late; and it is
        worth what it was when the sign was given."""
        place = self.pool.get(shown.slot)
        if place is None or (place.pid, place.node, place.team) != (shown.pid, node, shown.team):
            return False
        if place.beat is None or not (place.team in self.teams or self.switchboard.is_holder(place)):
            return False
        place.beat = max(place.beat, self.clock.monotonic() - shown.age)
        return True

    def _member_is_up(self, team: LiveTeam, place: Place) -> None:
        """For the first time, or again in a life that knows nothing of what was said before."""
        team.happenings.add(
            "worker.up", self.clock.wall(), worker=place.member, pid=place.pid, node=place.node
        )
        self.planning.on_up(team)
        if isinstance(place.part, BeLead):
            for other in self.pool.of_team(team.record.id).values():
                self._tell_beat(team, other)
            for run in team.runs.values():
                self.courier.tell(team.record.lead, Assign(run))
            self.spawn(self.assignments.catch_up(team))
        elif isinstance(place.part, BeWorker):
            self._tell_beat(team, place)
            for run in team.runs_of(place.part.session):
                self.courier.tell(team.record.lead, Assign(run))
            if place.part.session in team.doing:
                # it may be what Studio took back while nobody was here; who compares already knows nothing of it
                self.spawn(self.assignments.catch_up(team))

    def _tell_beat(self, team: LiveTeam, place: Place) -> None:
        if isinstance(place.part, BeWorker) and place.member in team.beaten:
            self.courier.tell(team.record.lead, Beat(place.member, place.pid, place.node))

    def _delivery(self, delivery: Delivery) -> int:
        """Answers with the number up to which this reader has everything; it is hard only in the channel."""
        team = self.teams.get(delivery.team)
        if team is None:
            return max((entry.number for entry in delivery.entries), default=0)
        # an earlier life had what is not kept any more
        team.seen = max(team.seen, delivery.first - 1)
        fresh = [entry for entry in delivery.entries if entry.number > team.seen]
        if fresh and fresh[0].number != team.seen + 1:
            fresh = []  # an earlier life had what came before: it is asked for again
        team.seen = fresh[-1].number if fresh else team.seen
        news = [entry for entry in fresh if entry.kind != WHOLE]
        for entry in news:
            team.happenings.add(
                entry.kind, entry.at, number=entry.number, sender=entry.sender, body=entry.body
            )
        self.silences.heard(team, news, delivery.texts)
        team.mirror.add(news)
        team.stream.add(delivery.texts)
        if delivery.dropped:
            team.happenings.add("text.dropped", self.clock.wall(), count=delivery.dropped)
        for text in delivery.texts:
            team.happenings.add("text", self.clock.wall(), sender=text.worker, run=text.run, text=text.text)
        return team.seen

    # ── life and death of members ────────────────────────────────────────────────────────────────────────────────

    def member_died(self, team: LiveTeam, place: Place) -> None:
        """Its process is gone: what it held is interrupted at once, without waiting for a lease."""
        place.beat = None
        team.lost(place.member)
        team.happenings.add("worker.lost", self.clock.wall(), worker=place.member)
        if isinstance(place.part, BeLead | BeWorker):
            team.doing.pop(place.part.session, None)
        if isinstance(place.part, BeWorker):
            self.courier.tell(team.record.lead, Lost(place.member))
            for run in team.runs_of(place.part.session):
                self.reports.interrupt(team, run["id"], run["epoch"])

    # ── teams ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def record(self, record: TeamRecord, env: Mapping[str, str]) -> LiveTeam:
        """The team is a fact from here on: its slots are taken, and a next life of this actor will find it.

        When that cannot be written down it is here all the same, to be ended. Raises `JournalBroken`, `NotWritable`.
        """
        team = self._adopt(record, env)
        self._env.write(record.name, env)
        await self._note("team", record.to_json())
        return team

    async def add_plan(self, team: LiveTeam, plan_id: str) -> None:
        """The team works for this plan and ends with it."""
        team.open_plans.add(plan_id)
        over = [plan for plan in team.record.plans if plan not in team.open_plans][-ENDED_PLANS_KEPT:]
        kept = [plan for plan in team.record.plans if plan in over or plan in team.open_plans]
        record = replace(team.record, plans=tuple(dict.fromkeys((*kept, plan_id))))
        await self.record(record, team.env)

    async def leave(self, team: LiveTeam, name: str) -> None:
        """A worker leaves for good. One that has left already is no mistake."""
        async with team.changing:
            if team.ending is None and any(each.name == name for each in team.record.members):
                await self.remove_worker(team, name)

    async def remove_worker(self, team: LiveTeam, name: str) -> None:
        """Let one worker go, and the team on without it."""
        member = next(each for each in team.record.members if each.name == name)
        self.spawn(self.hooks.session_ends(team, "left", worker=name))
        await self._leave(member.slot)
        with logged("a worker leaves"):  # its session ends with its lease at the latest
            await self.connection(team.record.key).rest.delete(f"agent-sessions/{member.session}")
        self.pool.release(member.slot)
        team.beaten.discard(name)
        team.doing.pop(member.session, None)
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
        """No step may keep the next from being taken: what is begun here must come to its end."""
        record = team.record
        team.happenings.add("team.ending", self.clock.wall(), reason=reason)
        hooks = self.spawn(self.hooks.session_ends(team, reason))
        with logged("ending a team: the journal"):
            await self._note("team.ending", {"id": record.id, "reason": reason})
        with logged("ending a team: the result"):
            team.result = await team_result(self.connection(record.key).rest, team, self.pool)
        await asyncio.gather(*(self._leave(each.slot) for each in record.members))
        await self._leave(record.lead)
        await self._leave(record.channel)
        await asyncio.to_thread(sweep, f"{self.home.instance}:{record.id}:")
        await team.mirror.close(within=2.0)
        await team.stream.close()
        with logged("ending a team: Studio"):
            await self.connection(record.key).rest.delete(f"teams/{record.id}")
        with logged("ending a team: the directories"):
            await in_thread(self._env.clear, record)
            living = {each.record.name for each in self.teams.values()}
            await in_thread(self._env.trim_journals, living)
        with logged("ending a team: the journal"):
            await self._note("team.ended", {"id": record.id, "reason": reason})
        with logged("ending a team: its hooks"):
            await hooks
        self._forget(team)
        team.happenings.add("team.ended", self.clock.wall(), reason=reason)
        team.happenings.end()

    async def _note(self, kind: str, body: Mapping[str, Any]) -> None:
        """Everything that is decided here waits for the journal first, so after a failure there is nothing to undo."""
        await self._ledger.append(kind, body)[1]

    def _forget(self, team: LiveTeam) -> None:
        record = team.record
        for slot in record.slots.values():
            self.courier.forget(slot)
            self.pool.release(slot)
        del self.teams[record.id]
        self.planning.forget(team)
        # a connection that no other team needs is closed
        self.connection(record.key).unsubscribe(record.channel_name)
        self.release(record.key)
        self.ended[record.id] = team
        while len(self.ended) > ENDED_TEAMS_KEPT:
            del self.ended[next(iter(self.ended))]
        self.trim_pool()
        self.refill_pool()

    def trim_pool(self) -> None:
        """End blank slots that are too many."""
        for slot in self.pool.surplus():
            self.courier.forget(slot)
            self.pool.drop(slot)
            self.slots.end(slot)

    # ── switchboard.Staff ────────────────────────────────────────────────────────────────────────────────────────

    def hire(self) -> Place:
        self.fill_pool(1)
        (place,) = self.pool.take(1)
        self.refill_pool()
        return place

    async def dismiss(self, slot: str) -> None:
        await self._leave(slot)
        self.courier.forget(slot)
        self.pool.release(slot)

    async def _leave(self, slot: str) -> None:
        """Ask a member to leave; one that does not is ended."""
        try:
            async with asyncio.timeout(self.config.stop_grace + LEAVING):
                await self.courier.tell(slot, Quit())
        except Exception as error:  # noqa: BLE001 - whatever kept it from leaving, it must go
            log.warning("%s does not leave (%r) and is ended", slot, error)
            self.courier.forget(slot)
            self.pool.drop(slot)
            self.slots.end(slot)


@contextlib.contextmanager
def logged(what: str) -> Iterator[None]:
    """Go on whatever happens, and say what did."""
    try:
        yield
    except Exception:
        log.exception("%s", what)
