"""Reports on their way through Connections: noted as the end of a run, put in the outbox, and what Studio refuses.

A report is a fact: it is in the journal before its sender is answered, and reaches Studio once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from maestro_ray.actors.ledger import Ledger
from maestro_ray.actors.live_team import LiveTeam
from maestro_ray.actors.messages import Post, Report
from maestro_ray.actors.outbox import Outbox, unreadable
from maestro_ray.actors.raising import REFUSED, refused
from maestro_ray.agent.sweep import sweep
from maestro_ray.ids import new_id
from maestro_ray.workspace.git import presentable

if TYPE_CHECKING:
    from maestro_ray.actors.connections import Connections

log = logging.getLogger(__name__)

# how long Studio's answer to what was spent is waited for, in seconds
ANSWER_WITHIN = 5.0
# why a run has failed whose own report nobody can read, and how long that may be, in characters
UNSENT, LONGEST_REASON = "its report cannot be sent", 2000


class Reports:
    """Those of every team of Connections."""

    def __init__(self, connections: Connections, ledger: Ledger) -> None:
        self._connections = connections
        self._ledger = ledger
        self.outbox = Outbox(ledger, connections.home.instance, self._post, self.refused)

    def recall(self) -> None:
        """What an earlier life was told has ended here, too."""
        for report in self._ledger.reports.values():
            self._note_end(report["action"], report["run"], report["epoch"])

    def put(self, report: Report) -> asyncio.Future[int]:
        """The future is done when the report cannot be lost any more. Raises `JournalBroken`."""
        self._note_end(report.action, report.run, report.epoch)
        return self.outbox.put(report)

    def interrupt(self, team: LiveTeam, run: str, epoch: int) -> None:
        """A fact like any other report: it reaches Studio once, and after what was reported before."""
        team.reported(run, epoch)
        self._connections.spawn(self._interrupt(team, run, epoch))

    def refused(self, report: Report, error: Exception) -> None:
        """Somebody else has the run now, or it is over: what was reported counts for nothing, and that is said.

        A report that Studio cannot even read is another matter: the run is still ours and must come to an end.
        """
        connections, reason = self._connections, presentable(str(error))
        log.warning("Studio does not take the report %s of run %s: %s", report.action, report.run, reason)
        if report.action == "permission":
            connections.answers.refused(report, reason)
        for team in self._concerned(report):
            if what := refused(report.action, report.body):
                body = {"run": report.run, report.action: what, "reason": reason}
                post = Post(team.record.bot, REFUSED[report.action], body, report.id)
                connections.courier.assure(team.record.channel, post)
            else:
                at = connections.clock.wall()
                team.happenings.add("report.refused", at, run=report.run, reason=reason)
        if unreadable(error) and (instead := _in_place_of(report, error)):
            self.outbox.put(instead)

    async def spent(self, project: str, run: str, body: Mapping[str, Any]) -> Any:
        """What Studio says to what a run has used. Raises what its call does; the next one says it all again."""
        async with asyncio.timeout(ANSWER_WITHIN):
            return await self._post(project, f"cli-runs/{run}/spent", body, "")

    def _note_end(self, action: str, run: str, epoch: int) -> None:
        if action in ("complete", "fail", "interrupt"):
            for team in self._connections.teams.values():
                team.reported(run, epoch)

    async def _interrupt(self, team: LiveTeam, run: str, epoch: int) -> None:
        await asyncio.to_thread(sweep, f"{self._connections.home.instance}:{team.record.id}:{run}")
        await self.outbox.put(Report(run, epoch, "interrupt", project=team.record.key))

    async def _post(self, project: str, path: str, body: Mapping[str, Any], key: str) -> Any:
        try:
            return await self._connections.connection(project).rest.post(path, body, key=key)
        finally:
            # once the outbox has noted it, this may have been the last for which the connection was there
            asyncio.get_running_loop().call_soon(self._connections.release, project)

    def _concerned(self, report: Report) -> list[LiveTeam]:
        """Whose run it is about; a new life may not know, and tells all of the project."""
        of_project = [team for team in self._connections.teams.values() if team.record.key == report.project]
        return [team for team in of_project if team.knows(report.run)] or of_project


def _in_place_of(report: Report, error: Exception) -> Report | None:
    """What is reported when this cannot be read: the run must come to an end, in words that can be, else in none."""
    again = str(report.body.get("reason", "")).startswith(UNSENT)
    if report.action not in ("complete", "fail"):
        return None
    if again:
        return replace(report, action="interrupt", body={}, id=new_id())
    body = {key: report.body[key] for key in ("retryable", "hold") if key in report.body}
    reason = f"{UNSENT}: {str(error)!a}"[:LONGEST_REASON]
    return replace(report, action="fail", body={**body, "reason": reason}, id=new_id())
