"""Hooking: a team's hooks at their events.

What they deny does not happen; what is wrong with one is told, and the team goes on. They run with the person's
rights, outside of any box, at the top of the repository that the team was started in: never in a worktree, where an
agent may have written what they would run. Each has a time limit and little room for its output. Whether one is
trusted is looked at each time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from maestro_ray.actors.messages import TeamSpec
from maestro_ray.actors.outcome import Outcome
from maestro_ray.agent.environment import allowed
from maestro_ray.agent.errand import run_errand
from maestro_ray.errors import BadFrame, MaestroError
from maestro_ray.extensions.hook_run import Ruling, run_hooks
from maestro_ray.extensions.trust import trusted
from maestro_ray.model.agent import PermissionAsked, ToolReturned
from maestro_ray.model.plain_text import one_line
from maestro_ray.model.verdict import read_verdict
from maestro_ray.ports import RunProgram
from maestro_ray.protocol import strictjson
from maestro_ray.redaction import Secrets, redact, redact_all

# `tell(kind, body)`: `hook.denied` and `hook.failed`
Tell = Callable[[str, Mapping[str, Any]], None]

# of calls of tools that wait for their hooks afterwards; what is more is left out, and that is said
WAITING = 100
# how long those that wait may take when their run has ended, in seconds, in all: the worker's next run waits for them
RUN_OVER = 20.0


class Hooking:
    """Of one member. `about` is what its events say beside their own: which run, for example."""

    def __init__(self, team: TeamSpec, member: str, tell: Tell, run: RunProgram = run_errand) -> None:
        self.about: Mapping[str, Any] = {}
        self._team = team
        self._member = member
        self._tell = tell
        self._run = run
        self._secrets = Secrets.of(team.env)
        # sentences that were told once: the same hook would say them at each event
        self._told: set[str] = set()
        self._after: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue(WAITING)
        self._following: asyncio.Task[None] | None = None

    def has(self, event: str) -> bool:
        """Whether there is any hook for it: most teams have none, and wait for nothing."""
        return any(
            each.value is not None and each.value.event == event for each in self._team.equipment.hooks
        )

    async def ask(self, event: str, **said: Any) -> str:
        """Run the hooks of an event; why it is denied, or an empty text. Raises nothing for what a hook does."""
        if not self.has(event):
            return ""
        about = {"team": self._team.name, "member": self._member, **self.about, **said}
        try:
            ruling = await self._ruled(event, redact_all(about, self._secrets))
        except (MaestroError, OSError) as error:
            self._report(event, f"the hooks could not be run: {error}")
            return ""
        for sentence in ruling.reports:
            self._report(event, sentence)
        if denied := redact(ruling.denied, self._secrets):
            self._tell("hook.denied", {"event": event, "reason": denied, **_run(self.about)})
        return denied

    async def ruling(self, question: PermissionAsked) -> str:
        """`PreToolUse`: why the agent may not use the tool that it asks leave for, or an empty text."""
        return await self.ask("PreToolUse", tool_name=question.tool, tool_input=_input(question))

    async def judged(self, outcome: Outcome, commit: str) -> Outcome:
        """`Verdict`: a review as it counts after its hooks. One that is denied counts as rejected, whatever it said."""
        output = str(outcome.body.get("result", {}).get("output", ""))
        verdict = read_verdict(output, commit)
        said = {"verdict": verdict.judgement.value, "reason": verdict.reason, "commit": commit}
        denied = await self.ask("Verdict", **said)
        if not denied or not verdict.approved:
            return outcome
        line = f"VERDICT: REJECTED \u2014 {one_line(denied)}"
        return Outcome.completed(outcome.summary, output=f"{output}\n{line}")

    def returned(self, result: ToolReturned) -> None:
        """`PostToolUse`, one after the other and beside the agent, which waits for none of it."""
        if not self.has("PostToolUse"):
            return
        said = {"tool_name": result.tool, "tool_ok": result.ok, "tool_output": result.detail}
        try:
            self._after.put_nowait(said)
        except asyncio.QueueFull:
            self._report(
                "PostToolUse", f"more than {WAITING} calls wait for it: it is not run for all of them"
            )
        if self._following is None or self._following.done():
            self._following = asyncio.get_running_loop().create_task(self._follow())

    async def rest(self) -> None:
        """The run has ended well or badly: those of `PostToolUse` that wait are run, as far as there is time."""
        if self._following is None:
            return
        _, late = await asyncio.wait([self._following], timeout=RUN_OVER)
        if late:
            self._report(
                "PostToolUse",
                f"{RUN_OVER:g} seconds after the end of a run it had not been run for all calls",
            )

    async def close(self) -> None:
        """The run is over, or was taken away: what has not been done is left out."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        while not self._after.empty():
            self._after.get_nowait()

    async def _follow(self) -> None:
        while not self._after.empty():
            await self.ask("PostToolUse", **self._after.get_nowait())

    async def _ruled(self, event: str, said: Mapping[str, Any]) -> Ruling:
        known = (
            await asyncio.to_thread(trusted, Path(self._team.state[0])) if self._team.state else frozenset()
        )
        return await run_hooks(
            self._team.equipment.hooks,
            event,
            said,
            run=self._run,
            known=known,
            cwd=Path(self._team.repo),
            env=allowed(self._team.env),
        )

    def _report(self, event: str, sentence: str) -> None:
        if sentence not in self._told:
            self._told.add(sentence)
            reason = redact(sentence, self._secrets)
            self._tell("hook.failed", {"event": event, "reason": reason, **_run(self.about)})


def _run(about: Mapping[str, Any]) -> dict[str, Any]:
    return {"run": about["run"]} if "run" in about else {}


def _input(question: PermissionAsked) -> dict[str, Any]:
    """What Claude's hooks look at: a command or a path by its name, anything else as it was said."""
    with contextlib.suppress(BadFrame):
        if isinstance(given := strictjson.parse(question.detail), dict):
            return given
    key = {"Bash": "command", "shell": "command", "run": "command"}.get(question.tool, "")
    if not key and question.detail.startswith("/"):
        key = "file_path"
    return {key or "detail": question.detail}
