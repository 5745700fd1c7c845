from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.agent.json_reply import LARGEST, MOST_TOLD, BadReply, last_block
from maestro_ray.agent.plan_reply import LONGEST_TEXT, MOST_TASKS, Crew, read_reply
from maestro_ray.model.plan_file import from_json, to_json

CREW = Crew({"dev": {"sql": 3}, "docs": {}, "review": {}})
TASKS = [{"key": "a", "title": "A"}, {"key": "b", "title": "B", "depends_on": ["a"]}]


def reply(value: Any, words: str = "Here it is.") -> str:
    return f"{words}\n```json\n{json.dumps(value, indent=2)}\n```\nThat is the plan."


def mistakes(value: Any, crew: Crew = CREW) -> list[str]:
    with pytest.raises(BadReply) as bad:
        read_reply(value if isinstance(value, str) else reply(value), crew)
    return bad.value.mistakes


def plan(*tasks: Any, **more: Any) -> dict[str, Any]:
    return {"title": "Shop", "tasks": list(tasks or TASKS), **more}


def test_a_plan_is_read_in_the_words_of_a_plan_file() -> None:
    task = {
        "key": "b", "title": "B", "description": "of\nit", "depends_on": ["a"], "role": "dev", "skill": "sql",
        "proficiency": 2, "test": "make b", "priority": 5,
    }  # fmt: skip
    draft = read_reply(reply(plan(TASKS[0], task, description="Why.", test="make")), CREW)
    assert (draft.title, draft.description, draft.test) == ("Shop", "Why.", "make")
    assert [(each.key, each.depends, each.role) for each in draft.tasks] == [
        ("a", (), "dev"),
        ("b", ("a",), "dev"),
    ]
    b = draft.tasks[1]
    assert (b.skill, b.proficiency, b.test, b.priority, b.description) == ("sql", 2, "make b", 5, "of\nit")


def test_the_last_block_counts_and_no_other_language() -> None:
    first, last = reply(plan(title="First")), reply(plan(title="Last"))
    other = "\n```python\nprint()\n```\n"
    assert read_reply(first + "\n" + last + other, CREW).title == "Last"
    assert last_block("~~~\n{}\n```\n~~~~") == "{}\n```"
    assert last_block("```JSON\r\n{}\r\n```\r\n") == "{}\r"
    assert last_block("```\nls\n```") is None
    assert last_block("```json\n{}") is None


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("I could not.", "there is no fenced JSON block"),
        ("```json\n{]\n```", "the block is not JSON"),
        ("```json\n" + '{"a":' * 100 + "1" + "}" * 100 + "\n```", "nested deeper"),
        ('```json\n{"title": "a", "title": "b"}\n```', "repeated"),
        (f"```json\n{'[' + ' ' * LARGEST}\n```", "longer than"),
        ([], "the block must be an object"),
        ({}, "title: is missing"),
        ({"title": "x"}, "tasks: must be a list of at least one task"),
        (plan(TASKS[0], deadline="now"), "deadline: there is no such key"),
        ({"title": "x", "tasks": TASKS[:1] * (MOST_TASKS + 1)}, f"tasks: {MOST_TASKS + 1} are too many"),
        (plan("a"), "tasks[0]: must be an object"),
        (plan({"title": "A"}), "tasks[0].key: is missing"),
        (plan({"key": "a"}), "tasks[0].title: is missing"),
        (plan({"key": "a", "title": 7}), "tasks[0].title: must be a text"),
        (plan({"key": "a", "title": "A\0"}), "tasks[0].title: holds a NUL"),
        (plan({"key": "a", "title": "A", "description": "x" * (LONGEST_TEXT + 1)}), "tasks[0].description: is longer"),
        (plan(*TASKS, {"key": "c", "title": "C", "depends_on": ["bb"]}), "tasks[2].depends_on[0]: there is no task with the key 'bb'"),
        (plan({"key": "a", "title": "A", "depends_on": "b"}), "tasks[0].depends_on: must be a list"),
        (plan(TASKS[0], TASKS[0]), "tasks: the key 'a' is given twice"),
        (plan({**TASKS[0], "depends_on": ["b"]}, TASKS[1]), "plan: these tasks wait for each other: a → b → a"),
        (plan({"key": "a b", "title": "A"}), "plan: id 'a b' must be made of"),
        (plan({"key": "a", "title": "A", "role": "lead"}), "tasks[0].role: the team has no 'lead'; it has dev, docs, review"),
        (plan({"key": "a", "title": "A", "skill": "rust"}), "tasks[0].skill: no dev has 'rust' at 1; skills there: sql at 3"),
        (plan({"key": "a", "title": "A", "skill": "sql", "proficiency": 4}), "tasks[0].skill: no dev has 'sql' at 4"),
        (plan({"key": "a", "title": "A", "proficiency": 9}), "tasks[0].proficiency: must be"),
        (plan({"key": "a", "title": "A", "priority": 5000}), "plan: 'priority' must be"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_with_its_place(value: Any, why: str) -> None:
    found = mistakes(value)
    assert any(each.startswith(why) or why in each for each in found), found


def test_all_mistakes_are_told_at_once_but_no_more_than_a_few() -> None:
    found = mistakes({"title": 1, "tasks": [{"title": "A", "role": "qa"}]})
    assert [each.partition(":")[0] for each in found] == ["title", "tasks[0].key", "tasks[0].role"]
    many = mistakes(plan({"key": "a", "title": "A", "depends_on": [f"x{n}" for n in range(5000)]}))
    assert (len(many), many[-1]) == (MOST_TOLD + 1, "and more")


def test_a_team_with_a_tester_needs_a_test_command() -> None:
    crew = Crew(CREW.roles, tests=True)
    assert mistakes(plan(TASKS[0]), crew) == [
        "tasks[0].test: the team has a tester, and neither the plan nor the task names a test command"
    ]
    assert read_reply(reply(plan(test="make")), crew).test == "make"
    assert read_reply(reply(plan({**TASKS[0], "test": "make a"})), crew).tasks[0].test == "make a"


_word = st.text(max_size=6) | st.sampled_from(["a", "b", "dev", "sql"])
_value = st.recursive(
    st.none() | st.booleans() | st.integers() | _word,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_word, inner, max_size=3),
    max_leaves=6,
)
_task = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("key", "title", "depends_on", "role", "skill", "proficiency", "test"), _value),
)
_plans = st.fixed_dictionaries(
    {}, optional={"title": _value, "test": _value, "tasks": st.lists(_task | _value)}
)


@given(_plans | _value)
def test_whatever_is_proposed_is_a_sound_plan_or_is_refused(value: Any) -> None:
    try:
        draft = read_reply(reply(value), CREW)
    except BadReply as bad:
        assert bad.mistakes
        assert all(len(each) < 1000 for each in bad.mistakes)
        return
    assert from_json(to_json(draft)) == draft
    assert all(task.role in CREW.roles for task in draft.tasks)


@given(
    st.text()
    | st.lists(st.sampled_from(["```json", "```", "~~~", "{", "}", "\n", "\r", "[", '"'])).map("".join)
)
def test_no_text_breaks_the_reader(text: str) -> None:
    with pytest.raises(BadReply):
        read_reply(text, CREW)
