"""The workbench of an analyst: its reply is what takes understanding to know of the repository."""

from __future__ import annotations

from collections.abc import Sequence

from maestro_ray.actors.look_bench import LookBench
from maestro_ray.actors.outcome import Outcome
from maestro_ray.actors.workbench import Assignment
from maestro_ray.agent.survey_prompt import build_survey_prompt
from maestro_ray.agent.survey_reply import read_items
from maestro_ray.model.run import Purpose


class SurveyBench(LookBench):
    purpose = Purpose.REPO_ANALYSIS
    nothing = "the agent said nothing about the repository that can be used"

    def _understood(self, _assignment: Assignment, text: str) -> Outcome:
        items = read_items(text)
        return Outcome.completed(f"{len(items)} item{'s' if len(items) != 1 else ''} found", items=items)

    def _prompt(self, assignment: Assignment, directives: Sequence[str], resume: str) -> str:
        return build_survey_prompt(
            project=assignment["plan"]["title"].removeprefix("Analysis of "),
            note=assignment["plan"]["description"],
            files=self._files,
            test=self._test,
            facts=self._facts(assignment),
            wrong=self._wrong,
            reply=self._reply,
            directives=directives,
            resumed=bool(resume),
        )
