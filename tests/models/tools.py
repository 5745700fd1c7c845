"""How a step is taken with the tools that the asking program offers: each has its own names for the same things."""

from __future__ import annotations

import json
import posixpath
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .answer import Call
from .question import Question


@dataclass(frozen=True)
class Write:
    """A file below the agent's directory with all its text."""

    path: str
    text: str


@dataclass(frozen=True)
class Edit:
    """One passage of a file, and what replaces it."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Read:
    """A file to look at; some programs edit only what they have read."""

    path: str


@dataclass(frozen=True)
class Run:
    """A command line of the shell."""

    command: str


@dataclass(frozen=True)
class Use:
    """A tool of an MCP server with these arguments; each program has its own prefix for those."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    server: str = "maestro"


def wait_for(path: str) -> Run:
    """A slow command: it ends when this file exists."""
    return Run(f"while [ ! -e {shlex.quote(path)} ]; do sleep 0.05; done; echo opened")


_NAMES = {
    Write: ("Write", "write", "write_file"),
    Edit: ("Edit", "edit", "replace"),
    Read: ("Read", "read", "read_file"),
    Run: ("Bash", "bash", "run_shell_command", "exec_command", "shell_command", "shell"),
}
# mini-swe-agent takes nothing for an end but the output of this
_SUBMIT = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
_PATH = ("file_path", "filePath", "absolute_path", "path")
_TEXT = ("content", "contents")
_OLD = ("old_string", "oldString", "oldText")
_NEW = ("new_string", "newString", "newText")
_COMMAND = ("command", "cmd")


def call(step: Write | Edit | Read | Run | Use, question: Question) -> Call:
    """The call of a tool that takes the step. Raises `LookupError` when none of those offered can."""
    if isinstance(step, Use):
        return _use(step, question)
    for name in _NAMES[type(step)]:
        if schema := question.tools.get(name):
            return Call(name, _arguments(step, schema, question.folder))
    if "exec" in question.tools:
        return Call("exec", {}, free=_code(step))
    if isinstance(step, Run):
        raise LookupError(f"no tool of {sorted(question.tools)} runs a command")
    if "apply_patch" in question.tools and not isinstance(step, Read):
        return Call("apply_patch", {}, free=_patch(step))
    return call(Run(_by_shell(step)), question)


def _use(step: Use, question: Question) -> Call:
    for name in question.tools:
        if name.endswith(step.tool):
            return Call(name, step.arguments)
    if "tool_call" in question.tools:  # Qwen has them behind a search as well, and this to use them
        named = f"mcp__{step.server}__{step.tool}"
        return Call("tool_call", {"name": named, "arguments": dict(step.arguments)})
    if (
        "apply_patch" in question.tools
    ):  # Codex offers them only to who searches, and takes the call all the same
        return Call(f"mcp__{step.server}.{step.tool}", step.arguments)
    raise LookupError(f"no tool of {sorted(question.tools)} is {step.tool}")


def finish(question: Question) -> tuple[Call, ...]:
    """What must be called beside the last words; most programs take words without a call as the end."""
    if _SUBMIT not in question.said:
        return ()
    return (call(Run(f"echo {_SUBMIT}"), question),)


def _arguments(step: Write | Edit | Read | Run, schema: Mapping[str, Any], folder: str) -> dict[str, Any]:
    known: Mapping[str, Any] = schema.get("properties", {})
    if isinstance(step, Run):
        name = _name(known, _COMMAND)
        listed = known[name].get("type") in ("array", "ARRAY")
        given: dict[str, Any] = {name: ["bash", "-c", step.command] if listed else step.command}
    else:
        given = {_name(known, _PATH): posixpath.join(folder, step.path)}
        if isinstance(step, Write):
            given[_name(known, _TEXT)] = step.text
        if isinstance(step, Edit):
            given |= {_name(known, _OLD): step.old, _name(known, _NEW): step.new}
    return _rest(schema) | given


def _rest(schema: Mapping[str, Any]) -> dict[str, Any]:
    """What a program insists on besides: most want to be told what it is for."""
    known = schema.get("properties", {})
    texts = [
        name for name in schema.get("required", ()) if known.get(name, {}).get("type") in ("string", "STRING")
    ]
    return dict.fromkeys(texts, "as asked")


def _name(known: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next(name for name in names if name in known)


def _patch(step: Write | Edit) -> str:
    """In the form of Codex's `apply_patch`."""
    if isinstance(step, Write):
        lines = [f"*** Add File: {step.path}", *(f"+{line}" for line in step.text.splitlines())]
    else:
        old, new = step.old.splitlines(), step.new.splitlines()
        lines = [
            f"*** Update File: {step.path}",
            "@@",
            *(f"-{line}" for line in old),
            *(f"+{line}" for line in new),
        ]
    return "\n".join(["*** Begin Patch", *lines, "*** End Patch", ""])


def _code(step: Write | Edit | Read | Run) -> str:
    """For the models of Codex that have one tool, which runs JavaScript."""
    if isinstance(step, Write | Edit):
        return f"text(await tools.apply_patch({json.dumps(_patch(step))}))"
    command = step.command if isinstance(step, Run) else _by_shell(step)
    return f"text(await tools.exec_command({json.dumps({'cmd': command})}))"


def _by_shell(step: Write | Edit | Read) -> str:
    path = shlex.quote(step.path)
    if isinstance(step, Write):
        return f"mkdir -p $(dirname {path}) && printf %s {shlex.quote(step.text)} > {path}"
    if isinstance(step, Edit):
        code = "import sys,pathlib; p=pathlib.Path(sys.argv[1]); p.write_text(p.read_text().replace(*sys.argv[2:],1))"
        return shlex.join(["python3", "-c", code, step.path, step.old, step.new])
    return f"cat {path}"
