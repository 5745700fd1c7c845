"""Subtasks that agents propose: which lines count, and what becomes of them in a whole team."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workspace.sample import Sample

from maestro_ray.actors.proposals import LONGEST, Proposals, Proposed, Refused
from maestro_ray.agent.prompt import build_prompt
from maestro_ray.home import Home
from maestro_ray.model.subtask import PER_TASK
from maestro_ray.testing import LocalMaestro, eventually

from .stage import APPROVE, begin, end, nothing_left, plan

LINE = 'MAESTRO:SUBTASK {"title": "Docs"}'


def titles(*pieces: str) -> list[str]:
    proposals = Proposals()
    found = [each for piece in pieces for each in proposals.feed(piece)]
    return [each.values["title"] for each in found if isinstance(each, Proposed)]


def refusals(text: str) -> list[Refused]:
    return [each for each in Proposals().feed(text) if isinstance(each, Refused)]


@pytest.mark.parametrize(
    "text",
    [
        f"{LINE}\n",
        f"I will split it.\n{LINE}\nDone.\n",
        f"{LINE}  \r\n",
        'MAESTRO:SUBTASK{"title":"Docs"}\n',
        f"```\ncode\n```\n{LINE}\n",
    ],
)
def test_a_line_of_its_own_is_a_proposal(text: str) -> None:
    assert titles(text) == ["Docs"]
    assert titles(*text) == ["Docs"]


@pytest.mark.parametrize(
    "text",
    [
        LINE,
        f" {LINE}\n",
        f"> {LINE}\n",
        f"| {LINE}\n",
        f"say {LINE}\n",
        f"dev-2: {LINE}\n",
        f"```\n{LINE}\n```\n",
        f"> ~~~\n{LINE}\n",
        'MAESTRO:SUBTASKS {"title": "Docs"}\n',
        'maestro:subtask {"title": "Docs"}\n',
    ],
)
def test_what_is_quoted_unfinished_or_inside_a_line_is_none(text: str) -> None:
    assert Proposals().feed(text) == []


@pytest.mark.parametrize(
    ("rest", "why"),
    [
        ("", "not JSON"),
        ("add docs", "not JSON"),
        ('{"title": "Docs"', "not JSON"),
        ('{"title": "Docs"} thanks', "not JSON"),
        ('["Docs"]', "an object with a title"),
        ("{}", "an object with a title"),
        ('{"title": "  "}', "an object with a title"),
        ('{"title": 7}', "an object with a title"),
        ('{"title": "a", "title": "b"}', "repeated"),
        ('{"title": "a", "priority": NaN}', "not a finite number"),
        (r'{"title": "a\u0000b"}', "a NUL"),
        (r'{"title": "a", "description": "\udce9"}', "half a character"),
        ('{"title": "a", "epoch": 99}', "unknown key 'epoch'"),
        ('{"title": "a", "x": ' + "[" * 100 + "]" * 100 + "}", "nested deeper"),
        (json.dumps({"title": "a" * LONGEST}), f"longer than {LONGEST}"),
    ],
)
def test_what_is_meant_as_one_and_is_none_is_refused_with_the_reason(rest: str, why: str) -> None:
    (refused,) = refusals(f"MAESTRO:SUBTASK {rest}\n")
    assert why in refused.reason
    assert refused.line.startswith("MAESTRO:SUBTASK")
    assert len(refused.line) <= 200


def test_the_example_of_the_prompt_is_none() -> None:
    """mini-swe-agent prints its prompt and breaks it into lines: such a team split its task for nothing."""
    text = build_prompt(
        "execute",
        plan_title="p",
        task_title="t",
        description="",
        role="dev",
        branch="b",
        base="",
        commit="",
        test="",
    )
    assert "MAESTRO:SUBTASK" in text
    assert Proposals().feed(text.replace("MAESTRO:", "\nMAESTRO:").replace("}", "}\n")) == []


def test_a_run_proposes_a_few_and_that_there_are_more_is_said_once() -> None:
    lines = "".join(f'MAESTRO:SUBTASK {{"title": "{n}"}}\n' for n in range(PER_TASK + 5))
    assert titles(lines) == [str(n) for n in range(PER_TASK)]
    assert [each.reason.partition(":")[0] for each in refusals(lines)] == [
        f"a run proposes at most {PER_TASK} subtasks"
    ]


def test_another_turn_begins_a_line_of_its_own_and_counts_on() -> None:
    proposals = Proposals()
    assert proposals.feed("```\nhalf of ") == []
    proposals.begin()
    assert len(proposals.feed((LINE + "\n") * 20)) == PER_TASK + 1
    proposals.begin()
    assert proposals.feed(LINE + "\n") == []


def test_a_line_without_end_is_held_only_as_far_as_it_could_count() -> None:
    proposals = Proposals()
    for _ in range(100):
        proposals.feed("x" * 10_000)
    assert len(proposals._line) <= LONGEST + 1
    assert proposals.feed(f"\n{LINE}\n") == [Proposed({"title": "Docs"})]


_pieces = st.lists(st.sampled_from([*'a`~> {}"\n', "\n", "```", LINE, "MAESTRO:SUBTASK "]), max_size=12)


@given(_pieces)
def test_how_it_is_cut_changes_nothing(pieces: list[str]) -> None:
    whole, cut = Proposals(), Proposals()
    assert whole.feed("".join(pieces)) == [each for piece in pieces for each in cut.feed(piece)]


# ── in a whole team ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def maestro(home: Home) -> AsyncIterator[LocalMaestro]:
    async with LocalMaestro(home) as maestro:
        yield maestro


SCRIPT = """
[[turns]]
task = "one"
[[turns.steps]]
say = '''
I do the code.
MAESTRO:SUBTASK {"title": "Write the docs", "description": "Of what one does.", "after_parent": true}
MAESTRO:SUBTASK {"title": "Ask nobody", "role": "no such role!"}
MAESTRO:SUBTASK please
'''
[[turns.steps]]
run = "echo 'MAESTRO:SUBTASK {\\"title\\": \\"printed by a program\\"}'"
[[turns.steps]]
edit = "one.txt"
text = "x"

