"""Any program as an agent: a codemod, a formatter, aider, a test command. What counts is its exit code."""

from __future__ import annotations

import os
import shlex
import shutil
from collections import deque
from collections.abc import Sequence
from pathlib import PurePath

from maestro_ray.errors import BadProvider, ProviderMissing
from maestro_ray.model.agent import AgentEvent, Failed, Finished, Said
from maestro_ray.model.steering import How
from maestro_ray.ports import Job, Launch, ProviderSpec
from maestro_ray.providers.output import HEAD, TAIL, Bounded, Lines, Piece, without_verdict
from maestro_ray.providers.template import Template, environment, prompt_file

CLOSING_WORDS = 16 * 1_024
LAST_LINES = 3


class Command:
    """The template is the table's `argv` and then the words of ARG, split as a shell would; no shell is involved.

    Without a template it runs the job's test command, and only for a test. Raises `BadProvider`.
    """

    def __init__(self, spec: ProviderSpec) -> None:
        self._spec = spec
        self._text = f"{spec.kind}:{spec.arg}" if spec.arg else spec.kind
        try:
            argv = [*spec.argv, *shlex.split(spec.arg)]
            self._template = Template(argv) if argv else None
        except ValueError as bad:
            raise BadProvider(self._text, str(bad)) from None

    @property
    def needs_test(self) -> bool:
        """Whether there is nothing to run without a test command."""
        return self._template is None or "test" in self._template.names

    def check(self, path: str, role: str) -> None:
        """A program inside the worktree, or named by a placeholder, is only known when the run begins."""
        if self._template is None and role != "test":
            raise BadProvider(
                f"{role}={self._text}", "it needs the command to run: command:'PROGRAM ARGUMENTS'"
            )
        program = self._template.program if self._template else "sh"
        if program is None or ("/" in program and not PurePath(program).is_absolute()):
            return
        if shutil.which(program, os.F_OK | os.X_OK, path) is None:
            raise ProviderMissing(role, program)

    def environment(self) -> Sequence[str]:
        return self._spec.env

    @property
    def account(self) -> str:
        return ""

    def open(self, job: Job) -> CommandRun:
        """Raises `BadProvider` when there is nothing to run for this purpose."""
        return CommandRun(job, self._argv(job), self._spec.verdict == "exit-code")

    def _argv(self, job: Job) -> tuple[str, ...]:
        if self._template is None and job.purpose != "test":
            raise BadProvider(self._text, f"it needs the command to run for the purpose {job.purpose!r}")
        # an empty command would succeed, and so a test that never ran would pass
        if not job.test and self.needs_test:
            raise BadProvider(
                self._text, "there is nothing to run: neither the task nor its plan has a test command"
            )
        return self._template.fill(job) if self._template else ("sh", "-c", job.test)


class CommandRun:
    """One run of the program: every line is said, the exit code decides.

    A test is finished whatever its code, a review too: judging is somebody else's matter, and with `judge` the code
    itself is the judgement. Any other purpose fails with a code that is not 0.
    """

    def __init__(self, job: Job, argv: tuple[str, ...], judge: bool = False) -> None:
        self._purpose, self._judge = job.purpose, judge
        self._lines = Lines(whole=job.purpose == "review")
        self._whole = Bounded(HEAD, TAIL) if job.purpose in ("review", "plan") else Bounded(0, CLOSING_WORDS)
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._launch = Launch(
            argv,
            env=environment(job),
            merge_stderr=True,
            files={prompt_file(job): job.prompt.encode(errors="replace")},
        )

    @property
    def launch(self) -> Launch:
        return self._launch

    @property
    def steering(self) -> How:
        return How.NEXT_TURN

    def feed(self, data: bytes) -> list[AgentEvent]:
        return self._say(self._lines.feed(data))

    def exited(self, code: int | None, stderr: str) -> list[AgentEvent]:
        events = self._say(self._lines.close())
        events += self.feed(stderr.encode(errors="replace"))
        events += self._say(self._lines.close())
        return [*events, self._outcome(code)]

    def steer(self, _directive: str, _text: str) -> bytes | None:
        return None

    def answer(self, _request: str, _refusal: str) -> bytes:
        return b""

    def _say(self, pieces: Sequence[Piece]) -> list[AgentEvent]:
        texts = [text + "\n" if ends else text for text, ends in pieces]
        for text in texts:
            self._whole.add(text)
            if any(c.isalnum() for c in text):
                self._last.append(text.strip()[:300])
        return [Said(text) for text in texts]

    def _outcome(self, code: int | None) -> Finished | Failed:
        if code is None:
            return Failed("ended by a signal" + self._because(self._last))
        if self._purpose == "review" and self._judge:
            return Finished(self._judged(code), code)
        if self._purpose == "review" and code != 0:
            return Finished(self._unless_rejected(code), code)
        if code == 0 or self._purpose == "test":
            return Finished(self._whole.text(), code)
        return Failed(f"exited with code {code}" + self._because(list(self._last)[-1:]))

    def _unless_rejected(self, code: int) -> str:
        """A review that broke off has approved nothing: its last line may be one that it was quoting."""
        text = self._whole.text().rstrip()
        if text.rpartition("\n")[2].startswith("VERDICT: REJECTED"):
            return text
        return (
            f"{text}\nVERDICT: REJECTED — the reviewer ended with exit code {code}{self._because(self._last)}"
        )

    def _judged(self, code: int) -> str:
        words = without_verdict(self._whole.text())
        reason = " / ".join(self._last) or "no word was said"
        verdict = "APPROVED" if code == 0 else f"REJECTED — exit code {code}: {reason}"
        return f"{words}\nVERDICT: {verdict}"

    @staticmethod
    def _because(lines: Sequence[str]) -> str:
        return ": " + " / ".join(lines) if lines else ""
