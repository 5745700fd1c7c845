from __future__ import annotations

import json
from pathlib import Path

import pytest

from maestro_ray.extensions.events import EVENTS
from maestro_ray.extensions.hooks import LONGEST_COMMAND, Hook, find_hooks

from .trees import around, repository, write

OWN = """
[[hooks.PreMerge]]
command = ["make", "check it"]
timeout = 5

[[hooks.PreToolUse]]
command = "grep -q x && exit 2"
matcher = "Bash|Edit"
"""
BAD = """
[[hooks.PreMergee]]
command = "x"
[[hooks.PreMerge]]
command = 3
[[hooks.PreMerge]]
comand = "x"
[[hooks.PreMerge]]
command = "x"
matcher = "y"
[[hooks.RunStart]]
command = "x"
matcher = "("
[[hooks.RunStart]]
command = []
[[hooks.RunStart]]
command = "x"
timeout = 0
[[hooks.RunStart]]
command = "sound"
"""


def test_hooks_of_every_place_are_found_and_none_shadows_another(tmp_path: Path) -> None:
    repo = repository(tmp_path, {".maestro/config.toml": OWN, "sub/x": ""})
    write(tmp_path / "home", {"config.toml": OWN})
    plugin = write(
        tmp_path / "plug",
        {
            "hooks/hooks.json": json.dumps(
                {
                    "description": "x",
                    "hooks": {
                        "PostToolUse": [
                            {
                                "matcher": "Write",
                                "hooks": [{"type": "command", "command": "${CLAUDE_PLUGIN_ROOT}/f"}],
                            }
                        ],
                        "Stop": [{"hooks": [{"type": "command", "command": "x"}]}],
                        "SessionStart": [{"hooks": [{"type": "prompt", "prompt": "x"}]}],
                    },
                }
            )
        },
    )
    found = find_hooks(around(tmp_path, "sub", tools=plugin))
    assert [
        (each.name, str(each.origin), each.value.words if each.value else each.problem) for each in found
    ] == [
        ("PreMerge", "user", "make 'check it'"),
        ("PreToolUse", "user", "grep -q x && exit 2"),
        ("PreMerge", "repository", "make 'check it'"),
        ("PreToolUse", "repository", "grep -q x && exit 2"),
        ("PostToolUse", "plugin tools", "${CLAUDE_PLUGIN_ROOT}/f"),
        ("Stop", "plugin tools", "maestro has no event 'Stop', so that nothing runs it"),
        ("SessionStart", "plugin tools", "maestro runs hooks of the type 'command', and not 'prompt'"),
    ]
    assert found[2].value == Hook("PreMerge", ("make", "check it"), repo, 5.0)


def test_a_bad_hook_breaks_no_other(tmp_path: Path) -> None:
    repository(tmp_path, {".maestro/config.toml": BAD})
    found = find_hooks(around(tmp_path))
    assert [each.problem.partition("config.toml:")[2] or each.problem for each in found] == [
        "there is no event 'PreMergee' (did you mean PreMerge?)",
        "5:1: 'command' must be a string, not a whole number",
        "7:1: unknown key 'comand' (did you mean command?)",
        "PreMerge takes no matcher: there is nothing to choose by",
        "the matcher '(' is no regular expression: missing ), unterminated subpattern at position 0",
        "15:1: a command is missing: a list of words, or a text for sh",
        "18:1: 'timeout' is more than 0 and at most 600 seconds",
        "",
    ]
    assert [each.value.words for each in found if each.value] == ["sound"]


@pytest.mark.parametrize("text", ["[[hooks", "hooks = 1", "[hooks]\nPreMerge = 1"])
def test_a_broken_file_is_one_broken_entry(tmp_path: Path, text: str) -> None:
    repository(tmp_path, {".maestro/config.toml": text})
    assert [each.state for each in find_hooks(around(tmp_path))] == ["broken"]


@pytest.mark.parametrize(
    ("matcher", "said", "matches"),
    [
        ("", {}, True),
        ("*", {"tool_name": "Bash"}, True),
        ("Bash|Edit", {"tool_name": "Edit"}, True),
        ("Bash", {"tool_name": "BashOutput"}, False),
        ("mcp__.*", {"tool_name": "mcp__x__y"}, True),
        ("Bash", {}, False),
    ],
)
def test_a_matcher_is_about_the_whole_name(matcher: str, said: dict[str, str], matches: bool) -> None:
    hook = Hook("PreToolUse", ("x",), Path("/"), matcher=matcher)
    assert hook.matches("PreToolUse", said) is matches
    assert not hook.matches("PostToolUse", said)


def test_there_are_the_events_that_are_promised() -> None:
    assert set(EVENTS) == {
        "SessionStart",
        "SessionEnd",
        "RunStart",
        "RunEnd",
        "PreMerge",
        "Verdict",
        "Steering",
        "Notification",
        "PreToolUse",
        "PostToolUse",
    }


def test_a_command_is_shown_with_all_that_is_executed(tmp_path: Path) -> None:
    """A shell's text is shown as a person would write it only when nothing follows that it could run."""
    text = """[[hooks.RunEnd]]\ncommand = ["sh", "-c", "\\"$@\\"", "sh", "rm", "-rf", "all"]\n"""
    repository(tmp_path, {".maestro/config.toml": text})
    hook = find_hooks(around(tmp_path))[-1].value
    assert hook is not None
    assert hook.words == """sh -c '"$@"' sh rm -rf all"""


def test_a_command_of_endless_words_is_broken(tmp_path: Path) -> None:
    text = f"[[hooks.RunEnd]]\ncommand = 'true {'x ' * LONGEST_COMMAND}'\n"
    repository(tmp_path, {".maestro/config.toml": text})
    assert f"longer than {LONGEST_COMMAND} characters" in find_hooks(around(tmp_path))[-1].problem
