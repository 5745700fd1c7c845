"""Each program's own tools, as it offered them in November 2026."""

from __future__ import annotations

import json
import subprocess

import pytest

from .answer import Call
from .question import Question, Turn
from .tools import Edit, Read, Run, Write, call, wait_for


def schema(*names: str, required: tuple[str, ...] = (), kind: str = "string") -> dict[str, object]:
    return {"properties": {name: {"type": kind} for name in names}, "required": list(required)}


CLAUDE = {
    "Bash": schema("command", "description", required=("command",)),
    "Edit": schema("file_path", "old_string", "new_string", "replace_all"),
    "Read": schema("file_path"),
    "Write": schema("file_path", "content"),
}
OPENCODE = {
    "bash": schema("command", "description", required=("command", "description")),
    "edit": schema("filePath", "oldString", "newString"),
    "read": schema("filePath"),
    "write": schema("filePath", "content"),
}
GEMINI = {
    "replace": schema("file_path", "old_string", "new_string", "instruction", required=("instruction",)),
    "run_shell_command": schema("command"),
    "write_file": schema("file_path", "content"),
}
CODEX = {"apply_patch": None, "exec_command": schema("cmd")}
TURN = (Turn("user", "Working directory: /w"),)


def asked(tools: object) -> Question:
    return Question("m", TURN, tools=tools)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tools", "name", "arguments"),
    [
        (CLAUDE, "Write", {"file_path": "/w/a.txt", "content": "a\n"}),
        (OPENCODE, "write", {"filePath": "/w/a.txt", "content": "a\n"}),
        (GEMINI, "write_file", {"file_path": "/w/a.txt", "content": "a\n"}),
    ],
)
def test_a_file_is_written_with_the_tool_that_is_there(tools, name, arguments):
    assert call(Write("a.txt", "a\n"), asked(tools)) == Call(name, arguments)


@pytest.mark.parametrize(
    ("tools", "name", "arguments"),
    [
        (CLAUDE, "Edit", {"file_path": "/w/a.txt", "old_string": "a", "new_string": "b"}),
        (OPENCODE, "edit", {"filePath": "/w/a.txt", "oldString": "a", "newString": "b"}),
        (
            GEMINI,
            "replace",
            {"file_path": "/w/a.txt", "old_string": "a", "new_string": "b", "instruction": "as asked"},
        ),
    ],
)
def test_an_edit_names_the_passage(tools, name, arguments):
    assert call(Edit("a.txt", "a", "b"), asked(tools)) == Call(name, arguments)


def test_a_command_is_run_and_what_else_is_required_is_told():
    assert call(Run("make"), asked(CLAUDE)).arguments == {"command": "make"}
    assert call(Run("make"), asked(OPENCODE)).arguments == {"command": "make", "description": "as asked"}
    assert call(Run("make"), asked(CODEX)) == Call("exec_command", {"cmd": "make"})
    listed = {"shell": schema("command", kind="array")}
    assert call(Run("make"), asked(listed)).arguments == {"command": ["bash", "-c", "make"]}


def test_codex_changes_files_with_a_patch():
    written = call(Write("a.txt", "a\n"), asked(CODEX))
    assert written.free == "*** Begin Patch\n*** Add File: a.txt\n+a\n*** End Patch\n"
    edited = call(Edit("a.txt", "a", "b"), asked(CODEX))
    assert edited.free == "*** Begin Patch\n*** Update File: a.txt\n@@\n-a\n+b\n*** End Patch\n"


def test_its_newer_models_write_javascript():
    tools = {"exec": None, "wait": schema("cell_id")}
    ran = call(Run("make"), asked(tools))
    assert (ran.tool, ran.free) == ("exec", 'text(await tools.exec_command({"cmd": "make"}))')
    written = call(Write("a.txt", "a\n"), asked(tools)).free or ""
    patch = json.loads(written.removeprefix("text(await tools.apply_patch(").removesuffix("))"))
    assert patch.startswith("*** Begin Patch\n*** Add File: a.txt")


@pytest.mark.parametrize("step", [Write("d/it's.txt", "a'b\n"), Edit("x.txt", "old", "new"), Read("x.txt")])
def test_with_a_shell_alone_it_does_all_of_it(step, tmp_path):
    (tmp_path / "x.txt").write_text("old\n")

    ran = call(step, asked({"bash": schema("command")}))
    done = subprocess.run(
        ["bash", "-c", ran.arguments["command"]], cwd=tmp_path, check=True, capture_output=True
    )

    if isinstance(step, Write):
        assert (tmp_path / step.path).read_text() == step.text
    elif isinstance(step, Edit):
        assert (tmp_path / "x.txt").read_text() == "new\n"
    else:
        assert done.stdout == b"old\n"


def test_a_slow_command_waits_for_a_file(tmp_path):
    (tmp_path / "go").touch()

    done = subprocess.run(
        ["bash", "-c", wait_for("go").command], cwd=tmp_path, capture_output=True, timeout=20
    )
    assert done.stdout == b"opened\n"


def test_without_a_tool_that_runs_commands_it_says_so():
    with pytest.raises(LookupError, match="no tool of \\['Read'\\] runs a command"):
        call(Run("make"), asked({"Read": schema("file_path")}))
