"""What can be asked of Connections over the local line: one small method per JSON-RPC method."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from maestro_ray.actors.answers import KIND
from maestro_ray.actors.by_hand import all_by_hand, ended, meant, waits_for_a_person
from maestro_ray.actors.connections import Connections
from maestro_ray.actors.equipping import with_skills
from maestro_ray.actors.joining import joined
from maestro_ray.actors.knowledge import analyse, learn
from maestro_ray.actors.live_team import LiveTeam
from maestro_ray.actors.mail import PeerGone
from maestro_ray.actors.messages import ClearSteering, Directives, Roster, Steer
from maestro_ray.actors.params import Params, flag, path, text, texts, whole
from maestro_ray.actors.request import Asked, check
from maestro_ray.actors.start import start_team
from maestro_ray.actors.unanswered import Unanswered
from maestro_ray.connection.client import StudioClient
from maestro_ray.connection.line import Notify
from maestro_ray.connection.project import Connection
from maestro_ray.connection.trouble import Trouble, worst
from maestro_ray.errors import (
    Conflict,
    JournalBroken,
    MaestroError,
    NoTeam,
    NotFound,
    StudioRefused,
    Unauthenticated,
    UsageError,
)
from maestro_ray.model.skill import read_skills
from maestro_ray.workspace.remote import project_key
from maestro_ray.workspace.repo import Repo

# how long a channel may take to answer the operator, in seconds
CHANNEL_WITHIN = 15.0
# how long Studio may take to show that it is there, in seconds
STUDIO_WITHIN = 2.0
# how much of a team's record is in one answer, in bytes; a line holds eight times as much
PAGE = 1024 * 1024


class Service:
    """The methods, by their names on the wire."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._unanswered = Unanswered()
        self._methods: dict[str, Callable[[Params, Notify], Awaitable[Any]]] = {
            "team.start": self.team_start,
            "team.status": self.team_status,
            "team.stop": self.team_stop,
            "team.watch": self.team_watch,
            "team.logs": self.team_logs,
            "team.join": self.team_join,
            "team.leave": self.team_leave,
            "steer": self.steer,
            "steering.clear": self.steering_clear,
            "steering.list": self.steering_list,
            "task.list": self.task_list,
            "task.done": self.task_done,
            "status": self.status,
            "disconnect": self.disconnect,
            "decide.list": self.decide_list,
            "decide.answer": self.decide_answer,
            "project.learn": self.project_learn,
            "project.knowledge": self.project_knowledge,
            "project.analyse": self.project_analyse,
        }

    async def handle(self, method: str, params: Params, notify: Notify) -> Any:
        """The answer to one call. Raises `MaestroError`."""
        if (found := self._methods.get(method)) is None:
            raise NotFound("method", method)
        return await found(params, notify)

    # ── teams ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def team_start(self, params: Params, _notify: Notify) -> Any:
        try:
            asked = Asked(**params)
        except TypeError as error:
            raise UsageError(f"team.start: {error}") from error
        request = await asyncio.to_thread(check, asked, self._connections.home)
        # a person who leaves in the middle of it must not leave half a team
        return await asyncio.shield(self._connections.spawn(start_team(self._connections, request)))

    async def team_status(self, params: Params, _notify: Notify) -> Any:
        return await asyncio.gather(*(self._describe(team) for team in await self._chosen(params)))

    async def team_stop(self, params: Params, _notify: Notify) -> Any:
        teams = await self._chosen(params)
        if not teams:
            raise NoTeam
        await asyncio.gather(*(asyncio.shield(self._connections.end_team(team, "stopped")) for team in teams))
        return [{"id": team.record.id, "name": team.record.name, "result": team.result} for team in teams]

    async def team_watch(self, params: Params, notify: Notify) -> Any:
        """Notifications `team.event` from `after` on; the answer comes when the team is over."""
        team = await self._one(params, ended=True)
        now = team.happenings.last
        async for event in team.happenings.follow(whole(params, "after")):
            # what is past may be settled by now; only the newest of it says how things are
            await notify("team.event", {**event, "past": event["n"] < now})
            if event["n"] == now and event["kind"] != "team.waiting" and (waits := team.waiting()):
                # what was told after it is no sign that anything goes on
                await notify(
                    "team.event", {**event, "kind": "team.waiting", "decisions": waits, "past": False}
                )
        return team.result

    async def team_logs(self, params: Params, _notify: Notify) -> Any:
        """A page of what happened after `after`; `more` is whether there is another."""
        team = await self._one(params, ended=True)
        events, more = team.happenings.page(whole(params, "after"), PAGE)
        return {"team": team.record.name, "events": events, "more": more}

    async def team_join(self, params: Params, _notify: Notify) -> Any:
        """One more worker for a team that runs: `{role, name?, provider?, skills?, env}`."""
        team = await self._one(params)
        role, wanted = text(params, "role", "dev"), text(params, "name")
        env = params.get("env") or dict(team.env)
        asked = Asked(team.record.repo, {role: 1}, params.get("providers") or {}, env=env)
        request = await asyncio.to_thread(check, asked, self._connections.home)
        skills = {**request.skills.get(role, {}), **_skills(params)}
        own = request.equipment.outfit("", role)
        outfit, warnings = await asyncio.to_thread(
            with_skills, self._connections.home, request.repo.root, own, role, list(_skills(params))
        )
        join = joined(self._connections, team, wanted, role, skills, request.providers[role], outfit)
        return {**await asyncio.shield(self._connections.spawn(join)), "warnings": warnings}

    async def team_leave(self, params: Params, _notify: Notify) -> Any:
        """A worker leaves for good; what it was doing is queued for another."""
        team = await self._one(params)
        worker = text(params, "worker")
        if not any(each.name == worker for each in team.record.members):
            raise NotFound("worker", worker, "see `maestro team status`")
        await asyncio.shield(self._connections.spawn(self._connections.leave(team, worker)))
        return {"team": team.record.name, "worker": worker}

    # ── steering and decisions ───────────────────────────────────────────────────────────────────────────────────

    async def steer(self, params: Params, _notify: Notify) -> Any:
        words = text(params, "text").strip()
        if not words:
            raise UsageError("a directive needs words", 'for example: maestro steer "keep the public API"')
        teams = await self._chosen(params)
        if not teams:
            raise NoTeam
        for team in teams:
            if denied := await self._connections.hooks.steered(team, words):
                raise Conflict(f"a hook denies this directive: {denied}", "see `maestro hooks list`")
        with self._say(teams, f"steer {words}") as fresh:
            directive = text(params, "id") or fresh
            numbers = await asyncio.gather(
                *(self._ask_channel(team, Steer(directive, words)) for team in teams)
            )
        return {
            "id": directive,
            "text": words,
            "teams": [{"name": t.record.name, "number": n} for t, n in zip(teams, numbers, strict=True)],
        }

    async def steering_clear(self, params: Params, _notify: Notify) -> Any:
        teams = await self._chosen(params)
        with self._say(teams, "clear") as identifier:
            for team in teams:
                await self._ask_channel(team, ClearSteering(identifier))
        return {"teams": [team.record.name for team in teams]}

    async def steering_list(self, params: Params, _notify: Notify) -> Any:
        teams = await self._chosen(params)
        return {team.record.name: await self._ask_channel(team, Directives()) for team in teams}

    def _say(self, teams: Sequence[LiveTeam], words: str) -> AbstractContextManager[str]:
        ids = (team.record.id for team in teams)
        return self._unanswered.under(ids, words, self._connections.clock.monotonic())

    async def _ask_channel(self, team: LiveTeam, message: Any) -> Any:
        """A channel that is starting again is waited for; its memory is in its journal. So is a disk that is full.

        Raises `Conflict`, or `JournalBroken` when that is why.
        """
        why: list[Exception] = []
        try:
            async with asyncio.timeout(CHANNEL_WITHIN):
                return await self._connections.courier.insist(
                    team.record.channel, message, pause=0.1, told=why.append
                )
        except (TimeoutError, PeerGone) as error:
            if why and isinstance(why[-1], JournalBroken):
                raise why[-1] from error
            raise Conflict(
                f"the channel of {team.record.name} does not answer",
                "try again in a moment; the same words count once",
            ) from error

    async def decide_list(self, params: Params, _notify: Notify) -> Any:
        """`{cards, away}`: the open cards of one repository's project, or of every Studio that is in use.

        Each card has the title of its `plan` (empty when it is about none), the key of its `project` and the name of
        its `team`. `away` is `{studio, reason}` of each that did not answer; that of the one repository is raised.
        """
        if repo := path(params, "repo"):
            return {"cards": await self._cards_of(await self._key(repo)), "away": []}
        rests = self._connections.switchboard.rests()
        found = await asyncio.gather(*(self._cards(rest) for rest in rests), return_exceptions=True)
        # by id and by address: a person may be two identities at one Studio, and both see the same
        cards: dict[str, Any] = {}
        away: dict[str, Any] = {}
        for rest, some in zip(rests, found, strict=True):
            if isinstance(some, MaestroError):
                away[rest.url] = {"studio": rest.url, "reason": str(some)}
            elif isinstance(some, BaseException):
                raise some
            else:
                cards |= {card["id"]: card for card in some}
        return {"cards": list(cards.values()), "away": list(away.values())}

    async def _cards_of(self, key: str) -> list[dict[str, Any]]:
        rest = self._connections.switchboard.rest(key)
        projects = await rest.list("projects", key=key)
        return await self._cards(rest, project_id=projects[0]["id"]) if projects else []

    async def _cards(self, rest: StudioClient, **query: str) -> list[dict[str, Any]]:
        """The open cards of one Studio, each with what it is about in words."""
        cards = await rest.list("decisions", **query)
        plans = {
            each: await rest.get(f"plans/{each}") for each in {card["plan_id"] for card in cards} - {None}
        }
        projects = {
            each: await rest.get(f"projects/{each}") for each in {card["project_id"] for card in cards}
        }
        teams = {
            plan: team.record.name for team in self._connections.teams.values() for plan in team.record.plans
        }
        known = {team.record.id: team.record.name for team in self._connections.teams.values()}
        teams |= {each: known[plan["team_id"]] for each, plan in plans.items() if plan["team_id"] in known}
        return [
            {
                **card,
                "plan": plans[card["plan_id"]]["title"] if card["plan_id"] else "",
                "project": projects[card["project_id"]]["key"],
                "team": teams.get(card["plan_id"], ""),
            }
            for card in cards
        ]

    async def decide_answer(self, params: Params, _notify: Notify) -> Any:
        wanted, answer = text(params, "id"), text(params, "answer")
        # a Studio of an earlier version knows of no reason
        why = {"reason": reason} if (reason := text(params, "reason").strip()) else {}
        body = {"answer": answer, **why}
        rests = self._connections.switchboard.rests()
        found = await asyncio.gather(*(rest.list("decisions") for rest in rests), return_exceptions=True)
        cards: dict[str, list[tuple[StudioClient, dict[str, Any]]]] = {}
        for rest, some in zip(rests, found, strict=True):
            for card in [] if isinstance(some, BaseException) else some:
                if wanted and card["id"].endswith(wanted):
                    cards.setdefault(card["id"], []).append((rest, card))
        if len(cards) != 1:
            # it may lie at one that does not answer
            for failed in (each for each in found if isinstance(each, BaseException)):
                raise failed
            raise NotFound("open decision", wanted, "see `maestro decide --all`")
        (seen,) = cards.values()
        card = seen[0][1]
        if answer not in card["options"]:
            raise UsageError(f"{answer!r} is no answer to this card", f"one of: {', '.join(card['options'])}")
        return await _answered([rest for rest, _ in seen], card["id"], body)

    async def project_learn(self, params: Params, _notify: Notify) -> Any:
        key = await self._key(path(params, "repo"))
        return await learn(self._connections.switchboard.rest(key), key, params)

    async def project_knowledge(self, params: Params, _notify: Notify) -> Any:
        key = await self._key(path(params, "repo"))
        rest = self._connections.switchboard.rest(key)
        projects = await rest.list("projects", key=key)
        return await rest.list(f"projects/{projects[0]['id']}/knowledge") if projects else []

    async def project_analyse(self, params: Params, _notify: Notify) -> Any:
        key = await self._key(path(params, "repo"))
        return await analyse(self._connections.switchboard.rest(key), key, params)

    # ── runs that a person does ──────────────────────────────────────────────────────────────────────────────────

    async def task_list(self, params: Params, _notify: Notify) -> Any:
        return {"runs": [run for _, run in self._by_hand(await self._chosen(params))]}

    async def task_done(self, params: Params, _notify: Notify) -> Any:
        """The worker has taken it when this is answered."""
        team, run = meant(self._by_hand(await self._chosen(params)), text(params, "id"))
        reject = text(params, "reject") if params.get("reject") is not None else None
        message = ended(run, flag(params, "approve"), reject)
        slot = team.record.slots[run["worker"]]
        try:
            async with asyncio.timeout(CHANNEL_WITHIN):
                await self._connections.courier.tell(slot, message)
        except (TimeoutError, PeerGone) as error:
            raise Conflict(f"{run['worker']} does not answer", "try again in a moment") from error
        return {"run": run}

    def _by_hand(self, teams: Sequence[LiveTeam]) -> list[tuple[LiveTeam, dict[str, Any]]]:
        return all_by_hand(teams, self._connections.home.worktrees)

    # ── the whole ────────────────────────────────────────────────────────────────────────────────────────────────

    async def status(self, _params: Params, _notify: Notify) -> Any:
        connections = self._connections
        blank = sum(1 for place in connections.pool.all() if not place.team and place.pid)
        return {
            "studio": {"url": connections.studio.url, **_shown(await self._own_trouble())},
            "connections": [self._connection(each) for each in connections.switchboard],
            "outbox": len(connections.reports.outbox),
            "pool": {"blank": blank, "size": connections.pool.size},
            # beside each other: one of them may be about a Studio that hangs
            "teams": await asyncio.gather(*(self._describe(team) for team in connections.teams.values())),
        }

    async def _own_trouble(self) -> Trouble:
        """Of the Studio of this machine: what its connections say, and when there are none what it answers."""
        studio = self._connections.studio
        open_now = [each for each in self._connections.switchboard if each.login.url == studio.url]
        if open_now:
            return worst(each.trouble for each in open_now)
        try:
            async with asyncio.timeout(STUDIO_WITHIN):
                await studio.get("me")
        except Unauthenticated:
            return Trouble.SIGNED_OUT
        except (MaestroError, TimeoutError):
            return Trouble.AWAY
        return Trouble.NONE

    def _connection(self, connection: Connection) -> dict[str, Any]:
        slot = self._connections.switchboard.slot_of(connection.key)
        place = self._connections.pool.get(slot) if slot else None
        return {
            "project": connection.key,
            "studio": connection.login.url,
            **_shown(connection.trouble),
            "pid": place.pid if place else os.getpid(),
        }

    async def disconnect(self, params: Params, _notify: Notify) -> Any:
        """End the sessions of one project, or of all."""
        teams = list(self._connections.teams.values()) if flag(params, "all") else await self._chosen(params)
        await asyncio.gather(
            *(asyncio.shield(self._connections.end_team(team, "disconnected")) for team in teams)
        )
        return {"teams": [team.record.name for team in teams]}

    # ── choosing and describing ──────────────────────────────────────────────────────────────────────────────────

    async def _chosen(self, params: Params, *, ended: bool = False) -> list[LiveTeam]:
        """The teams meant: by name or id, else those of the repository, else all."""
        known = [*self._connections.teams.values(), *(self._connections.ended.values() if ended else ())]
        if name := text(params, "team"):
            found = [team for team in known if name in (team.record.id, team.record.name)]
            if not found:
                raise NotFound("team", name, "see `maestro status`")
            return found
        if repo := path(params, "repo"):
            return await self._of_repo(known, repo)
        return known

    async def _of_repo(self, known: list[LiveTeam], repo: str) -> list[LiveTeam]:
        """A repository that was broken since its team began still has that team."""
        try:
            # to ask git costs more than all the rest of a directive
            keys = (team.record.key for team in known if team.record.repo == repo)
            key = next(keys, "") or await self._key(repo)
        except MaestroError:
            if found := [team for team in known if Path(repo).is_relative_to(team.record.repo)]:
                return found
            raise
        return [team for team in known if team.record.key == key]

    async def _one(self, params: Params, *, ended: bool = False) -> LiveTeam:
        living = await self._chosen(params) if not params.get("team") else []
        teams = living or await self._chosen(params, ended=ended)
        if not teams:
            raise NoTeam
        if len(living) > 1:
            names = ", ".join(team.record.name for team in living)
            raise Conflict(f"several teams run here: {names}", "name the one you mean")
        return teams[-1]

    async def _key(self, repo: str) -> str:
        def find() -> str:
            return project_key(Repo.open(Path(repo)), self._connections.home.machine_id())

        return await asyncio.to_thread(find)

    async def _describe(self, team: LiveTeam) -> dict[str, Any]:
        """The team as it really is: what the lead says, and when each member last showed that it lives."""
        connections, record = self._connections, team.record
        try:
            async with asyncio.timeout(connections.config.lease):
                roster = await connections.courier.tell(record.lead, Roster())
        except Exception:  # noqa: BLE001 - a lead that cannot answer now is a state to show, not an error
            roster = {"state": "lead does not answer", "workers": {}}
        plans = []
        for plan_id in record.plans:
            try:
                async with asyncio.timeout(STUDIO_WITHIN):
                    plan = await connections.connection(record.key).rest.get(f"plans/{plan_id}")
            except (MaestroError, TimeoutError):
                continue
            done = sum(1 for task in plan["tasks"] if task["finished_at"])
            plans.append(
                {
                    key: plan[key]
                    for key in ("id", "title", "status", "waiting", "base_branch", "epic_branch", "test")
                }
                | {"done": done, "tasks": len(plan["tasks"]), "decisions": plan["decisions"]}
            )
        return {
            "id": record.id,
            "name": record.name,
            "project": record.key,
            "repo": record.repo,
            "state": "draining" if team.ending else roster["state"],
            "started_at": record.started_at,
            "goal": record.goal.text if record.goal else "",
            "plans": plans,
            "notes": await connections.hooks.notes(team),
            "budget": await self._budget(team),
            "workers": [
                self._member(team, member, roster["workers"].get(member, {}), plans)
                for member in record.slots
            ],
        }

    async def _budget(self, team: LiveTeam) -> Any:
        """What the team has used, of how much; empty while its Studio does not say."""
        record = team.record
        try:
            async with asyncio.timeout(STUDIO_WITHIN):
                return (await self._connections.connection(record.key).rest.get(f"teams/{record.id}"))[
                    "budget"
                ]
        except (MaestroError, TimeoutError):
            return {}

    def _member(
        self, team: LiveTeam, member: str, told: dict[str, Any], plans: Sequence[dict[str, Any]]
    ) -> dict[str, Any]:
        place = self._connections.pool.get(team.record.slots[member])
        beat = place.beat if place else None
        age = None if beat is None else round(self._connections.clock.monotonic() - beat, 2)
        held = next(
            (run for run in team.runs.values() if team.record.member_of(run["session_id"]) == member), None
        )
        return {
            "name": member,
            "role": told.get("role", member),
            "pid": place.pid if place else 0,
            "node": place.node if place else "",
            "state": "up" if member in team.beaten else "down",
            "lease_age": age,
            "silent": self._connections.silences.of(team).get(member),
            "run": held
            and {
                "id": held["id"],
                "purpose": held["purpose"],
                "task": held["task"]["title"] if held["task"] else held["plan"]["title"],
            },
            "by_hand": held and waits_for_a_person(team, held, self._connections.home.worktrees),
            "waits": held and self._waits(held["id"], plans),
        }

    def _waits(self, run: str, plans: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
        """The question of this run's agent that nobody has answered, and since how long, in seconds."""
        for card in (card for plan in plans for card in plan["decisions"]):
            if card["kind"] == KIND and card["run_id"] == run:
                age = round(self._connections.clock.wall() - card["created_at"], 1)
                return {"for": KIND, "decision": card["id"], "question": card["question"], "age": age}
        return None


def _shown(trouble: Trouble) -> dict[str, Any]:
    return {"connected": not trouble, "trouble": trouble.value}


async def _answered(rests: Sequence[StudioClient], card: str, body: Mapping[str, str]) -> Any:
    """The card with its answer, by the first of these identities that may give one. Raises what the last one raised."""
    for rest in rests[:-1]:
        try:
            return await rest.post(f"decisions/{card}/answer", body)
        except StudioRefused as refused:
            if refused.args[0] != 403:
                raise
    return await rests[-1].post(f"decisions/{card}/answer", body)


def _skills(params: Params) -> dict[str, int]:
    try:
        return read_skills(texts(params, "skills"))
    except ValueError as bad:
        raise UsageError(f"skills: {bad}", "for example python or python:4") from None
