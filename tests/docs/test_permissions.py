"""The examples of the page about permissions are ruled as it says."""

from __future__ import annotations

import re

import pytest

from maestro_ray.model.permission import Place, Question, Situation, Tool, kind_of, policy

from .markdown import DOCS, rows, section

PAGE = DOCS / "how-to" / "permissions.md"
EXAMPLES = [cells for cells in rows(section(PAGE, "Rules")) if cells[2].startswith("`")]
HERE = Place(("/home/ada/w",), "/home/ada")


def ruled(lines: list[str], tool: str, what: str, **situation: object) -> str:
    about = () if kind_of(tool) is Tool.SHELL else (what,)
    return policy(lines, Situation(**situation)).decide(Question(tool, what, about), HERE).ruling  # type: ignore[arg-type]


@pytest.mark.parametrize("cells", EXAMPLES, ids=lambda cells: cells[1])
def test_an_example_is_ruled_as_it_says(cells: list[str]) -> None:
    (asked,) = re.findall(r"`(.*)`$", cells[1])
    tool, _, what = asked.partition(": ")
    assert ruled(re.findall(r"`([^`]+)`", cells[0]), tool, what) == cells[2].strip("`")


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 10


def test_what_holds_when_nobody_has_said_anything_is_as_the_table_says() -> None:
    words = {"allow": "allowed", "ask": "asked", "deny": "denied"}
    edits, tests, other, judges = rows(section(PAGE, "When nobody has said anything"))
    for boxed, column in ((True, 1), (False, 2)):
        now = {"boxed": boxed, "test": "make test"}
        for tool, what in (("Edit", "a.py"), ("Read", "/etc/hosts")):
            assert words[ruled([], tool, what, **now)] == edits[column]
        for what in ("make test", "ls -l", "cat a", "grep x a", "git status"):
            assert words[ruled([], "Bash", what, **now)] == tests[column]
        for tool, what in (
            ("Bash", "make"),
            ("Edit", "/etc/x"),
            ("WebFetch", "https://x"),
            ("mcp__x__y", "{}"),
        ):
            assert words[ruled([], tool, what, **now)] == other[column]
        for purpose in ("review", "test"):
            assert words[ruled(["allow *"], "Edit", "a.py", purpose=purpose, **now)] == judges[column]
