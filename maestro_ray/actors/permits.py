"""Permits: what one worker's agents ask leave for: ruled by a hook, by the role's policy, or by a person.

Whoever rules, it is reported before the agent is answered. A question for a person waits as long as that takes; while
it waits, Connections is asked from time to time whether the answer was missed.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maestro_ray.actors.mail import Courier, PeerGone
from maestro_ray.actors.messages import Answer, Asking, BeWorker
from maestro_ray.actors.recent import Recent
from maestro_ray.actors.reporter import Reporter
from maestro_ray.actors.slot import CONNECTIONS
from maestro_ray.actors.threads import in_thread
from maestro_ray.agent import sandbox
from maestro_ray.errors import NoSandbox
from maestro_ray.ids import new_id
from maestro_ray.model.agent import PermissionAsked
from maestro_ray.model.command_line import UNKNOWN, commands
from maestro_ray.model.permission import (
    NOWHERE,
    Place,
    Policy,
    Question,
    Ruling,
    Situation,
    Tool,
    kind_of,
    policy,
    written_by,
)
from maestro_ray.model.plain_text import exposed
from maestro_ray.ports import Job
from maestro_ray.redaction import Secrets, redact

log = logging.getLogger(__name__)

# seconds between two looks for an answer that nobody has told
LOOK_AGAIN = 5.0
# of a command, in characters: what a card holds, and what a message to the team shows
LONGEST_COMMAND, SHOWN = 100_000, 300
REMEMBERED = 1000

Hook = Callable[[PermissionAsked], Awaitable[str]]


async def no_hook(_question: PermissionAsked) -> str:
    """Nobody has anything against it."""
    return ""


@dataclass(frozen=True)
class _Turn:
    assignment: Mapping[str, Any]
    number: int
    policy: Policy
    place: Place


class Permits:
    """Of one worker. `ruling`, if there is one, is asked before the policy: an empty text, or why not."""

    def __init__(self, part: BeWorker, courier: Courier, reporter: Reporter) -> None:
        self.ruling: Hook | None = None
        self._part = part
        self._courier = courier
        self._reporter = reporter
        self._secrets = Secrets.of(part.team.env)
        self._turns = self._questions = 0
        # the next process of this worker counts from the beginning, maybe in the same epoch of the same run
        self._life = new_id()
        self._turn: _Turn | None = None
        # questions that wait for a person, by run, epoch and request; and those that wait no longer
        self._open: dict[tuple[str, int, str], asyncio.Future[Answer]] = {}
        self._over: Recent[tuple[str, int, str], bool] = Recent(REMEMBERED)
        # what was allowed for a whole run: run, tool and hash
        self._standing: Recent[tuple[str, str, str], str] = Recent(REMEMBERED)

    async def begin(self, assignment: Mapping[str, Any], job: Job) -> Job:
        """A turn of this job follows; the job with what its agent must ask about."""
        self._turns += 1
        # of turns that were cut; Studio knows that nobody waits there
        for key in list(self._open):
            self._open.pop(key).cancel()
        boxed = await in_thread(_boxed, self._part.team.sandbox.mode)
        rules = policy(self._part.provider.permissions, Situation(job.purpose, boxed, job.test))
        tops = (str(job.worktree), str(job.worktree.resolve()))
        place = Place(tuple(dict.fromkeys(tops)), self._part.team.env.get("HOME") or "/")
        self._turn = _Turn(assignment, self._turns, rules, place)
        return replace(job, asks=rules.asks, refuses=rules.refuses)

    async def permit(self, question: PermissionAsked) -> str:
        """An empty text gives leave; any other says why not."""
        turn = self._turn
        if turn is None:
            return "the turn is over"
        try:
            return await self._ruled(turn, question)
        except PeerGone:
            return "the team is over"

    async def end(self) -> None:
        """The turn is over and its run goes on: what its agent has asked needs no answer any more."""
        turn, self._turn = self._turn, None
        for key in list(self._open) if turn else ():
            assert turn is not None
            self._open.pop(key).cancel()
            self._over[key] = False
            await self._reporter.report(
                turn.assignment, "permission", {"request": key[2], "ruling": "withdrawn"}
            )

    def answered(self, answer: Answer) -> None:
        """A person has answered, or the question was closed. One that comes too late is told to the team."""
        key = (answer.run, answer.epoch, answer.request)
        if (waiting := self._open.pop(key, None)) is not None:
            self._over[key] = True
            if not waiting.done():
                waiting.set_result(answer)
        elif self._over.get(key) is False and answer.word != "superseded":
            self._over[key] = True
            self._reporter.post("permission.late", run=answer.run, answer=answer.word)

    async def _ruled(self, turn: _Turn, question: PermissionAsked) -> str:
        asked = self._shown(turn, question)
        if refusal := await (self.ruling or no_hook)(question):
            await self._report(turn, asked, Ruling.DENY, "a hook", redact(refusal, self._secrets))
            return refusal
        about = await in_thread(_really, question, turn.place)
        decision = turn.policy.decide(Question(question.tool, question.detail, about), turn.place)
        standing = self._standing.get((turn.assignment["id"], question.tool, asked["hash"]))
        if decision.ruling is Ruling.ASK and standing is None:
            return await self._wait(turn, asked, decision.why)
        ruling = Ruling.ALLOW if decision.ruling is Ruling.ASK else decision.ruling
        by = standing if decision.ruling is Ruling.ASK and standing else "policy"
        await self._report(turn, asked, ruling, by, decision.why)
        if ruling is Ruling.ALLOW:
            return ""
        self._reporter.post("permission.denied", **self._news(turn, asked), reason=decision.why)
        return f"this is not allowed here: {decision.why}"

    async def _wait(self, turn: _Turn, asked: dict[str, Any], why: str) -> str:
        run, epoch = turn.assignment["id"], turn.assignment["epoch"]
        key = (run, epoch, asked["request"])
        waiting = self._open[key] = asyncio.get_running_loop().create_future()
        await self._report(turn, asked, Ruling.ASK, "policy", why)
        self._reporter.post("permission.asked", **self._news(turn, asked))
        slot = self._part.team.slots[self._part.name]
        while True:
            try:
                async with asyncio.timeout(LOOK_AGAIN):
                    answer = await asyncio.shield(waiting)
                break
            except TimeoutError:
                self._courier.tell(
                    CONNECTIONS, Asking(slot, run, epoch, asked["request"], self._part.team.project)
                )
        word, reason = answer.word, answer.reason
        self._reporter.post("permission.answered", **self._news(turn, asked), answer=word, reason=reason)
        if word == "allow-run":
            self._standing[run, asked["tool"], asked["hash"]] = "an answer for the whole run"
        if word in ("allow", "allow-run"):
            return ""
        return f"the operator says no{': ' if reason else ''}{reason}" if word == "deny" else answer.reason

    async def _report(self, turn: _Turn, asked: Mapping[str, Any], ruling: str, by: str, why: str) -> None:
        body = {**asked, "ruling": str(ruling), "by": by, "why": why[:2000]}
        await self._reporter.report(turn.assignment, "permission", body)

    def _shown(self, turn: _Turn, question: PermissionAsked) -> dict[str, Any]:
        """What is written down of it: the hash of exactly what would be done, and that for people, without secrets.

        Each question has a name of our own: agents use theirs again, and an answer is for one question alone.
        """
        self._questions += 1
        text = exposed(redact(question.detail, self._secrets))
        if len(text) > LONGEST_COMMAND:
            half = LONGEST_COMMAND // 2
            text = f"{text[:half]}\n⟦{len(text) - 2 * half} characters are left out⟧\n{text[-half:]}"
        return {
            "request": f"{self._life}.{turn.number}.{self._questions}",
            "tool": exposed(question.tool)[:200],
            "command": text,
            "hash": hashlib.sha256(question.detail.encode(errors="surrogatepass")).hexdigest(),
            "length": len(question.detail),
            "agent": self._part.provider.kind,
        }

    def _news(self, turn: _Turn, asked: Mapping[str, Any]) -> dict[str, Any]:
        short = str(asked["command"])[:SHOWN]
        return {"run": turn.assignment["id"], "tool": asked["tool"], "command": short, "hash": asked["hash"]}


def _boxed(mode: str) -> bool:
    try:
        return bool(sandbox.layer(mode))
    except NoSandbox:
        return True  # its program will not be started


def _really(question: PermissionAsked, place: Place) -> tuple[str, ...]:
    """The paths it names, and where links lead: a rule about either counts."""
    kind = kind_of(question.tool)
    if kind is Tool.SHELL:
        written = [path for path in written_by(commands(question.detail) or ()) if UNKNOWN not in path]
        files = [path for path in written if path not in NOWHERE]
        return tuple(_real(Path(place.worktrees[0]), place.home, path) for path in files)
    if kind not in (Tool.EDIT, Tool.READ):
        return question.about
    found = question.about or (() if question.detail[:1] in ("", "{") else (question.detail,))
    real = [_real(Path(place.worktrees[0]), place.home, each) for each in found]
    return tuple(dict.fromkeys([*found, *real]))


def _real(worktree: Path, home: str, path: str) -> str:
    spelled = home + path[1:] if path == "~" or path.startswith("~/") else path
    try:
        return str((worktree / spelled).resolve())
    except (OSError, ValueError, RuntimeError):
        return path
