"""Blockers and questions of agents: which lines count, and what becomes of them in a whole team."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from workspace.sample import Sample

from maestro_ray.actors.proposals import Proposals, Proposed, Refused
from maestro_ray.actors.raising import refused
from maestro_ray.home import Home
from maestro_ray.model.raised import PER_RUN
from maestro_ray.model.subtask import PER_TASK
from maestro_ray.testing import LocalMaestro

from .stage import APPROVE, begin, end

BLOCKER = 'MAESTRO:BLOCKER {"text": "no table"}\n'
DECISION = 'MAESTRO:DECISION {"question": "Which?", "options": ["a", "b"]}\n'


def test_both_are_lines_of_their_own() -> None:
    assert Proposals().feed(BLOCKER + DECISION) == [
        Proposed({"text": "no table"}, "blocker"),
        Proposed({"question": "Which?", "options": ["a", "b"]}, "decision"),
    ]
    assert Proposals().feed(f"> {BLOCKER}```\n{DECISION}") == []


@pytest.mark.parametrize(
    ("line", "action", "why"),
    [
        ("MAESTRO:BLOCKER no table", "blocker", "not JSON"),
        ('MAESTRO:BLOCKER {"title": "x"}', "blocker", "an object with a text"),
        ('MAESTRO:BLOCKER {"text": "x", "run": "y"}', "blocker", "unknown key 'run'"),
        ('MAESTRO:DECISION {"question": "x"}', "decision", "options must be a list"),
        ('MAESTRO:DECISION {"question": "x", "options": ["a", "-f"]}', "decision", "an option must be"),
    ],
)
def test_what_is_meant_as_one_and_is_none_is_refused(line: str, action: str, why: str) -> None:
    (found,) = Proposals().feed(line + "\n")
    assert isinstance(found, Refused)
    assert (found.action, found.line) == (action, line)
    assert why in found.reason


def test_each_kind_has_a_bound_of_its_own() -> None:
    subtask = 'MAESTRO:SUBTASK {"title": "x"}\n'
    found = Proposals().feed(BLOCKER * 20 + DECISION * 20 + subtask * 20)
    taken = [each.action for each in found if isinstance(each, Proposed)]
    assert {kind: taken.count(kind) for kind in taken} == {
        "blocker": PER_RUN,
        "decision": PER_RUN,
        "subtask": PER_TASK,
    }
    assert len([each for each in found if isinstance(each, Refused)]) == 3


def test_what_an_agent_asked_for_is_told_in_its_words() -> None:
    assert refused("decision", {"question": "Which?", "options": []}) == "Which?"
    assert refused("complete", {"result": {}}) == ""


# ── in a whole team ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def maestro(home: Home) -> AsyncIterator[LocalMaestro]:
    async with LocalMaestro(home) as maestro:
        yield maestro


PROGRAM = """
if [ "$MAESTRO_ATTEMPT" = 1 ]; then
  echo 'MAESTRO:BLOCKER {{"text": "no table for AKIA0123456789ABCDEF"}}'
  echo 'MAESTRO:BLOCKER please'
  echo 'MAESTRO:DECISION {{"question": "Which?", "options": ["this one", "that"]}}'
  until [ -e {go} ]; do sleep 0.02; done
  exit 1
fi
cp "$MAESTRO_PROMPT_FILE" {seen}
echo x > one.txt
"""


async def test_a_blocker_and_a_question_reach_the_team_and_the_answer_the_next_prompt(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path
) -> None:
    program, go, seen = tmp_path / "dev.sh", tmp_path / "go", tmp_path / "seen"
    program.write_text(PROGRAM.format(go=go, seen=seen))
    await begin(maestro, sample, providers={"dev": f"command:sh {program}", "review": APPROVE})
    blocker = (await maestro.until("blocker"))["body"]
    assert (blocker["title"], "AKIA" in blocker["text"]) == ("Write one", False)
    assert (await maestro.until("blocker.refused"))["body"]["blocker"] == "MAESTRO:BLOCKER please"
    assert (await maestro.until("question"))["body"]["options"] == ["this one", "that"]
    card = (await maestro.until("decision.requested"))["decision"]
    await maestro.call("decide.answer", id=card["id"], answer="this one")
    said = await maestro.until("said")
    assert said["sender"] == "operator"
    go.touch()
    await end(maestro)
    answered = "> operator: The answer is 'this one', to the question: Write one: Which?"
    assert answered in seen.read_text().splitlines()
