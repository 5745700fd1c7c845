from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.errors import PlanFileError, UsageError
from maestro_ray.model.plan_file import (
    PhaseDraft,
    PlanDraft,
    TaskDraft,
    from_json,
    parse_plan,
    task_from_json,
    tasks_as_plan,
    to_json,
)

PLAN = """\
title = "Sums"
base = "main"
test = "pytest -q"
description = "All of it."

[[phases]]
title = "First"

[[phases.tasks]]
id = "add"
title = "Add numbers"
description = '''
Write `add`.
[[phases.tasks]]
'''
skill = "python"
proficiency = "70%"
priority = 5

[[phases.tasks]]
title = "Subtract numbers"
depends = ["add"]

[[phases]]
title = "Then"

[[phases.tasks]]
id = "docs"
title = "Describe it"
depends = ["add", "subtract-numbers", "add"]
role = "writer"
test = "true"
"""


def complaint(text: str) -> str:
    with pytest.raises(PlanFileError) as caught:
        parse_plan(text, "plan.toml")
    return str(caught.value)


def test_a_whole_plan() -> None:
    add = TaskDraft(
        "add", "Add numbers", "Write `add`.\n[[phases.tasks]]\n", skill="python", proficiency=4, priority=5
    )
    subtract = TaskDraft("subtract-numbers", "Subtract numbers", depends=("add",))
    docs = TaskDraft("docs", "Describe it", depends=("add", "subtract-numbers"), role="writer", test="true")
    plan = parse_plan(PLAN, "plan.toml")
    phases = (PhaseDraft("First", (add, subtract)), PhaseDraft("Then", (docs,)))
    assert plan == PlanDraft("Sums", phases, "main", "pytest -q", "All of it.")
    assert plan.tasks == (add, subtract, docs)


def test_a_plan_without_phases() -> None:
    plan = parse_plan('title = "P"\n[[tasks]]\ntitle = "Ürün!"\n[[tasks]]\ntitle = "修正"\n', "p")
    assert plan.phases == (PhaseDraft("", (TaskDraft("urun", "Ürün!"), TaskDraft("task-2", "修正"))),)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('title = "Sums"', "title = Sums", "1:9: Invalid value"),
        ('title = "Sums"\n', "", "1:1: a title is missing"),
        ('title = "Sums"', 'title = " "', "1:1: the title is empty"),
        ('title = "Sums"', "titel = 1", "1:1: unknown key 'titel' (did you mean title?)"),
        ('title = "Sums"', "title = 5", "1:1: 'title' must be a string, not a whole number"),
        ('title = "Sums"', 'title = "a\\nb"', "1:1: 'title' must be one line without control characters"),
        ('base = "main"', 'base = "a\\u001b"', "2:1: 'base' must be one line without control characters"),
        ('title = "Then"\n', "", "24:1: a title is missing"),
        ('title = "Subtract numbers"\n', "", "20:1: a title is missing"),
        ('title = "Subtract numbers"', 'title = ""', "21:1: the title is empty"),
        ('id = "add"', 'id = "a b"', "10:1: id 'a b' must be made of letters, digits, '-', '_' and '.'"),
        ('id = "add"', 'id = "-a"', "10:1: id '-a' must be made of letters, digits, '-', '_' and '.'"),
        ('id = "docs"', 'id = "add"', "28:1: another task has the id 'add' already"),
        (
            'id = "docs"', 'id = "subtract-numbers"', "28:1: another task has the id 'subtract-numbers' already"
        ),
        ('title = "Subtract numbers"', 'title = "ADD"',
         "20:1: another task has the id 'add' already (made from its title; give it an id of its own)"),
        ('depends = ["add"]', 'depends = "add"', "22:1: 'depends' must be a list, not a string"),
        ('depends = ["add"]', "depends = [1]", "22:12: an element of 'depends' must be a string, not a whole number"),
        ('depends = ["add"]', 'depends = ["ad"]', "22:12: there is no task with the id 'ad' (did you mean add?)"),
        ('["add", "subtract-numbers", "add"]', '[\n  "add",\n  "no"\n]', "32:3: there is no task with the id 'no'"),
        ('role = "writer"', 'role = "A Writer"', "31:1: role 'A Writer' must be made of small letters, digits and '-'"),
        ('skill = "python"', 'skill = "py thon"', "16:1: skill 'py thon' must be made of letters"),
        ('proficiency = "70%"', 'proficiency = "guru"', "17:1: a proficiency is a number from 1 to 5"),
        ("priority = 5", "priority = 1001", "18:1: 'priority' must be from -1000 to 1000"),
        ("priority = 5", "priority = 0.5", "18:1: 'priority' must be a whole number, not a number"),
        ('test = "true"', 'test = "a\\u0000"', "32:1: 'test' holds a NUL"),
        ('role = "writer"', 'rolle = "writer"', "31:1: unknown key 'rolle' (did you mean role?)"),
        ('title = "Then"', 'titel = "Then"', "25:1: unknown key 'titel' (did you mean title?)"),
        ('[[phases]]\ntitle = "Then"\n', '[[phases]]\ntitle = "Then"\n[[phases]]\ntitle = "x"\n',
         "24:1: this phase has no tasks: add a [[phases.tasks]] table below it"),
    ],
)  # fmt: skip
def test_every_mistake_names_its_line_and_column(old: str, new: str, message: str) -> None:
    assert old in PLAN
    assert complaint(PLAN.replace(old, new, 1)).startswith(f"plan.toml:{message}")


