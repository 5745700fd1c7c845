"""Who in the teams of Connections has said nothing for long: shown to those who watch, told to the team in a digest.

It costs no agent a word: what they say passes here anyway.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from maestro_ray.actors.live_team import LiveTeam
from maestro_ray.actors.messages import Digest, Text
from maestro_ray.journal import Entry
from maestro_ray.model.silence import Silence

if TYPE_CHECKING:
    from maestro_ray.actors.connections import Connections

log = logging.getLogger(__name__)

# how often it is looked at, in seconds, or oftener where a shorter silence counts
EVERY = 5.0


class Silences:
    """Those of every team of Connections. `look` says all that is to be said at a moment."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._after = connections.config.silence
        self._teams: dict[str, Silence] = {}
        # how long each silence was when watchers were told of it, by team and worker
        self._shown: dict[tuple[str, str], tuple[float, float]] = {}

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(min(EVERY, self._after / 4))
            try:
                self.look()
            except Exception:
                log.exception("looking for the silent")

    def heard(self, team: LiveTeam, entries: Iterable[Entry], texts: Iterable[Text]) -> None:
        """What came from the team's channel."""
        silence, now = self._of(team), self._connections.clock.monotonic()
        for entry in entries:
            if entry.kind == "run.paused":
                silence.rests(entry.sender, str(entry.body.get("run", "")))
            elif entry.kind == "run.resumed":
                # it may hang from here on as well as from its beginning
                silence.heard(entry.sender, "", now)
        for text in texts:
            silence.heard(text.worker, text.text, now, text.run)

    def look(self) -> None:
        teams, now = self._connections.teams, self._connections.clock.monotonic()
        for gone in self._teams.keys() - teams.keys():
            del self._teams[gone]
        self._shown = {key: value for key, value in self._shown.items() if key[0] in teams}
        for team in teams.values():
            if team.ending is None:
                self._look_at(team, now)

    def of(self, team: LiveTeam) -> Mapping[str, Mapping[str, Any]]:
        """`{seconds, last}` of each who is silent now."""
        now = self._connections.clock.monotonic()
        return {
            worker: {"seconds": round(now - quiet.since, 1), "last": quiet.last}
            for worker, quiet in self._of(team).silent(now).items()
        }

    def _look_at(self, team: LiveTeam, now: float) -> None:
        silence = self._of(team)
        silence.works(_working(team), now)
        for worker, quiet in silence.silent(now).items():
            self._show(team, worker, quiet.since, quiet.last, now)
        everybody = [each.name for each in team.record.members]
        if text := silence.digest(everybody, now):
            self._connections.courier.tell(team.record.lead, Digest(text, sorted(silence.silent(now))))

    def _show(self, team: LiveTeam, worker: str, since: float, last: str, now: float) -> None:
        """At first, and each time the silence has become twice as long."""
        seconds, key = now - since, (team.record.id, worker)
        before = self._shown.get(key)
        if before is None or before[0] != since or seconds >= 2 * before[1]:
            self._shown[key] = since, seconds
            wall = self._connections.clock.wall()
            team.happenings.add("worker.silent", wall, worker=worker, seconds=round(seconds, 1), last=last)

    def _of(self, team: LiveTeam) -> Silence:
        return self._teams.setdefault(team.record.id, Silence(self._after))


def _working(team: LiveTeam) -> dict[str, str]:
    """Members whose agent is at work, with their run. What a lead does in git says nothing by nature."""
    found = {team.record.member_of(session): held.run for session, held in team.doing.items()}
    if team.record.goal is None or team.record.plans:
        found.pop("lead", None)
    found.pop("", None)
    return found
