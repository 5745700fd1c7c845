from __future__ import annotations

from pathlib import Path

import pytest

from maestro_ray.extensions.definitions import Definition, find_definitions, read_markdown, read_table
from maestro_ray.extensions.found import used

from .trees import around, repository, write

CLAUDE = """---
name: code-reviewer
description: Use after a change.
tools: Read, Grep
disallowedTools: [Bash]
model: opus
permissionMode: plan
color: blue
---

You review code.
"""
OURS = """description = "Writes documentation."
prompt = "You write."
provider = "codex"
model = "gpt-5"
tools = ["Read"]
denied_tools = ["Bash"]
permissions = "acceptEdits"
skills = ["docs"]
"""


def test_a_file_in_claudes_form_is_read() -> None:
    read, notes = read_markdown(CLAUDE, "x", Path("x.md"), theirs=True)
    assert read == Definition(
        "code-reviewer",
        "Use after a change.",
        Path("x.md"),
        "You review code.",
        model="opus",
        tools=("Read", "Grep"),
        denied_tools=("Bash",),
        permissions="plan",
        theirs=True,
    )
    assert notes == ("maestro makes nothing of 'color'",)


def test_a_table_is_read_and_named_after_its_file() -> None:
    read, notes = read_table(OURS, "writer", Path("writer.toml"), theirs=False)
    assert (read.name, read.provider, read.tools, read.permissions) == (
        "writer",
        "codex",
        ("Read",),
        "acceptEdits",
    )
    assert notes == ()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("You review.", "there is no frontmatter: the first line must be ---"),
        (
            "---\nname: Reviewer\ndescription: x\n---\nP",
            "the name 'Reviewer' must be small letters, digits and hyphens",
        ),
        (
            "---\nname: ../x\ndescription: x\n---\nP",
            "the name '../x' must be small letters, digits and hyphens",
        ),
        ("---\nname: a\n---\nP", "a description is missing: it says when this agent is the right one"),
        ("---\ndescription: x\n---\n", "it has neither a prompt nor a provider: it would change nothing"),
        (
            "---\ndescription: x\npermissionMode: bypasPermissions\n---\nP",
            "there are no permissions 'bypasPermissions' (did you mean bypassPermissions?)",
        ),
        (
            "---\ndescription: x\ntools: {Read: yes}\n---\nP",
            "'tools' must be a list, or words with commas between them",
        ),
    ],
)
def test_a_broken_file_is_said_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        read_markdown(text, "a", Path("a.md"), theirs=False)
    assert str(refused.value).startswith(sentence)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("toools = []", "a.toml:1:1: unknown key 'toools' (did you mean tools?)"),
        ("description = 1", "a.toml:1:1: 'description' must be a string, not a whole number"),
        ("x =", "a.toml:1:4: Invalid value"),
    ],
)
def test_a_mistake_in_a_table_has_its_place(text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        read_table(text, "a", Path("/x/a.toml"), theirs=False)
    assert str(refused.value).startswith(sentence)


def test_the_first_place_wins_and_a_broken_one_breaks_no_other(tmp_path: Path) -> None:
    repo = repository(
        tmp_path,
        {
            ".maestro/agents/writer.toml": OURS,
            ".maestro/agents/broken.md": "no head",
            ".claude/agents/writer.md": CLAUDE.replace("code-reviewer", "writer"),
            ".claude/agents/notes.txt": "",
            ".claude/agents/code-reviewer.md": CLAUDE,
        },
    )
    write(tmp_path / "home", {"agents/broken.md": CLAUDE.replace("code-reviewer", "broken")})
    found = find_definitions(around(tmp_path))
    assert [(each.name, each.state, str(each.origin)) for each in found] == [
        ("broken", "broken", "repository"),
        ("writer", "used", "repository"),
        ("code-reviewer", "used", "repository"),
        ("writer", "shadowed", "repository"),
        ("broken", "used", "user"),
    ]
    assert found[3].shadowed_by == repo / ".maestro/agents/writer.toml"
    assert {each.name: each.theirs for each in used(found)} == {
        "writer": True,
        "code-reviewer": True,
        "broken": False,
    }
