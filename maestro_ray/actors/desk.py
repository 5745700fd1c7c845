"""The desk of one run: what its agent can ask of its team with maestro's own MCP server, and how often.

Who speaks is known from the line it comes over: this worker, in this run. What is posted is a message like any other;
it can be no directive and no verdict, and whoever reads it is shown it quoted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from maestro_ray.actors.mail import Courier, PeerGone
from maestro_ray.actors.messages import PlanTasks, Post, Recall, TeamSpec
from maestro_ray.actors.proposals import Proposed
from maestro_ray.actors.raising import tell
from maestro_ray.actors.reporter import Reporter
from maestro_ray.actors.slot import CONNECTIONS
from maestro_ray.clock import Clock
from maestro_ray.errors import Conflict, UsageError
from maestro_ray.journal import WHOLE, Entry
from maestro_ray.model.plain_text import one_line, visible
from maestro_ray.model.raised import read_blocker, read_question, refusal
from maestro_ray.redaction import Secrets, redact, redact_all

T = TypeVar("T")
Read = Callable[[Mapping[str, Any]], Mapping[str, Any]]

YES_OR_NO = ("yes", "no")

# characters of what an agent says at once, and of what it is shown at once
LONGEST, SHOWN = 4_000, 24_000
# messages it is shown at once
MOST = 100
# of each kind of call, in a run and in a minute
PER_RUN, PER_MINUTE = 500, 60
# how long its team may take to answer, in seconds
PATIENCE = 15.0

# what of a message is worth reading, the first that there is
_WORDS = ("text", "question", "summary", "reason", "title", "subtask")


class Desk:
    """Every method answers with the text that the agent reads. Raises `UsageError`, and `Conflict` when the team does
    not answer."""

    def __init__(
        self,
        name: str,
        team: TeamSpec,
        assignment: Mapping[str, Any],
        courier: Courier,
        reporter: Reporter,
        clock: Clock,
    ) -> None:
        self._name = name
        self._team = team
        self._assignment = assignment
        self._courier = courier
        self._reporter = reporter
        self._clock = clock
        self._secrets = Secrets.of(team.env)
        self._calls: dict[str, list[float]] = {}
        self._counts: dict[str, int] = {}

    async def post(self, text: str) -> str:
        self._allow("team_post")
        body = {"run": self._assignment["id"], "epoch": self._assignment["epoch"], "text": self._sound(text)}
        post = Post(self._name, "post", body)
        number = await self._soon(self._courier.insist(self._team.slots["channel"], post, pause=0.2))
        return f"posted as #{number}"

    async def read(self, after: int) -> str:
        self._allow("team_read")
        recall = Recall(max(0, after), MOST)
        entries: Sequence[Entry] = await self._soon(self._courier.tell(self._team.slots["channel"], recall))
        if not entries:
            return f"nothing was said after #{max(0, after)}"
        return _bounded([(each.number, self._shown(each)) for each in entries if each.kind != WHOLE])

    async def tasks(self) -> str:
        self._allow("task_list")
        asked = PlanTasks(self._team.project, self._assignment["plan"]["id"])
        found: Sequence[Mapping[str, Any]] = await self._soon(self._courier.tell(CONNECTIONS, asked))
        mine = self._assignment["task"]["id"] if self._assignment["task"] else ""
        lines = [
            f"- {one_line(str(each['key']))} [{one_line(str(each['status']))}] {one_line(str(each['title']))}"
            f" ({one_line(str(each['role']))}){' <- yours' if each['id'] == mine else ''}"
            for each in redact_all(list(found), self._secrets)
        ]
        return "\n".join(lines)[:SHOWN] or "the plan has no tasks"

    async def report_blocker(self, reason: str) -> str:
        await self._raise("report_blocker", "blocker", read_blocker, {"text": self._sound(reason)})
        return "reported: the operator is shown it. Go on with what you can, or end your turn and say why"

    async def request_decision(self, question: str, options: Sequence[str]) -> str:
        values = {"question": self._sound(question), "options": [*map(self._sound, options or YES_OR_NO)]}
        await self._raise("request_decision", "decision", read_question, values)
        return "asked. The answer comes in a later turn: go on with what seems best meanwhile"

    async def _raise(self, tool: str, action: str, read: Read, values: Mapping[str, Any]) -> None:
        """As if the agent had written a line `MAESTRO:BLOCKER` or `MAESTRO:DECISION`."""
        try:
            proposed = Proposed(read(values), action)
        except ValueError as bad:
            raise UsageError(str(bad), "") from None
        if reason := refusal(self._counts.get(tool, 0), f"{action}s"):
            raise UsageError(reason, "")
        self._allow(tool)
        if work := tell(self._reporter, self._assignment, proposed, self._secrets):
            await self._soon(work)

    def _allow(self, tool: str) -> None:
        """Raises `UsageError` for one call too many."""
        now = self._clock.monotonic()
        lately = self._calls[tool] = [at for at in self._calls.get(tool, ()) if now - at < 60]
        if self._counts.get(tool, 0) >= PER_RUN:
            raise UsageError(f"{tool} was used {PER_RUN} times in this run, and that is enough", "")
        if len(lately) >= PER_MINUTE:
            raise UsageError(
                f"{tool} was used {PER_MINUTE} times within a minute",
                f"wait {60 - now + lately[0]:.0f} seconds",
            )
        lately.append(now)
        self._counts[tool] = self._counts.get(tool, 0) + 1

    def _sound(self, text: str) -> str:
        """Without secrets, and without what no database holds."""
        if len(text) > LONGEST:
            raise UsageError(f"that has {len(text)} characters, and {LONGEST} are allowed", "say it shorter")
        return redact("".join(c for c in text if c != "\0" and not "\ud800" <= c <= "\udfff"), self._secrets)

    def _shown(self, entry: Entry) -> str:
        """Each line of what somebody said is quoted: none of it can pass for maestro's own words."""
        words = next((str(entry.body[key]) for key in _WORDS if entry.body.get(key)), "")
        lines = redact(words, self._secrets).splitlines()
        head = f"#{entry.number} {one_line(entry.sender) or 'maestro'} {one_line(entry.kind)}"
        return "\n".join([head, *(f"> {visible(line)}" for line in lines)])

    async def _soon(self, work: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(PATIENCE):
                return await work
        except (TimeoutError, PeerGone):
            raise Conflict("the team does not answer now", "try again in a moment") from None


def _bounded(shown: Sequence[tuple[int, str]]) -> str:
    """The oldest, as many as fit, and how to read on."""
    told: list[str] = []
    size = 0
    for number, text in shown:
        size += len(text)
        if told and size > SHOWN:
            return "\n".join([*told, f"there is more: ask with after={number - 1}"])
        told.append(text[:SHOWN])
    last = shown[-1][0] if shown else 0
    return "\n".join([*told, f"that is all; what comes later is read with after={last}"])
