"""The scripted provider: a real process that plays a TOML script, for the demo, the docs and the tests."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from maestro_ray.errors import BadProvider
from maestro_ray.model.agent import (
    AgentEvent,
    DirectiveTaken,
    Failed,
    Finished,
    PermissionAsked,
    RateLimited,
    Retrying,
    Said,
    SessionNamed,
    ToolCalled,
    ToolReturned,
    UsageCounted,
)
from maestro_ray.model.steering import How
from maestro_ray.ports import Job, Launch, ProviderSpec
from maestro_ray.providers.output import Bounded, Lines, clean, without_verdict
from maestro_ray.providers.script import Step, parse_script
from maestro_ray.providers.template import environment, prompt_file

LONGEST_LINE = 1_024 * 1_024
_AGENT = Path(__file__).with_name("scripted_agent.py")


def located(spec: ProviderSpec, directory: Path) -> ProviderSpec:
    """The same with an absolute path of the script."""
    return replace(spec, arg=str(directory.absolute() / Path(spec.arg).expanduser())) if spec.arg else spec


class Scripted:
    """`spec.arg` is the script's path, read at once. Raises `BadProvider`, or `ConfigError` with line and column."""

    asks = True

    def __init__(self, spec: ProviderSpec) -> None:
        if not spec.arg:
            raise BadProvider("scripted", "it needs a script: scripted:FILE.toml")
        self._spec = spec
        try:
            text = Path(spec.arg).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadProvider(f"scripted:{spec.arg}", f"the script cannot be read: {error}") from None
        self._script = parse_script(text, spec.arg)

    def check(self, path: str, role: str) -> None:
        """Nothing can be missing: it runs under this very Python."""

    def environment(self) -> Sequence[str]:
        return self._spec.env

    @property
    def account(self) -> str:
        return ""

    def open(self, job: Job) -> ScriptedTurn:
        """The first turn that matches; when none does, the turn fails and says so."""
        for index, turn in enumerate(self._script.turns):
            if turn.matches(job):
                return ScriptedTurn(job, turn.steps, index, self._script.steering)
        reason = (
            f"no turn of {self._spec.arg} is for task {job.key!r}, purpose {job.purpose!r}, "
            f"revision {job.revision}, attempt {job.attempt}"
        )
        return ScriptedTurn(job, (Step("fail", reason, {"retryable": False}),), -1)


class ScriptedTurn:
    """One turn. Its closing text is what it said; the output of programs in it can hold no verdict.

    A rate limit ends the turn as it ends a real agent's: `RateLimited`, then `Failed`. Its session is the run: opened
    again with that to resume, it goes on with the step after the rate limit, or with the one in which it was cut.
    """

    def __init__(self, job: Job, steps: tuple[Step, ...], index: int, steering: How = How.IN_TURN) -> None:
        self._steering = steering
        self._lines = Lines(LONGEST_LINE)
        self._whole = Bounded()
        self._end: Finished | Failed | None = None
        turn = {
            "worktree": str(job.worktree),
            "memory": str(job.scratch / "scripted.json"),
            "turn": f"{index}/{job.run}/{job.revision}/{job.attempt}",
            "resume": bool(job.resume),
            "session": job.run,
            "steps": [(step.do, step.value, dict(step.options)) for step in steps],
        }
        self._launch = Launch(
            (sys.executable, "-I", "-S", str(_AGENT)),
            env=environment(job),
            stdin=_line(turn),
            keep_stdin=True,
            files={prompt_file(job): job.prompt.encode(errors="replace")},
        )

    @property
    def launch(self) -> Launch:
        return self._launch

    @property
    def steering(self) -> How:
        return self._steering

    def feed(self, data: bytes) -> list[AgentEvent]:
        return [event for text, _ in self._lines.feed(data) for event in self._read(text)]

    def exited(self, code: int | None, stderr: str) -> list[AgentEvent]:
        events = [event for text, _ in self._lines.close() for event in self._read(text)]
        if isinstance(self._end, Finished):
            return [*events, replace(self._end, text=self._whole.text())]
        how = "was ended by a signal" if code is None else f"ended with code {code}"
        last = clean(stderr).strip().rpartition("\n")[2]
        return [*events, self._end or Failed(f"the scripted agent {how}{last and ': '}{last}")]

    def steer(self, directive: str, text: str) -> bytes | None:
        if self._steering is not How.IN_TURN:
            return None
        return _line({"directive": directive, "text": text})

    def answer(self, request: str, refusal: str) -> bytes:
        return _line({"answer": request, "refusal": refusal})

    def _read(self, line: str) -> list[AgentEvent]:
        try:
            return self._events(json.loads(line))
        except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError):
            # what our own program did not write is text for people
            return [Said(line + "\n")]

    def _events(self, message: object) -> list[AgentEvent]:
        match message:
            case {"say": str(text)}:
                return self._said(clean(text))
            case {"output": str(text)}:
                return self._said(without_verdict(clean(text)))
            case {"finished": _} | {"failed": _}:
                self._end = _ending(message)
                return []
            case _:
                return [_told(message)]

    def _said(self, text: str) -> list[AgentEvent]:
        lines = [line + "\n" for line in text.splitlines() or [""]]
        for line in lines:
            self._whole.add(line)
        return [Said("".join(lines))]


def _told(message: object) -> AgentEvent:
    match message:
        case {"asks": str(request), "tool": str(tool), "detail": str(detail)}:
            return PermissionAsked(request, tool, detail)
        case {"tool": str(tool), "detail": str(detail)}:
            return ToolCalled(tool, clean(detail))
        case {"returned": str(tool), "ok": bool(ok), "detail": str(detail)}:
            return ToolReturned(tool, ok, clean(detail))
        case {"usage": {"input": int(spent), "output": int(made), "cost": cost, **more}}:
            found = UsageCounted(spent, made, _finite(cost), str(more.get("model", "")))
            cached = more.get("cached", 0)
            return replace(found, cached_tokens=cached) if isinstance(cached, int) else found
        case {"rate_limit": seconds}:
            return RateLimited(_finite(seconds), "the script says so")
        case {"retry": int(attempt), "wait": wait, "reason": str(reason)}:
            return Retrying(attempt, _finite(wait), clean(reason))
        case {"session": str(session)}:
            return SessionNamed(session)
        case {"taken": str(directive)}:
            return DirectiveTaken(directive)
        case _:
            raise ValueError(message)


def _ending(message: object) -> Finished | Failed:
    match message:
        case {"finished": int(code)}:
            return Finished(exit_code=code)
        case {"failed": str(reason), "signed_out": True}:
            return Failed(clean(reason), retryable=False, signed_out=True)
        case {"failed": str(reason), "retryable": bool(retryable)}:
            return Failed(clean(reason), retryable)
        case _:
            raise ValueError(message)


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _line(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"
