"""A workbench for work that is only a look: a worktree that nothing is kept of, and a reply that is mended once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from maestro_ray.actors.messages import BeWorker
from maestro_ray.actors.outcome import Outcome
from maestro_ray.actors.threads import in_thread
from maestro_ray.actors.turn import Ended
from maestro_ray.actors.workbench import Assignment, Workbench
from maestro_ray.agent.json_reply import BadReply
from maestro_ray.analysis.glance import glance
from maestro_ray.model.agent import Finished
from maestro_ray.model.run import Purpose
from maestro_ray.ports import Job
from maestro_ray.redaction import redact, redact_all

# how often a reply that cannot be used may be mended
REPAIRS = 1


class LookBench(Workbench):
    """What counts is what the agent says at the end. A kind of it says what is asked, and what a reply means."""

    purpose: Purpose
    # in the reason of a run that failed: who, and what was not there
    nothing: str

    def __init__(self, part: BeWorker) -> None:
        super().__init__(part)
        self._at = ""
        self._files: Sequence[str] = ()
        self._test = ""
        self._repairs = 0
        self._reply = ""
        self._wrong: Sequence[str] = ()

    @abstractmethod
    def _prompt(self, assignment: Assignment, directives: Sequence[str], resume: str) -> str:
        """What it is asked; with `_wrong` to mend its `_reply`, which it knows when it can `resume`."""

    @abstractmethod
    def _understood(self, assignment: Assignment, text: str) -> Outcome:
        """What its reply amounts to. Raises `BadReply`."""

    def _branch(self, _assignment: Assignment) -> str:
        """Where it looks; empty for the branch the repository is on."""
        return ""

    def refusal(self, assignment: Assignment) -> str:
        if assignment["purpose"] != self.purpose:
            return f"this agent does a {self.purpose}, and no {assignment['purpose']}"
        return ""

    def job(self, assignment: Assignment, directives: Sequence[str]) -> Job:
        resume = self.session(assignment)
        return Job(
            run=assignment["id"],
            purpose=assignment["purpose"],
            task="",
            key=str(self.purpose),
            title=assignment["plan"]["title"],
            prompt=self._prompt(assignment, directives, resume),
            worktree=self._path(),
            scratch=self._run_scratch(assignment),
            base=self._at,
            commit=self._at,
            test=self._test,
            revision=len(assignment.get("rejected", ())) + self._repairs,
            attempt=assignment["attempt"],
            resume=resume,
        )

    async def outcome(self, assignment: Assignment, ended: Ended) -> Outcome:
        """What was asked for, or another turn with what is wrong with it, or the end of the run with a card."""
        if not isinstance(ended.event, Finished):
            return await super().outcome(assignment, ended)
        text = redact(ended.event.text, self._secrets)
        try:
            return self._understood(assignment, text)
        except BadReply as bad:
            self._reply, self._wrong = text, bad.mistakes
            if self._repairs < REPAIRS:
                self._repairs += 1
                return Outcome("again", summary=f"asked again: {'; '.join(bad.mistakes)}")
            said = "\n".join(f"  {each}" for each in bad.mistakes)
            return Outcome.failed(f"{self.nothing}:\n{said}", hold=True)

    def _facts(self, assignment: Assignment) -> list[str]:
        known = redact_all(assignment.get("knowledge", ()), self._secrets)
        return [f"{each['kind']} {each['path']}: {each['title']}\n{each['body']}" for each in known]

    def _prepare(self, assignment: Assignment) -> None:
        """The worktree at the tip of the branch, where a read-only agent may look around."""
        worktrees = self._open()
        branch = self._branch(assignment) or worktrees.repo.default_base()
        self._at = worktrees.repo.tip(branch)
        worktrees.add(self._part.name, self._at)
        seen = glance(worktrees.repo.git, self._at)
        self._files, self._test = seen.entries, seen.test
        self._repairs, self._reply, self._wrong = 0, "", ()
        self._run_scratch(assignment).mkdir(mode=0o700, parents=True, exist_ok=True)

    async def finish(self, assignment: Assignment) -> None:
        """The scratch directory goes, and the worktree: there may never be another run of this kind."""
        await super().finish(assignment)
        await in_thread(lambda: self._open().remove(self._path()))
