"""A person does the run: what is started only waits, and says back what it is told."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from maestro_ray.errors import BadProvider, ProviderMissing
from maestro_ray.model.agent import AgentEvent, DirectiveTaken, Failed, Finished, Said, SessionNamed
from maestro_ray.model.steering import How
from maestro_ray.ports import Job, Launch, ProviderSpec
from maestro_ray.providers.installed import gone
from maestro_ray.providers.json_lines import JsonLines, line
from maestro_ray.providers.output import clean, without_verdict

KIND = "manual"
# it holds the run's place: whatever ends, moves or cuts an agent does so with it
PROGRAM = "cat"
PURPOSES = ("execute", "test", "review")


class ManualTurn:
    """One turn. Its session is the run itself: a run that was cut goes on with the files as the person left them."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._lines = JsonLines()
        self._end: Finished | Failed | None = None
        # whether somebody has said so: another's verdict would be told that it counts, and does not
        self.said_done = False
        self._launch = Launch((PROGRAM,), stdin=line({"begins": job.run}), keep_stdin=True)

    @property
    def launch(self) -> Launch:
        return self._launch

    @property
    def steering(self) -> How:
        return How.IN_TURN

    def feed(self, data: bytes) -> list[AgentEvent]:
        return [event for value in self._lines.feed(data) for event in self._read(value)]

    def exited(self, code: int | None, stderr: str) -> list[AgentEvent]:
        return [self._end or Failed(gone(PROGRAM, code, "before the person was done", stderr))]

    def steer(self, directive: str, text: str) -> bytes:
        return line({"directive": directive, "text": text})

    def answer(self, _request: str, _refusal: str) -> bytes:
        return b""

    def done(self, verdict: str) -> bytes:
        """Bytes that end the turn. For a review or a test `verdict` is `APPROVED` or `REJECTED — reason`."""
        self.said_done = True
        return line({"done": verdict})

    def _read(self, value: Mapping[str, Any] | str) -> list[AgentEvent]:
        match value:
            case {"begins": str(run)}:
                return [SessionNamed(run), Said(self._waits())]
            case {"directive": str(directive), "text": str(text)}:
                return [Said(f"⚑ {clean(text)}\n"), DirectiveTaken(directive)]
            case {"done": str(verdict)} if self._end is None:
                self._end = self._finished(verdict)
                return [self._end]
        return []

    def _waits(self) -> str:
        """What there is to do is the prompt that an agent would have."""
        again = "waits again, with the files as they were" if self._job.resume else "waits"
        return (
            f"This run {again} for a person, in {self._job.worktree}\n{without_verdict(self._job.prompt)}\n"
        )

    def _finished(self, verdict: str) -> Finished:
        if self._job.purpose == "review":
            return Finished(f"VERDICT: {verdict}")
        if self._job.purpose == "test":
            return Finished(verdict, 0 if verdict == "APPROVED" else 1)
        return Finished("done by a person")


class Manual:
    """Raises `BadProvider`."""

    def __init__(self, spec: ProviderSpec) -> None:
        if spec.arg or spec.argv or spec.args or spec.model:
            raise BadProvider(f"{spec.kind}:{spec.arg}", "manual takes no arguments: a person does the run")

    def check(self, path: str, role: str) -> None:
        if shutil.which(PROGRAM, os.F_OK | os.X_OK, path) is None:
            raise ProviderMissing(role, PROGRAM)

    def environment(self) -> Sequence[str]:
        return ()

    @property
    def account(self) -> str:
        return ""

    def open(self, job: Job) -> ManualTurn:
        return ManualTurn(job)
