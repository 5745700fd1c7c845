from __future__ import annotations

import pytest

from .question import Question, Turn


@pytest.mark.parametrize(
    "told",
    [
        "# Environment\n - Primary working directory: /w/repo\n",
        "<env>\n  Working directory: /w/repo\n</env>",
        "<environment_context>\n  <cwd>/w/repo</cwd>",
        "- **Workspace Directories:**\n  - /w/repo",
    ],
)
def test_it_finds_where_the_agent_works(told):
    assert Question("m", (), system=told).folder == "/w/repo"
    assert Question("m", (Turn("user", told),)).folder == "/w/repo"


def test_nothing_told_is_no_folder():
    assert Question("m", (Turn("user", "in /w/repo"),)).folder == ""


def test_without_tools_it_is_an_aside_but_not_for_those_that_edit_by_text():
    assert Question("m", ()).aside
    assert not Question("m", (), tools={"Bash": {}}).aside
    assert not Question("m", (), system="Use SEARCH/REPLACE blocks.").aside


def test_what_people_said_leaves_out_model_and_tools():
    turns = (Turn("user", "a"), Turn("model", "b"), Turn("tool", "c"), Turn("user", "d"))
    assert Question("m", turns).said == "a\nd"
