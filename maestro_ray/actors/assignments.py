"""What Studio hands to the teams: runs to claim and to withdraw, plans that end, decisions they wait for."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from maestro_ray.actors.live_team import Assignment, Holding, LiveTeam
from maestro_ray.actors.mail import PeerGone
from maestro_ray.actors.messages import Assign, ClearSteering, Say, Steer, Withdraw
from maestro_ray.connection.client import Rest
from maestro_ray.errors import MaestroError, StudioUnavailable, Unauthenticated
from maestro_ray.model import channels
from maestro_ray.model import run as run_machine
from maestro_ray.model.run import Purpose

if TYPE_CHECKING:
    from maestro_ray.actors.connections import Connections

log = logging.getLogger(__name__)

# events about what people said to a team
INBOX = ("steering.added", "steering.cleared", "message.posted")
# how long Studio is left alone when it did not answer, at first and at most, in seconds
PATIENCE, LONGEST = 0.5, 5.0


class Assignments:
    """Follows Studio's events for every team of Connections. An event may be lost, so a gap means to look again."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def on_event(self, key: str, channel: str, method: str, params: dict[str, Any]) -> None:
        """Something was said on a channel of a project's Studio."""
        for team in self._teams(key):
            if channel == team.record.channel_name:
                self._team_event(team, method, params)
            elif channel == channels.project(team.record.project):
                self._project_event(team, method, params)

    def _teams(self, key: str) -> list[LiveTeam]:
        return [team for team in self._connections.teams.values() if team.record.key == key]

    def _team_event(self, team: LiveTeam, method: str, params: dict[str, Any]) -> None:
        if method == "run.dispatched":
            self._connections.spawn(self._claim(team, params["run"]["session_id"], params["run"]["id"]))
        elif method in INBOX and params["item"]["status"] == "pending":
            self._connections.spawn(self._take_inbox(team))

    def _project_event(self, team: LiveTeam, method: str, params: dict[str, Any]) -> None:
        if method == "budget.updated" and params["team"]["id"] != team.record.id:
            return  # that of another team of the project
        if not self._connections.planning.tells_of(team, method, params):
            body = {key: value for key, value in params.items() if key not in ("id", "n")}
            team.happenings.add(method, self._connections.clock.wall(), **body)
        self._connections.planning.on_event(team, method)
        if method.startswith("decision."):
            team.card(params["decision"])
            self._connections.answers.heard(team, params["decision"])
        if method == "decision.requested" and params["decision"]["plan_id"] in (None, *team.open_plans):
            self._connections.hooks.card_asked(team, params["decision"])
        if team.cards and method in ("run.updated", "decision.requested"):
            self._connections.spawn(self._tell_when_waiting(team))
        if method == "run.updated":
            self._run_updated(team, params["run"])
        elif method == "team.ended" and params["team"]["id"] == team.record.id:
            self._connections.end_team(team, "ended in Studio")

    def _run_updated(self, team: LiveTeam, run: Mapping[str, Any]) -> None:
        held = team.runs.get(run["id"])
        gone = (run_machine.State.CANCELLED, run_machine.State.INTERRUPTED)
        taken = held is not None and run["state"] in gone and run["epoch"] > held["epoch"]
        # one that failed and is still held was stopped in Studio: its holder would have reported it first
        failed = (
            held is not None and run["state"] == run_machine.State.FAILED and run["epoch"] == held["epoch"]
        )
        if held is not None and (taken or failed):
            self._withdraw(team, Holding(run["id"], held["session_id"], held["epoch"]))
        over = run["state"] in run_machine.OVER
        if over and run["purpose"] == Purpose.RELEASE_CLEANUP and run["plan_id"] in team.open_plans:
            self._connections.spawn(self._plan_over(team, run["plan_id"]))

    async def _plan_over(self, team: LiveTeam, plan_id: str) -> None:
        """The plan's last run has ended. A team that was started for its plans ends with the last of them."""
        plan = await self.from_studio(team, f"plans/{plan_id}")
        if any(run["state"] in run_machine.LIVE for run in plan["runs"]) or plan_id not in team.open_plans:
            return
        team.open_plans.discard(plan_id)
        if not team.open_plans and not team.record.serves_all:
            self._connections.end_team(team, f"plan {plan['status']}")

    async def _tell_when_waiting(self, team: LiveTeam) -> None:
        """Nothing goes on in the team's plans before the operator decides: those who watch should know."""
        plans = [await self.from_studio(team, f"plans/{plan_id}") for plan_id in list(team.open_plans)]
        team.cards = {card["id"]: card for plan in plans for card in plan["decisions"]}
        asked = {card["run_id"] for card in team.cards.values()}
        # whose agent waits for leave works on nothing
        if any(_goes_on(run, team) and run["id"] not in asked for plan in plans for run in plan["runs"]):
            team.waits = frozenset()
            return
        if team.cards and team.cards.keys() != team.waits:
            team.happenings.add(
                "team.waiting", self._connections.clock.wall(), decisions=list(team.cards.values())
            )
        team.waits = frozenset(team.cards)

    def on_gap(self, key: str, channel: str) -> None:
        """A channel was joined, or something that was said on it is lost."""
        for team in self._teams(key):
            if channel == team.record.channel_name:
                self._connections.spawn(self.catch_up(team))
                self._connections.spawn(self._take_inbox(team))
            elif channel == channels.project(team.record.project):
                self._connections.planning.on_gap(team)
                self._connections.spawn(self.look_at_plans(team))

    def look_again(self, team: LiveTeam) -> None:
        """An event may be lost and nobody know of it, so from time to time it is not waited for."""
        if team.ending is not None:
            return
        if not team.comparing.locked():
            self._connections.spawn(self.catch_up(team))
        if not team.inbox.locked():
            self._connections.spawn(self._take_inbox(team))

    async def catch_up(self, team: LiveTeam) -> None:
        """Lay what Studio says this team holds beside what we know, and settle the difference.

        Only what was so before the question and is so after the answer counts: the rest is on its way.
        """
        if team.waits_to_compare:
            return  # whoever waits will see all that was missed until then
        team.waits_to_compare = True
        async with team.comparing:
            team.waits_to_compare = False
            before, waiting = team.holdings(), self._connections.reports.outbox.runs()
            rows = await self.from_studio(team, f"agent-sessions/{team.record.session}/spawn-queue")
            theirs = {Holding(row["id"], row["session_id"], row["epoch"]) for row in rows}
            for each in (before & team.holdings()) - theirs:
                self._withdraw(team, each)
            for each in theirs:
                await self._take_up(team, each, waiting)

    def _withdraw(self, team: LiveTeam, gone: Holding) -> None:
        """What Studio has taken back is worked on for nothing."""
        team.let_go(gone.run, gone.epoch)
        self._connections.courier.tell(team.record.lead, Withdraw(gone.run, gone.session, gone.epoch))

    async def _take_up(self, team: LiveTeam, given: Holding, waiting: Collection[str]) -> None:
        """A run Studio has handed to this team. `waiting` are those on which a report was on its way to it."""
        held = team.runs.get(given.run)
        if held is not None and held["epoch"] == given.epoch:
            # whoever was told may have died with it
            if given not in team.doing.values():
                self._connections.courier.tell(team.record.lead, Assign(held))
        elif not team.is_reported(given.run, given.epoch):
            await self._claim(team, given.session, given.run)
        elif given.run not in waiting and given.run not in self._connections.reports.outbox.runs():
            # the report is out and has ended nothing, so this must; if it came only now, this changes nothing
            self._connections.reports.interrupt(team, given.run, given.epoch)

    async def _take_inbox(self, team: LiveTeam) -> None:
        """Take to the channel what people said in Studio; it comes back through the mirror and is pending no longer."""
        async with team.inbox:
            for item in await self.from_studio(team, f"teams/{team.record.id}/inbox"):
                if team.ending is not None:
                    return
                try:
                    await self._connections.courier.insist(
                        team.record.channel, await self._allowed(team, item)
                    )
                except PeerGone:
                    return  # the team is over, or a new life will look again

    async def _allowed(self, team: LiveTeam, item: Mapping[str, Any]) -> Steer | ClearSteering | Say:
        """A directive that a hook denies is told as what somebody said, which steers nobody."""
        letter = _said(item)
        if isinstance(letter, Steer) and (denied := await self._connections.hooks.steered(team, letter.text)):
            return Say(letter.id, f"(no directive: a hook denies it: {denied}) {letter.text}")
        return letter

    async def from_studio(self, team: LiveTeam, path: str) -> Any:
        """As `Rest.get` of the team's project, however long its Studio is away."""
        pause = PATIENCE
        while True:
            try:
                return await self._rest(team).get(path)
            except (StudioUnavailable, Unauthenticated) as error:
                log.info("%s is asked for again: %s", path, error)
                pause = await _wait(pause)

    def _rest(self, team: LiveTeam) -> Rest:
        return self._connections.connection(team.record.key).rest

    async def look_at_plans(self, team: LiveTeam) -> None:
        """An event that ended a plan may have been missed."""
        for plan_id in list(team.open_plans):
            plan = await self.from_studio(team, f"plans/{plan_id}")
            cleanup = [run for run in plan["runs"] if run["purpose"] == Purpose.RELEASE_CLEANUP]
            if cleanup and all(run["state"] in run_machine.OVER for run in cleanup):
                await self._plan_over(team, plan_id)
        await self._tell_when_waiting(team)

    async def _claim(self, team: LiveTeam, session: str, run: str) -> None:
        pause = PATIENCE
        while team.ending is None:
            try:
                assignment: Assignment = await self._rest(team).post(
                    f"agent-sessions/{session}/run", {"run_id": run}
                )
            except (StudioUnavailable, Unauthenticated):
                pause = await _wait(pause)
            except MaestroError as error:
                log.info("run %s is not claimed: %s", run, error)
                return
            else:
                if team.ending is None and team.hold(assignment):
                    await self._serve(team, assignment["plan"]["id"])
                    self._connections.courier.tell(team.record.lead, Assign(assignment))
                return

    async def _serve(self, team: LiveTeam, plan_id: str) -> None:
        """A team without a plan of its own takes up each that it is given work of, and goes on when it is over."""
        # a run about the project is of no plan
        if plan_id and team.record.serves_all and plan_id not in team.record.plans:
            await self._connections.add_plan(team, plan_id)


def _goes_on(run: Mapping[str, Any], team: LiveTeam) -> bool:
    """Whether a run is live by itself. At a cap, what waits and what pauses without an end does so for a decision."""
    if not any(card["kind"] == "budget" for card in team.cards.values()):
        return run["state"] in run_machine.LIVE
    works = run["state"] in (run_machine.State.DISPATCHED, run_machine.State.RUNNING)
    return works or (run["state"] == run_machine.State.PAUSED and run["resume_at"] is not None)


async def _wait(pause: float) -> float:
    """Wait about as long as was said, for many ask the same Studio again; the next pause."""
    await asyncio.sleep(pause * (0.5 + random.random() / 2))  # noqa: S311 - jitter, no secret
    return min(pause * 2, LONGEST)


def _said(item: Mapping[str, Any]) -> Steer | ClearSteering | Say:
    """A row of the inbox as a letter to the channel."""
    match item["kind"]:
        case "directive":
            return Steer(item["id"], item["body"]["text"])
        case "cleared":
            return ClearSteering(item["id"], tuple(item["body"].get("directives", ())))
        case _:
            return Say(item["id"], item["body"]["text"])