def test_a_long_title_and_a_long_test_are_refused() -> None:
    assert complaint(PLAN.replace("Sums", "x" * 201)) == (
        "plan.toml:1:1: the title is longer than 200 characters; use description"
    )
    assert complaint(PLAN.replace("pytest -q", "x" * 8_001)) == (
        "plan.toml:3:1: 'test' must be a shell command; put a long one into a script"
    )


def test_a_plan_of_nothing_is_refused() -> None:
    assert (
        complaint('title = "P"') == "plan.toml:1:1: the plan has no tasks: add a [[tasks]] table with a title"
    )


def test_phases_and_loose_tasks_do_not_mix() -> None:
    message = "plan.toml:33:1: a plan has either [[phases]] with [[phases.tasks]], or [[tasks]] alone"
    assert complaint(PLAN + '[[tasks]]\ntitle = "x"\n') == message


@pytest.mark.parametrize(
    ("depends", "message"),
    [
        ({"a": "a"}, "4:1: these tasks wait for each other: a → a"),
        ({"b": "c", "c": "d", "d": "b"}, "8:1: these tasks wait for each other: b → c → d → b"),
        ({"b": "d", "d": "c", "c": "b"}, "8:1: these tasks wait for each other: b → d → c → b"),
        ({"a": "d", "d": "c", "c": "d"}, "12:1: these tasks wait for each other: c → d → c"),
        ({"a": "b", "c": "d", "d": "c"}, "12:1: these tasks wait for each other: c → d → c"),
    ],
)
def test_a_cycle_is_named_as_it_waits(depends: dict[str, str], message: str) -> None:
    tasks = "".join(
        f'[[tasks]]\ntitle = "{key}"\ndepends = {json.dumps([*depends.get(key, "")])}\n\n' for key in "abcd"
    )
    assert complaint(f'title = "P"\n{tasks}') == f"plan.toml:{message}"


def test_a_chain_of_thousands_is_no_cycle() -> None:
    tasks = "".join(
        f'[[tasks]]\nid = "t{n}"\ntitle = "t"\n' + (f'depends = ["t{n - 1}"]\n' if n else "")
        for n in range(2_000)
    )
    assert len(parse_plan(f'title = "P"\n{tasks}', "p").tasks) == 2_000


def test_words_become_tasks() -> None:
    plan = tasks_as_plan(["\n Fix the parser \nIt is slow.\n", "Fix the Parser", "修正"])
    assert plan.title == "Fix the parser and 2 more"
    assert plan.tasks == (
        TaskDraft("fix-the-parser", "Fix the parser", "Fix the parser \nIt is slow."),
        TaskDraft("fix-the-parser-2", "Fix the Parser", "Fix the Parser"),
        TaskDraft("task-3", "修正", "修正"),
    )
    assert tasks_as_plan(["One"]).title == "One"


