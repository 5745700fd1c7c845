"""A reporter: what a member says of its runs, to Studio as reports and to its team as messages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from maestro_ray import room
from maestro_ray.actors.mail import Courier
from maestro_ray.actors.messages import Post, Report, Spent, TeamSpec
from maestro_ray.actors.slot import CONNECTIONS
from maestro_ray.clock import Clock
from maestro_ray.errors import MaestroError

T = TypeVar("T")

# how long Studio's answer is waited for, in seconds; who asks asks again
ANSWER_WITHIN = 6.0

ALONE: Mapping[str, Any] = {"alone": True}


class Reporter:
    """Of the member `name` of a team."""

    def __init__(self, name: str, team: TeamSpec, courier: Courier, clock: Clock) -> None:
        self._name = name
        self._team = team
        self._courier = courier
        self._clock = clock

    def post(self, kind: str, **body: Any) -> None:
        """A message for the team; a channel that cannot write it down now is told again."""
        self._courier.assure(self._team.slots["channel"], Post(self._name, kind, body))

    async def report(self, assignment: Mapping[str, Any], action: str, body: Mapping[str, Any]) -> None:
        """Returns when the report is in the outbox: from then on it cannot be lost."""
        report = Report(assignment["id"], assignment["epoch"], action, body, self._team.project)
        await self._courier.insist(CONNECTIONS, report)

    async def pause(
        self, assignment: Mapping[str, Any], seconds: float, reason: str, more: Mapping[str, Any] = ALONE
    ) -> None:
        """Let everybody know, and wait. `more` is what else the report says."""
        resume_at = self._clock.wall() + seconds
        self.post("run.paused", run=assignment["id"], resume_at=resume_at, reason=reason)
        await self.report(assignment, "pause", {"resume_at": resume_at, **more})
        await asyncio.sleep(seconds)
        await self.report(assignment, "resume", {})

    async def spent(self, assignment: Mapping[str, Any], body: Mapping[str, Any]) -> Any:
        """One try to tell what a run has used; Studio's answer, or None."""
        message = Spent(assignment["id"], assignment["epoch"], body, self._team.project)
        answer = self._courier.tell(CONNECTIONS, message)
        await asyncio.wait([answer], timeout=ANSWER_WITHIN)
        return answer.result() if answer.done() and not answer.exception() else None

    async def wait(
        self,
        assignment: Mapping[str, Any],
        reason: str,
        more: Mapping[str, Any],
        over: Callable[[], Awaitable[bool]],
    ) -> None:
        """Let everybody know, and wait until it is `over`, however long."""
        self.post("run.paused", run=assignment["id"], resume_at=None, reason=reason)
        await self.report(assignment, "pause", {"resume_at": None, **more})
        while not await over():
            pass
        await self.report(assignment, "resume", {})
        self.post("run.resumed", run=assignment["id"])

    async def with_room(self, assignment: Mapping[str, Any], work: Callable[[], Awaitable[T]]) -> T:
        """Again and again while the disk takes nothing, each time after a pause."""
        while True:
            try:
                return await work()
            except (MaestroError, OSError) as error:
                if not (reason := room.missing(error)):
                    raise
                await self.pause(assignment, room.PAUSE, reason)