[[turns]]
task = "Write the docs"
[[turns.steps]]
edit = "docs.txt"
text = "x"
"""


async def test_a_subtask_is_worked_on_reviewed_and_released_with_its_task(
    maestro: LocalMaestro, home: Home, sample: Sample, tmp_path: Path
) -> None:
    (tmp_path / "script.toml").write_text(SCRIPT)
    providers = {"dev": f"scripted:{tmp_path / 'script.toml'}", "review": APPROVE}
    await begin(maestro, sample, providers=providers)
    result = await end(maestro)
    tasks = {task["title"]: (task["key"], task["status"]) for task in result["tasks"]}
    assert tasks == {"Write one": ("one", "completed"), "Write the docs": ("one.1", "completed")}
    assert {"one.txt", "docs.txt"} <= sample.files("main").keys()
    refused = {
        event["body"]["subtask"]: event["body"]["reason"]
        for event in [event async for event in maestro.events()]
        if event["kind"] == "subtask.refused"
    }
    assert refused.keys() == {"Ask nobody", "MAESTRO:SUBTASK please"}
    assert "role" in refused["Ask nobody"]
    nothing_left(home, sample)


async def test_a_subtask_outlives_a_studio_that_is_away_and_the_death_of_connections(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path
) -> None:
    program = tmp_path / "dev.sh"
    program.write_text(
        f"""
        [ "$MAESTRO_KEY" = one ] && until [ -e {tmp_path}/away ]; do sleep 0.02; done
        [ "$MAESTRO_KEY" = one ] && echo '{LINE}'
        [ "$MAESTRO_KEY" = one ] && until [ -e {tmp_path}/go ]; do sleep 0.02; done
        echo x > "$MAESTRO_KEY.txt"
        """
    )
    await begin(
        maestro, sample, providers={"dev": f"command:sh {program}", "review": APPROVE}, plan=plan("one")
    )
    await maestro.until("run.started", purpose="execute")
    await maestro.studio.stop()
    (tmp_path / "away").touch()
    await eventually(lambda: len(maestro.connections.reports.outbox))
    await maestro.kill_connections()
    assert len(maestro.connections.reports.outbox) == 1
    (tmp_path / "go").touch()
    await maestro.studio.start()
    result = await end(maestro)
    assert [(task["key"], task["title"]) for task in result["tasks"]] == [
        ("one", "Write one"),
        ("one.1", "Docs"),
    ]