def test_a_long_first_line_is_cut() -> None:
    (task,) = tasks_as_plan(["word " * 50]).tasks
    assert (len(task.title), task.title[-2:]) == (72, "w…")
    assert len(task.description) == 249


@pytest.mark.parametrize("texts", [[], ["do", " \n"], ["\x00"]])
def test_no_words_are_refused(texts: list[str]) -> None:
    with pytest.raises(UsageError, match=r"there is no task|is empty"):
        tasks_as_plan(texts)


def test_json_is_checked_as_a_file_is() -> None:
    with pytest.raises(PlanFileError, match="plan:1:1: there is no task with the id 'x'"):
        from_json({"title": "P", "tasks": [{"title": "a", "depends": ["x"]}]})
    with pytest.raises(PlanFileError, match="plan:1:1: must be a table, not null"):
        from_json(None)


_words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=20)
_texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
_keys = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,8}", fullmatch=True)


@st.composite
def _tasks(draw: st.DrawFn) -> tuple[TaskDraft, ...]:
    keys = draw(st.lists(_keys, min_size=1, max_size=5, unique=True))
    return tuple(
        TaskDraft(
            key,
            draw(_words),
            draw(_texts),
            tuple(draw(st.lists(st.sampled_from(keys[:index]), unique=True))) if index else (),
            draw(st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)),
            draw(st.one_of(st.just(""), _keys)),
            draw(st.integers(1, 5)),
            draw(_words),
            draw(st.integers(-1000, 1000)),
        )
        for index, key in enumerate(keys)
    )


@st.composite
def _plans(draw: st.DrawFn) -> PlanDraft:
    tasks = draw(_tasks())
    cut = draw(st.integers(0, len(tasks)))
    parts = [part for part in (tasks[:cut], tasks[cut:]) if part]
    titles = [draw(_words) for _ in parts] if len(parts) > 1 else [draw(st.one_of(st.just(""), _words))]
    phases = tuple(PhaseDraft(title, part) for title, part in zip(titles, parts, strict=True))
    return PlanDraft(draw(_words), phases, draw(st.one_of(st.just(""), _words)), draw(_words), draw(_texts))


@given(_plans())
def test_a_plan_survives_the_wire(plan: PlanDraft) -> None:
    assert from_json(json.loads(json.dumps(to_json(plan)))) == plan


def _refused_or_read(text: str) -> None:
    try:
        plan = parse_plan(text, "p")
    except PlanFileError as error:
        _, line, column, message = error.args
        lines = text.removeprefix("\ufeff").split("\n")
        assert 1 <= line <= len(lines)
        assert 1 <= column <= len(lines[line - 1]) + 1
        assert message
    else:
        assert from_json(to_json(plan)) == plan


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    _refused_or_read(text)


_fragments = st.sampled_from(
    ["title", "tasks", "phases", "id", "depends", "[[", "]]", "[", "]", "{", "}", "=", '"', "'", '"""', "'''", "\n",
     " ", ".", ",", "#", "\\", "\\u0000", "1", "a", "true", "é", "\r\n", "\x1b", 'title = "x"\n', "[[tasks]]\n",
     "[[phases]]\n", "[[phases.tasks]]\n", 'depends = ["x"]\n', 'id = "x"\n', "priority = 3\n"]
)  # fmt: skip


@given(st.lists(_fragments, max_size=25).map("".join))
def test_anything_near_a_plan_is_read_or_refused(text: str) -> None:
    _refused_or_read(text)


@given(
    st.integers(0, len(PLAN)),
    st.integers(0, 30),
    st.sampled_from(["", '"', "]", "x", "\n", "[[phases]]\n", "= 1"]),
)
def test_a_damaged_plan_is_read_or_refused(at: int, width: int, put: str) -> None:
    _refused_or_read(PLAN[:at] + put + PLAN[at + width :])


def test_a_task_alone_is_checked_like_one_of_a_plan() -> None:
    assert task_from_json({"title": " One ", "proficiency": "expert"}) == TaskDraft(
        "one", "One", proficiency=5
    )
    for bad in ({}, {"title": ""}, {"title": "x", "role": "Dev"}, {"title": "x", "priority": 1001}, []):
        with pytest.raises(PlanFileError):
            task_from_json(bad)
